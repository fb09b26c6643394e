//! State files: changed bytes are refused by name or change nothing; content changed under right sums may be refused or taken,
//! but neither loader nor card may break on it.

use std::cell::RefCell;
use std::fs;

use cardlib_card::profile::Profile;
use cardlib_sim::user::OpenError;
use cardlib_sim::{Chip, Random, StateError, TransportMaster, UserCard, VirtualCard};
use sm3::{Digest, Sm3};

use crate::chance::Chance;
use crate::{Verdict, hold};

/// `magic 13 ‖ format ‖ kind ‖ two slots of 16`.
const HEADER: usize = 15 + 32;

struct Bench {
    dir: tempfile::TempDir,
    good: Vec<u8>,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

fn random() -> Random {
    Random::from_seed(Some(1))
}

/// A blank's file after four sessions: a snapshot and four changes of its counter.
fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("good");
    let profile = Profile::rhc_2012();
    let chip = Chip::test(profile, [1; 8]);
    let transport = TransportMaster::test().key_of(&[1; 8]);
    let mut card = UserCard::blank_at(&path, profile, chip, transport, random()).unwrap();
    for _ in 0..4 {
        crate::user::open_session(&mut card, [1; 8]);
    }
    drop(card);
    let good = fs::read(path).unwrap();
    Bench { dir, good }
}

/// One changed file.
pub fn round(chance: &mut Chance) -> Verdict {
    BENCH.with_borrow_mut(|bench_slot| {
        let bench = bench_slot.get_or_insert_with(bench);
        let mut bytes = bench.good.clone();
        let forged = chance.one_in(2);
        if forged {
            bytes = forge(chance, &bytes);
        } else {
            chance.near(&mut bytes);
        }
        let path = bench.dir.path().join("state");
        fs::write(&path, &bytes).unwrap();
        let opened = UserCard::open(&path, Profile::rhc_2012(), random());
        let _ = fs::remove_file(&path);
        match opened {
            Ok(mut card) if forged => {
                poke(chance, &mut card);
                Ok(())
            }
            Ok(card) => {
                let (version, counter) = (card.inspect().base.version, card.inspect().base.counter);
                hold((version, counter) == (0, 4), || {
                    format!("a changed file is a card with counter {counter}")
                })
            }
            Err(OpenError::State(StateError::Io { cause, .. })) => Err(cause.to_string()),
            Err(refused) => hold(
                refused.to_string().contains("state") || !refused.chinese().is_empty(),
                || "a nameless refusal".into(),
            ),
        }
    })
}

/// Changes the snapshot or a change, and makes every sum right again.
fn forge(chance: &mut Chance, good: &[u8]) -> Vec<u8> {
    let mut payloads = Vec::new();
    let mut at = HEADER;
    while let Some(head) = good.get(at..at + 16) {
        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        payloads.push(good[at + 16..at + 16 + len].to_vec());
        at += 16 + len;
    }
    let which = chance.below(payloads.len());
    chance.near(&mut payloads[which]);
    let mut frames = Vec::new();
    let (mut sum, mut snapshot) = ([0u8; 8], [0u8; 8]);
    for (n, payload) in payloads.iter().enumerate() {
        sum = left8(&[&sum, payload]);
        if n == 0 {
            snapshot = sum;
        }
        let len = u32::try_from(payload.len()).unwrap();
        frames.extend(len.to_le_bytes());
        frames.extend((!len).to_le_bytes());
        frames.extend(sum);
        frames.extend(payload);
    }
    let mut out = good[..15].to_vec();
    let newest = payloads.len() as u64 - 1;
    for slot in 0..2u64 {
        let generation = if newest % 2 == slot {
            newest
        } else {
            newest - 1
        };
        out.extend(generation.to_le_bytes());
        out.extend(left8(&[
            b"RHC-SIM-SLOT",
            &snapshot,
            &slot.to_le_bytes(),
            &generation.to_le_bytes(),
        ]));
    }
    [out, frames].concat()
}

fn left8(parts: &[&[u8]]) -> [u8; 8] {
    let mut hash = Sm3::new();
    parts.iter().for_each(|part| hash.update(part));
    let digest = hash.finalize();
    std::array::from_fn(|i| digest[i])
}

/// A card with strange content must still answer.
fn poke(chance: &mut Chance, card: &mut UserCard) {
    card.reset();
    for _ in 0..8 {
        let apdu = crate::user::plain(chance);
        card.handle(&apdu);
    }
}
