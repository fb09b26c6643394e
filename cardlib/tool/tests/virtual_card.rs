//! `rhc-card` as its users see it, in a reader that the test itself plays: attachment, faults, state files, a power
//! cut in the middle of work, delivery lists, exit codes.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const CARD: &str = env!("CARGO_BIN_EXE_rhc-card");
const INITIALIZE: &[u8] = &[0x80, 0x50, 0xFF, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];

/// The driver's end of one virtual reader.
struct Reader {
    listener: TcpListener,
}

struct Inserted {
    child: Child,
    stream: TcpStream,
}

impl Reader {
    fn new() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        }
    }

    fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    fn insert(&self, kind: &str, state: &Path, more: &[&str]) -> Inserted {
        let child = Command::new(CARD)
            .args(["virtual", kind, "--vpcd", &self.address(), "--state"])
            .arg(state)
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (stream, _) = self.listener.accept().unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        Inserted { child, stream }
    }
}

impl Inserted {
    fn put(&mut self, body: &[u8]) {
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        self.stream.write_all(&[&len, body].concat()).unwrap();
    }

    fn get(&mut self) -> std::io::Result<Vec<u8>> {
        let mut len = [0; 2];
        self.stream.read_exact(&mut len)?;
        let mut body = vec![0; usize::from(u16::from_be_bytes(len))];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn ask(&mut self, body: &[u8]) -> Vec<u8> {
        self.put(body);
        self.get().unwrap()
    }

    /// The reader goes away; the card's exit code.
    fn hang_up(mut self) -> Option<i32> {
        drop(self.stream);
        self.child.wait().unwrap().code()
    }
}

fn run(args: &[&str]) -> Output {
    Command::new(CARD).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn dir() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("card.state");
    (dir, state)
}

#[test]
fn power_atr_commands_and_a_state_file_that_is_continued() {
    let (_dir, state) = dir();
    let reader = Reader::new();
    let mut card = reader.insert("user", &state, &["--factor", "1122334455667788"]);
    card.put(&[1]);
    let atr = card.ask(&[4]);
    assert_eq!(hex::encode_upper(&atr), "3B6C0002112233445566778854540101");
    assert_eq!(card.ask(&[0, 0xA4, 0, 0, 2, 0x3F, 0]), [0x61, 6]);
    card.put(&[2]);
    assert_eq!(
        card.ask(&[0, 0xC0, 0, 0, 6]),
        [0x69, 0x85],
        "a reset forgets"
    );
    card.put(&[0]);
    assert_eq!(card.hang_up(), Some(0));

    let mut card = reader.insert("user", &state, &[]);
    assert_eq!(card.ask(&[4]), atr, "the same card again");
    // In use: neither a second card nor another kind may have the file.
    let second = run(&[
        "virtual",
        "user",
        "--vpcd",
        &reader.address(),
        "--state",
        state.to_str().unwrap(),
    ]);
    assert_eq!(second.status.code(), Some(4), "{}", text(&second.stderr));
    assert_eq!(card.hang_up(), Some(0));
    let as_sam = run(&[
        "virtual",
        "sam",
        "--vpcd",
        &reader.address(),
        "--state",
        state.to_str().unwrap(),
    ]);
    assert_eq!(as_sam.status.code(), Some(3), "{}", text(&as_sam.stderr));
    let address = reader.address();
    let base = ["virtual", "user", "--vpcd", &address, "--state"];
    let other = [
        &base[..],
        &[state.to_str().unwrap(), "--factor", "0000000000000000"],
    ]
    .concat();
    assert_eq!(run(&other).status.code(), Some(2));
}

#[test]
fn a_damaged_state_file_is_refused_by_name() {
    let (_dir, state) = dir();
    let reader = Reader::new();
    assert_eq!(
        reader.insert("sam", &state, &["--seed", "4"]).hang_up(),
        Some(0)
    );
    let mut bytes = std::fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&state, &bytes).unwrap();
    let refused = run(&[
        "virtual",
        "sam",
        "--vpcd",
        &reader.address(),
        "--state",
        state.to_str().unwrap(),
    ]);
    assert_eq!(refused.status.code(), Some(3));
    let said = text(&refused.stderr);
    assert!(
        said.contains("card.state") && said.contains("damaged"),
        "{said}"
    );
    std::fs::write(&state, b"something else").unwrap();
    let refused = run(&[
        "virtual",
        "sam",
        "--vpcd",
        &reader.address(),
        "--state",
        state.to_str().unwrap(),
    ]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("not a state file"));
}

#[test]
fn a_seed_repeats_the_card_and_its_random_numbers() {
    let reader = Reader::new();
    let mut drawn = Vec::new();
    for seed in ["7", "7", "8"] {
        let (_dir, state) = dir();
        let mut card = reader.insert("user", &state, &["--seed", seed]);
        drawn.push([card.ask(&[4]), card.ask(&[0, 0x84, 0, 0, 8])]);
        card.hang_up();
    }
    assert_eq!(drawn[0], drawn[1]);
    assert_ne!(drawn[0][0], drawn[2][0]);
    assert_ne!(drawn[0][1], drawn[2][1]);
}

#[test]
fn faults_strike_at_their_command() {
    let challenge = [0u8, 0x84, 0, 0, 8];
    let reader = Reader::new();
    for (fault, ends) in [
        ("pull-at:2", true),
        ("pull-after:2", true),
        ("silent-at:2", false),
    ] {
        let (_dir, state) = dir();
        let mut card = reader.insert("user", &state, &["--fault", fault]);
        card.stream
            .set_read_timeout(Some(Duration::from_millis(400)))
            .unwrap();
        assert_eq!(card.ask(&challenge).len(), 10);
        card.put(&challenge);
        assert!(card.get().is_err(), "{fault}");
        if ends {
            assert_eq!(card.child.wait().unwrap().code(), Some(0), "{fault}");
        } else {
            assert!(
                card.child.try_wait().unwrap().is_none(),
                "still there, but silent"
            );
            assert_eq!(card.hang_up(), Some(0));
        }
    }
    for (fault, len) in [("short-at:1", 1), ("short-at:1:0", 0)] {
        let (_dir, state) = dir();
        let mut card = reader.insert("user", &state, &["--fault", fault]);
        assert_eq!(card.ask(&challenge).len(), len);
        assert_eq!(card.ask(&challenge).len(), 10);
        card.hang_up();
    }
}

#[test]
fn the_card_works_as_long_as_it_is_told() {
    let (_dir, state) = dir();
    let mut card = Reader::new().insert("user", &state, &["--delay-ms", "30"]);
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        card.ask(&[0, 0x84, 0, 0, 8]);
    }
    let took = begun.elapsed();
    assert!((150..1500).contains(&took.as_millis()), "{took:?}");
    card.hang_up();
}

/// SIGKILL at any moment while the PIN counter counts down: the file opens again, and no try is ever given back.
#[test]
fn a_kill_leaves_the_old_or_the_new_state() {
    let (_dir, state) = dir();
    let reader = Reader::new();
    let mut last = 0;
    for round in 0..12u64 {
        let mut card = reader.insert("user", &state, &["--factor", "0102030405060708"]);
        let greeting = |card: &mut Inserted| {
            assert_eq!(card.ask(INITIALIZE), [0x61, 29]);
            card.ask(&[0, 0xC0, 0, 0, 29])
        };
        let counter = |answer: &[u8]| u32::from_be_bytes([0, answer[9], answer[10], answer[11]]);
        let now = counter(&greeting(&mut card));
        assert!(now == last || now == last + 1, "{now} after {last}");
        // Open a session: the counter must be on the disk before the answer.
        let answer = greeting(&mut card);
        let authenticate = open_session(&answer);
        card.put(&authenticate);
        if round % 3 == 0 {
            assert_eq!(card.get().unwrap(), [0x90, 0]);
            last = now + 1;
        } else {
            std::thread::sleep(Duration::from_micros(round * 40));
            last = now;
        }
        card.child.kill().unwrap();
        card.child.wait().unwrap();
        if round % 3 == 0 {
            let mut card = reader.insert("user", &state, &[]);
            assert_eq!(
                counter(&greeting(&mut card)),
                last,
                "answered means durable"
            );
            card.hang_up();
        }
    }
}

/// EXTERNAL AUTHENTICATE of the dialect under the public test transport key, through OpenSSL-checked formulas of the
/// simulator crate (this test is about the file, not about them).
fn open_session(greeting: &[u8]) -> Vec<u8> {
    use cardlib_sim::TransportMaster;
    let factor = greeting[..8].try_into().unwrap();
    let base = TransportMaster::test().key_of(&factor);
    let labelled = |label: &[u8]| {
        let mut block = [0u8; 16];
        block[..label.len()].copy_from_slice(label);
        block
    };
    let mut both = [0u8; 16];
    both[8..].copy_from_slice(&greeting[13..21]);
    let mac_key = base.derive(labelled(b"SCP-SM4-V1-MAC")).derive(both);
    let cryptogram = mac_key.cmac(&[b"SCP-SM4-V1-HOST\0", &both]);
    let header = [0x84, 0x82, 0x03, 0x00, 0x10];
    let mac = mac_key.cmac(&[&[0; 16], &header, &cryptogram[..8]]);
    [&header, &cryptogram[..8], &mac[..8]].concat()
}

#[test]
fn delivery_lists_are_signed_and_verify() {
    use cardlib_card::delivery::{self, Kind, Mark};
    use cardlib_card::gm::sm2::{SigningKey, VerifyingKey};
    let (dir, _) = dir();
    let out = dir.path().join("cards.json");
    let path = out.to_str().unwrap();
    let base = [
        "delivery-list",
        "--maker",
        "5454",
        "--product",
        "RHC-SIM",
        "--sequence",
        "3",
        "--out",
        path,
    ];
    let items = ["--item", "1122334455667788", "--item", "99AABBCCDDEEFF00"];
    let test = run(&[&base[..], &items, &["--mark", "test", "--kind", "card"]].concat());
    assert!(test.status.success(), "{}", text(&test.stderr));
    let read = |maker: &str, key: &VerifyingKey| {
        let signature = std::fs::read_to_string(dir.path().join("cards.json.sig")).unwrap();
        delivery::verify(&std::fs::read(&out).unwrap(), &signature, maker, key)
    };
    let public = SigningKey::from_label(b"RHC-TEST-SM2-MAKER-5454").unwrap();
    let list = read("5454", public.verifying_key()).unwrap();
    assert_eq!(
        (list.mark, list.kind, list.sequence),
        (Mark::Test, Kind::Card, 3)
    );
    assert_eq!(list.items, ["1122334455667788", "99AABBCCDDEEFF00"]);

    // DEMO lists want a key of their own.
    let demo = [&base[..], &items, &["--mark", "demo", "--kind", "sam"]].concat();
    assert_eq!(run(&demo).status.code(), Some(2));
    let key_file = dir.path().join("maker.key");
    let key_path = key_file.to_str().unwrap();
    let made = run(&["maker-key", "--out", key_path]);
    assert!(made.status.success());
    assert_eq!(
        run(&["maker-key", "--out", key_path]).status.code(),
        Some(4),
        "not overwritten"
    );
    let with_key = [&demo[..], &["--maker-key", key_path]].concat();
    assert!(run(&with_key).status.success());
    let shown = hex::decode(text(&made.stdout).trim()).unwrap();
    let list = read("5454", &VerifyingKey::from_bytes(&shown).unwrap()).unwrap();
    assert_eq!((list.mark, list.kind), (Mark::Demo, Kind::Sam));
    assert!(read("5454", public.verifying_key()).is_err());

    // A key that others may read is refused.
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run(&with_key).status.code(), Some(3));
    let twice = [
        "--item",
        "1122334455667788",
        "--item",
        "1122334455667788",
        "--mark",
        "test",
        "--kind",
        "card",
    ];
    assert_eq!(run(&[&base[..], &twice].concat()).status.code(), Some(3));
}

/// A maker's own transport key and vendor: DEMO blanks are not TEST blanks.
#[test]
fn blanks_of_a_demo_maker() {
    let (dir, state) = dir();
    let key_file = dir.path().join("transport.key");
    std::fs::write(&key_file, "000102030405060708090A0B0C0D0E0F\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let reader = Reader::new();
    let option = [
        "--transport-key-file",
        key_file.to_str().unwrap(),
        "--factor",
        "0102030405060708",
    ];
    let mut card = reader.insert("user", &state, &option);
    assert_eq!(
        hex::encode_upper(card.ask(&[4])),
        "3B6C0002010203040506070844450101"
    );
    card.ask(INITIALIZE);
    let demo = card.ask(&[0, 0xC0, 0, 0, 29]);
    card.hang_up();
    let (_dir2, state) = self::dir();
    let mut card = reader.insert("user", &state, &["--factor", "0102030405060708"]);
    card.ask(INITIALIZE);
    let test = card.ask(&[0, 0xC0, 0, 0, 29]);
    assert_ne!(demo[13..], test[13..], "another base key");
    card.hang_up();
}

#[test]
fn no_reader_is_an_environment_failure_with_advice() {
    let usage = run(&["virtual", "user"]);
    assert_eq!(usage.status.code(), Some(2));
    let help = text(&run(&["--help"]).stdout);
    assert!(
        help.contains("Examples:") && help.contains("Exit codes"),
        "{help}"
    );
    let profile = run(&[
        "virtual",
        "user",
        "--vpcd",
        "127.0.0.1:1",
        "--profile",
        "none",
    ]);
    assert_eq!(profile.status.code(), Some(2));
    let chinese = Command::new(CARD)
        .args([
            "virtual",
            "user",
            "--vpcd",
            "127.0.0.1:1",
            "--profile",
            "none",
        ])
        .env("RHC_LANG", "zh")
        .output()
        .unwrap();
    assert!(
        text(&chinese.stderr).contains("错误"),
        "{}",
        text(&chinese.stderr)
    );
}
