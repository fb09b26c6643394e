//! Anti-tear (R70, R71): the power goes at every byte that a writing command writes. The card comes back with the old or the new
//! content, no counter higher than it was unless the command was done, and goes on working. The number of cuts is printed
//! (`--nocapture`) and counted.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod host;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cardlib_card::profile::{Profile, Scope};
use cardlib_sim::nvm::{Medium, Mount, Nvm};
use cardlib_sim::sam::memory::SamMemory;
use cardlib_sim::user::memory::UserMemory;
use cardlib_sim::{Chip, Random, SamCard, TransportMaster, UserCard, VirtualCard};
use host::card::*;
use host::sam;
use host::*;

/// Bytes that still reach the file, once armed; and how many were written.
#[derive(Default)]
struct Power {
    left: Option<usize>,
    written: usize,
}

type Supply = Arc<Mutex<Power>>;

/// A file whose power goes at a chosen byte: what was written before it stays, nothing comes after.
struct Torn {
    file: File,
    supply: Supply,
}

impl Torn {
    fn gone() -> io::Error {
        io::Error::other("the power is gone")
    }
}

impl Medium for Torn {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut power = self.supply.lock().unwrap();
        let take = power.left.unwrap_or(usize::MAX).min(bytes.len());
        self.file.write_at(offset, &bytes[..take])?;
        power.written += take;
        if let Some(left) = &mut power.left {
            *left -= take;
        }
        if take < bytes.len() {
            power.left = Some(0);
            return Err(Self::gone());
        }
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        if self.supply.lock().unwrap().left == Some(0) {
            return Err(Self::gone());
        }
        self.file.cut(len)
    }
}

fn mount(supply: &Supply) -> Mount {
    let supply = supply.clone();
    Arc::new(move |file| {
        let supply = supply.clone();
        Box::new(Torn { file, supply })
    })
}

/// What a memory holds, its counters apart.
#[derive(PartialEq, Eq, Clone)]
struct Seen {
    content: Vec<u8>,
    counters: Vec<i64>,
}

/// Tries left and allowances: they may only be lower than before unless the command was done.
fn look_user(path: &Path) -> Seen {
    let mut memory = Nvm::<UserMemory>::open(path).unwrap().get().clone();
    let mut counters = Vec::new();
    for key in memory.keys.iter_mut().flatten() {
        counters.push(i64::from(std::mem::take(&mut key.tries)));
    }
    for df in &mut memory.dfs {
        counters.push(i64::from(std::mem::take(&mut df.mac_tries)));
    }
    counters.push(-i64::from(std::mem::take(&mut memory.base.counter)));
    let content = postcard::to_stdvec(&memory).unwrap();
    Seen { content, counters }
}

fn look_sam(path: &Path) -> Seen {
    let mut memory = Nvm::<SamMemory>::open(path).unwrap().get().clone();
    let mut counters = vec![-i64::from(std::mem::take(&mut memory.base.counter))];
    if let Some(pin) = &mut memory.pin {
        counters.push(i64::from(std::mem::take(&mut pin.tries)));
    }
    for ceiling in memory
        .keys
        .iter_mut()
        .filter_map(|key| key.ceiling.as_mut())
    {
        counters.push(-i64::from(std::mem::take(&mut ceiling.used)));
    }
    let content = postcard::to_stdvec(&memory).unwrap();
    Seen { content, counters }
}

trait Tearable: VirtualCard + Sized {
    fn power_on(path: &Path, mount: Mount) -> Self;
    fn look(path: &Path) -> Seen;
}

impl Tearable for UserCard {
    fn power_on(path: &Path, mount: Mount) -> Self {
        let random = Random::from_seed(Some(3));
        UserCard::open_on(path, Profile::rhc_2012(), random, mount).unwrap()
    }
    fn look(path: &Path) -> Seen {
        look_user(path)
    }
}

impl Tearable for SamCard {
    fn power_on(path: &Path, mount: Mount) -> Self {
        let random = Random::from_seed(Some(3));
        SamCard::open_on(path, Profile::rhc_2012(), random, mount).unwrap()
    }
    fn look(path: &Path) -> Seen {
        look_sam(path)
    }
}

struct Desk {
    dir: tempfile::TempDir,
    cuts: usize,
}

impl Desk {
    fn path(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Cuts the command that `prepare` leads up to at every byte it writes. `status` is its answer when nothing is cut.
    fn tear<C: Tearable>(
        &mut self,
        base: &[u8],
        name: &str,
        status: u16,
        prepare: impl Fn(&mut C) -> Vec<u8>,
    ) {
        let path = self.path();
        let run = |left: Option<usize>| {
            std::fs::write(&path, base).unwrap();
            let supply = Supply::default();
            let mut card = C::power_on(&path, mount(&supply));
            card.reset();
            let apdu = prepare(&mut card);
            let before = supply.lock().unwrap().written;
            let old = left.is_none().then(|| std::fs::read(&path).unwrap());
            supply.lock().unwrap().left = left;
            let (_, answer) = send(&mut card, &apdu);
            let written = supply.lock().unwrap().written - before;
            (answer, written, old)
        };
        let (answer, bytes, old) = run(None);
        assert_eq!(answer, status, "{name}");
        let new = C::look(&path);
        std::fs::write(&path, old.unwrap()).unwrap();
        let old = C::look(&path);
        assert!(
            bytes > 0 && (old != new || status == 0x9000),
            "{name} writes"
        );
        for left in 0..bytes {
            let (answer, _, _) = run(Some(left));
            let now = C::look(&path);
            let place = format!("{name}, byte {left} of {bytes}");
            assert!(
                now.content == old.content || now.content == new.content,
                "{place}"
            );
            for ((&is, &was), &would) in now.counters.iter().zip(&old.counters).zip(&new.counters) {
                let (low, high) = ((was - 1).min(would), was.max(would));
                assert!(
                    (low..=high).contains(&is),
                    "{place}: {was} -> {is}, not {would}"
                );
                // A comparison that was made is paid for (R70).
                assert!(answer >> 8 != 0x63 || is < was || is == would, "{place}");
            }
            assert!(answer == 0x6581 || now == new, "{place}: {answer:04X}");
            self.cuts += 1;
        }
    }
}

/// The base file of a card that `make` brings to where the commands are torn.
fn user_base(desk: &Desk, make: impl Fn(&mut UserCard)) -> Vec<u8> {
    let path = desk.path();
    let _ = std::fs::remove_file(&path);
    let mut card = blank_card_at(&path, Profile::rhc_2012());
    make(&mut card);
    drop(card);
    std::fs::read(&path).unwrap()
}

fn wrong_mac(mut apdu: Vec<u8>) -> Vec<u8> {
    *apdu.last_mut().unwrap() ^= 1;
    apdu
}

fn right(card: &mut UserCard, df: &str, ef: &str, keys: &[(&str, u8)]) {
    select(card, &["DDF1", df]);
    if !ef.is_empty() {
        select(card, &[ef]);
    }
    for (name, kid) in keys {
        assert_eq!(authenticate(card, name, *kid), 0x9000);
    }
}

fn application_commands(desk: &mut Desk) {
    let base = user_base(desk, |card| finish(Profile::rhc_2012(), card));
    let uk1 = [("UK1_DF01", 0x85)];
    desk.tear(&base, "UPDATE RECORD", 0x9000, |card: &mut UserCard| {
        right(card, "DF01", "EF05", &uk1);
        let record = [&[22, 100][..], &[b'x'; 100]].concat();
        secured(card, "STK_DF01-v0", [0x04, 0xDC, 2, 4], &record)
    });
    desk.tear(
        &base,
        "UPDATE RECORD, wrong MAC",
        0x6988,
        |card: &mut UserCard| {
            right(card, "DF01", "EF05", &uk1);
            wrong_mac(secured(
                card,
                "STK_DF01-v0",
                [0x04, 0xDC, 1, 4],
                &[21, 1, 0x1F],
            ))
        },
    );
    desk.tear(
        &base,
        "the third wrong MAC",
        0x6988,
        |card: &mut UserCard| {
            right(card, "DF01", "EF05", &uk1);
            for _ in 0..2 {
                let apdu = wrong_mac(secured(
                    card,
                    "STK_DF01-v0",
                    [0x04, 0xDC, 1, 4],
                    &[21, 1, 0x1F],
                ));
                assert_eq!(send(card, &apdu).1, 0x6988);
            }
            wrong_mac(secured(
                card,
                "STK_DF01-v0",
                [0x04, 0xDC, 1, 4],
                &[21, 1, 0x1F],
            ))
        },
    );
    desk.tear(&base, "append an allergy", 0x9000, |card: &mut UserCard| {
        right(card, "DF02", "EF07", &[("UK3_DF02", 0x87)]);
        secured(card, "STK_DF02-v0", [0x04, 0xDC, 0, 3], &[b'a'; 120])
    });
    desk.tear(&base, "UPDATE BINARY", 0x9000, |card: &mut UserCard| {
        right(card, "DF03", "EE01", &[("UK1_DF03", 0x85)]);
        [&[0x00, 0xD6, 0, 0, 0x80][..], &[b'v'; 0x80]].concat()
    });
    desk.tear(&base, "WRITE RECORD", 0x9000, |card: &mut UserCard| {
        right(card, "DF03", "EF05", &[("UK1_DF03", 0x85)]);
        with_mac(card, "STK_DF03-v0", [0x84, 0xD2, 1, 0])
    });
    desk.tear(&base, "ERASE RECORD", 0x9000, |card: &mut UserCard| {
        right(card, "DF03", "EF05", &[("UK2_DF03", 0x86)]);
        with_mac(card, "STK_DF03-v0", [0x84, 0x0C, 2, 0])
    });
    desk.tear(
        &base,
        "EXTERNAL AUTHENTICATE",
        0x9000,
        |card: &mut UserCard| {
            right(card, "DF01", "", &[]);
            let random = challenge(card);
            let proof = cryptogram(&card_key("RK1_DF01-v1"), random, [0; 8]);
            [&[0x00, 0x82, 0, 0x84, 17][..], &proof, &[0; 8], &[1]].concat()
        },
    );
    desk.tear(
        &base,
        "wrong EXTERNAL AUTHENTICATE",
        0x63C9,
        |card: &mut UserCard| {
            right(card, "DF01", "", &[]);
            challenge(card);
            [&[0x00, 0x82, 0, 0x84, 17][..], &[0; 16], &[1]].concat()
        },
    );
    blocking_commands(desk, &base);
}

fn blocking_commands(desk: &mut Desk, base: &[u8]) {
    let lock = [("LK_DF02", 0x83)];
    for p2 in [0, 1] {
        desk.tear(base, "APPLICATION BLOCK", 0x9000, |card: &mut UserCard| {
            right(card, "DF02", "", &lock);
            with_mac(card, "STK_DF02-v0", [0x84, 0x1E, 0, p2])
        });
    }
    let blocked = user_base(desk, |card| {
        finish(Profile::rhc_2012(), card);
        right(card, "DF02", "", &lock);
        let block = with_mac(card, "STK_DF02-v0", [0x84, 0x1E, 0, 0]);
        assert_eq!(send(card, &block).1, 0x9000);
    });
    desk.tear(
        &blocked,
        "APPLICATION UNBLOCK",
        0x9000,
        |card: &mut UserCard| {
            select(card, &["DDF1"]);
            assert_eq!(status(card, "00A4000C02DF02"), "6A81");
            assert_eq!(authenticate(card, "LK_DF02", 0x83), 0x9000);
            with_mac(card, "STK_DF02-v0", [0x84, 0x18, 0, 0])
        },
    );
    desk.tear(base, "CARD BLOCK", 0x9000, |card: &mut UserCard| {
        assert_eq!(authenticate(card, "BK_MF", 0x03), 0x9000);
        with_mac(card, "STK_MF-v0", [0x84, 0x16, 0, 0])
    });
}

fn making_commands(desk: &mut Desk) {
    let profile = Profile::rhc_2012();
    let script = |card: &mut UserCard, steps: usize| {
        let mut script = Script {
            profile,
            card,
            factor: FACTOR,
            level: 3,
        };
        let mut host = script.open();
        if steps > 0 {
            script.files(&mut host);
        }
        if steps > 1 {
            script.keys(&mut host);
        }
        host
    };
    let blank = user_base(desk, |_| {});
    desk.tear(
        &blank,
        "open under the transport key",
        0x9000,
        |card: &mut UserCard| {
            let greeting = initialize_update(card, 0, [1; 8]).unwrap();
            Host::prepare(&transport_key(FACTOR), &greeting, [1; 8], 3).1
        },
    );
    desk.tear(
        &blank,
        "WRITE KEY of the master key",
        0x9000,
        |card: &mut UserCard| {
            let mut host = Host::open(card, &transport_key(FACTOR), 0, 3).unwrap();
            let field = host.key_field(&CMK_HEADER, &card_key("CMK"));
            host.command([0x84, 0xD4, 1, 0], &field)
        },
    );
    desk.tear(&blank, "CREATE FILE", 0x9000, |card: &mut UserCard| {
        let mut host = script(card, 0);
        let create = [0x84, 0xE0, 0, 0];
        assert_eq!(
            host.run(card, create, &df_descriptor(0x3F00, 0xDDF1)),
            0x9000
        );
        let ef05 = profile.file("DDF1/EF05").unwrap();
        host.command(create, &ef_descriptor(profile, 0xDDF1, ef05))
    });
    let files = user_base(desk, |card| {
        script(card, 2);
    });
    let again = |card: &mut UserCard| Host::open(card, &card_key("CMK"), 1, 3).unwrap();
    desk.tear(&files, "WRITE KEY", 0x9000, |card: &mut UserCard| {
        let mut host = again(card);
        let (_, header) = &key_headers(profile)[0];
        let field = host.key_field(header, &card_key("another"));
        host.command([0x84, 0xD4, 0, 0], &field)
    });
    desk.tear(&files, "STORE DATA", 0x9000, |card: &mut UserCard| {
        let two = [&b"\x01\x011\x39\x03\x41\x01\x00"[..], &[8, 18], &[b'1'; 18]].concat();
        let plain = [&[0xDD, 0xF1, 0xEF, 0x05, 0, 0][..], &two].concat();
        again(card).command([0x84, 0xDA, 0, 0], &plain)
    });
    for (name, header) in [
        ("WIPE", [0x84, 0xE4, 0, 0]),
        ("SET STATE", [0x84, 0xF0, 5, 0]),
    ] {
        desk.tear(&files, name, 0x9000, |card: &mut UserCard| {
            again(card).command(header, &[])
        });
    }
}

fn sam_base(desk: &Desk, make: impl Fn(&mut SamCard)) -> Vec<u8> {
    let path = desk.path();
    let _ = std::fs::remove_file(&path);
    let profile = Profile::rhc_2012();
    let key = TransportMaster::test().key_of(&sam::SERIAL);
    let chip = Chip::test(profile, sam::SERIAL);
    let mut card =
        SamCard::blank_at(&path, profile, chip, key, Random::from_seed(Some(5))).unwrap();
    make(&mut card);
    drop(card);
    std::fs::read(&path).unwrap()
}

fn provincial(card: &mut SamCard) -> Host {
    sam::national(card, 1);
    let mut host = sam::open_provincial(card);
    sam::write_keys(card, &mut host, 1, Scope::Provincial);
    assert_eq!(host.run(card, sam::IMPORT, &[7; 32]), 0x9000);
    sam::files_of_type(card, &mut host, 1);
    assert_eq!(host.run(card, sam::SET_PIN, &[0x12, 0x34, 0x56]), 0x9000);
    host
}

fn sam_commands(desk: &mut Desk) {
    let profile = Profile::rhc_2012();
    let rk1 = profile.key("RK1_DDF1").unwrap();
    let session = |card: &mut SamCard| Host::open(card, &card_key("SMK_P"), 2, 3).unwrap();
    let active = sam_base(desk, |card| {
        let mut host = provincial(card);
        assert_eq!(host.run(card, sam::ACTIVATE, &[]), 0x9000);
        let mut host = session(card);
        let ceiling = [0x11, 1, 0, 0, 0, 5];
        assert_eq!(host.run(card, [0x84, 0xDC, 0, 0], &ceiling), 0x9000);
    });
    let hex = |text: &str| hex::decode(text).unwrap();
    for (name, apdu, answer) in [
        ("VERIFY PIN", "0020000003123456", 0x9000),
        ("wrong VERIFY PIN", "0020000003123457", 0x63C9),
        ("CHANGE PIN", "805E010007123456FF654321", 0x9000),
    ] {
        desk.tear(&active, name, answer, |_: &mut SamCard| hex(apdu));
    }
    desk.tear(
        &active,
        "DELIVERY of a key with a ceiling",
        0x9000,
        |card: &mut SamCard| {
            sam::ready(card);
            hex("80DE473118112233445566778834313030303030300102030405060708")
        },
    );
    desk.tear(
        &active,
        "WRITE KEY of a SAM in use",
        0x9000,
        |card: &mut SamCard| {
            let mut host = session(card);
            let field = host.key_field(&sam::header(rk1, 2), &card_key("new"));
            host.command([0x84, 0xD4, 0, 0], &field)
        },
    );
    for (name, header, plain) in [
        ("SET PIN", [0x84, 0x24, 0, 0], &[0x11, 0x22, 0x33][..]),
        ("SET CEILING", [0x84, 0xDC, 0, 0], &[0x11, 1, 0, 0, 0, 9]),
        ("RETIRE KEY", [0x84, 0xE6, 0, 0], &[0x11, 0]),
        ("LOCK", [0x84, 0xF2, 1, 0], &[]),
        ("DESTROY", [0x84, 0xF2, 3, 0], &[]),
    ] {
        desk.tear(&active, name, 0x9000, |card: &mut SamCard| {
            session(card).command(header, plain)
        });
    }
    let half = sam_base(desk, |card| {
        provincial(card);
    });
    for (name, header, plain) in [
        ("IMPORT KEY PAIR", sam::IMPORT, &[9; 32][..]),
        ("ACTIVATE", sam::ACTIVATE, &[]),
        ("WIPE of a SAM", sam::WIPE, &[]),
    ] {
        desk.tear(&half, name, 0x9000, |card: &mut SamCard| {
            session(card).command(header, plain)
        });
    }
}

#[test]
fn cards_and_sams_come_back_whole_from_a_cut_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk { dir, cuts: 0 };
    application_commands(&mut desk);
    let application = desk.cuts;
    making_commands(&mut desk);
    let making = desk.cuts - application;
    sam_commands(&mut desk);
    let sams = desk.cuts - making - application;
    println!(
        "{} cuts: {application} in the application's commands, {making} while a card is made, {sams} in SAMs",
        desk.cuts
    );
    assert!(desk.cuts >= 2000, "{}", desk.cuts);
}

/// Else whoever cuts the power right after a wrong MAC could guess for ever.
#[test]
fn a_cut_after_the_last_mac_try_leaves_the_application_blocked() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk { dir, cuts: 0 };
    let base = user_base(&desk, |card| finish(Profile::rhc_2012(), card));
    let path = desk.path();
    let (mut spent_only, mut left) = (0, 0);
    loop {
        std::fs::write(&path, &base).unwrap();
        let supply = Supply::default();
        let mut card = UserCard::power_on(&path, mount(&supply));
        right(&mut card, "DF01", "EF05", &[("UK1_DF01", 0x85)]);
        for _ in 0..2 {
            let apdu = wrong_mac(secured(
                &mut card,
                "STK_DF01-v0",
                [0x04, 0xDC, 1, 4],
                &[21, 1, 0x1F],
            ));
            assert_eq!(send(&mut card, &apdu).1, 0x6988);
        }
        let last = wrong_mac(secured(
            &mut card,
            "STK_DF01-v0",
            [0x04, 0xDC, 1, 4],
            &[21, 1, 0x1F],
        ));
        supply.lock().unwrap().left = Some(left);
        let done = send(&mut card, &last).1 == 0x6988;
        drop(card);
        let df01 = {
            let nvm = Nvm::<UserMemory>::open(&path).unwrap();
            nvm.get().dfs[2].clone()
        };
        let mut card = UserCard::power_on(&path, mount(&Supply::default()));
        select(&mut card, &["DDF1"]);
        let answer = status(&mut card, "00A4000C02DF01");
        assert_eq!(answer == "6A81", df01.mac_tries == 0, "cut at {left}");
        spent_only += usize::from(df01.mac_tries == 0 && !done);
        if done {
            break;
        }
        left += 1;
    }
    assert!(spent_only > 0, "no cut fell between the try and the block");
}
