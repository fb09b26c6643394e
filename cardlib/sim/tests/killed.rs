//! Anti-tear with a real process: a card in a process of its own is killed by SIGKILL 200 times, at any moment of a stream of
//! writing commands. What it had answered is on the disk, and nothing but the one command under way is in doubt (R70, R71).
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod host;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use cardlib_card::profile::Profile;
use cardlib_sim::nvm::Nvm;
use cardlib_sim::user::memory::UserMemory;
use cardlib_sim::{Random, UserCard, VirtualCard};
use host::card::*;
use host::*;

const KILLS: u64 = 200;
/// A child that has not yet become its program holds the locks of its parent's files: a state that is closed and opened
/// again meanwhile would be in use.
static FORKING: Mutex<()> = Mutex::new(());
const STATE: &str = "RHC_TEST_KILLED_STATE";

/// The child, and by itself a test that a card left alone does all of this: one visit file filled over and over with the
/// round's number, an allergy appended, a wrong authentication paid for and made good; each step is told on standard
/// output once the card has answered.
#[test]
fn victim() {
    let profile = Profile::rhc_2012();
    let own = tempfile::tempdir().unwrap();
    let (path, rounds) = match std::env::var(STATE) {
        Ok(path) => (PathBuf::from(path), u32::MAX),
        Err(_) => (own.path().join("state"), 3),
    };
    let alone = FORKING.lock().unwrap();
    if rounds < u32::MAX {
        finish(profile, &mut blank_card_at(&path, profile));
    }
    let mut card = UserCard::open(&path, profile, Random::System).unwrap();
    drop(alone);
    let mut out = std::io::stdout().lock();
    let mut tell = |text: String| {
        writeln!(out, "{text}").unwrap();
        out.flush().unwrap();
    };
    for round in 0..rounds {
        let number = (round % 251) as u8;
        card.reset();
        select(&mut card, &["DDF1", "DF03", "EE01"]);
        assert_eq!(authenticate(&mut card, "UK1_DF03", 0x85), 0x9000);
        let update = [&[0x00, 0xD6, 0, 0, 0xFF][..], &[number; 0xFF]].concat();
        tell(format!("begin {number}"));
        assert_eq!(send(&mut card, &update).1, 0x9000);
        tell(format!("done {number}"));
        select(&mut card, &["3F00", "DDF1", "DF02", "EF07"]);
        assert_eq!(authenticate(&mut card, "UK3_DF02", 0x87), 0x9000);
        let append = secured(&mut card, "STK_DF02-v0", [0x04, 0xDC, 0, 3], &[number; 120]);
        assert_eq!(send(&mut card, &append).1, 0x9000);
        challenge(&mut card);
        tell("guess".into());
        let wrong = [&[0x00, 0x82, 0, 0x84, 17][..], &[0; 16], &[2]].concat();
        assert_eq!(send(&mut card, &wrong).1, 0x63C9);
        tell("wrong".into());
        let random = challenge(&mut card);
        let proof = cryptogram(&card_key("RK1_DF02-v2"), random, [0; 8]);
        tell("prove".into());
        let right = [&[0x00, 0x82, 0, 0x84, 17][..], &proof, &[0; 8], &[2]].concat();
        assert_eq!(send(&mut card, &right).1, 0x9000);
        tell("right".into());
    }
}

/// What the victim said last of each kind.
#[derive(Default)]
struct Heard {
    begun: Option<u8>,
    done: Option<u8>,
    last: String,
}

fn run_and_kill(path: &Path, moment: Duration) -> Heard {
    let alone = FORKING.lock().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture"])
        .env(STATE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(alone);
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut heard = Heard::default();
    let mut lines = output.lines().map_while(Result::ok);
    // The moment counts from the first command on.
    for line in lines.by_ref() {
        hear(&mut heard, &line);
        if heard.begun.is_some() {
            break;
        }
    }
    let reader = std::thread::spawn(move || {
        lines.for_each(|line| hear(&mut heard, &line));
        heard
    });
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

fn hear(heard: &mut Heard, line: &str) {
    match line.split_once(' ') {
        Some(("begin", n)) => heard.begun = n.parse().ok(),
        Some(("done", n)) => heard.done = n.parse().ok(),
        _ => {}
    }
    if ["guess", "wrong", "prove", "right"].contains(&line) {
        line.clone_into(&mut heard.last);
    }
}

#[test]
fn two_hundred_kills_lose_nothing_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let profile = Profile::rhc_2012();
    let mut card = blank_card_at(&path, profile);
    finish(profile, &mut card);
    drop(card);
    let ee01 = profile
        .files
        .iter()
        .position(|f| f.path == "DF03/EE01")
        .unwrap();
    let allergies = profile
        .files
        .iter()
        .position(|f| f.path == "DF02/EF07")
        .unwrap();
    let mut keys = profile.key_instances();
    let rk1 = keys
        .position(|i| i.key.name == "RK1_DF02" && i.version == 2)
        .unwrap();
    // A visit file that was never written is 00 (R25).
    let mut before = Some(0);
    let mut between = 0;
    for kill in 0..KILLS {
        let moment = Duration::from_micros(kill * 7919 % 12_000);
        let heard = run_and_kill(&path, moment);
        let nvm = Nvm::<UserMemory>::open(&path).unwrap();
        let memory = nvm.get();
        let file = &memory.files[ee01].as_ref().unwrap().bytes[..0xFF];
        assert!(
            file.iter().all(|b| *b == file[0]),
            "kill {kill}: half a record"
        );
        let told = [heard.begun, heard.done.or(before)].into_iter().flatten();
        assert!(told.clone().any(|n| n == file[0]), "kill {kill}");
        between += usize::from(heard.begun != heard.done);
        for record in memory.files[allergies].as_ref().unwrap().bytes.chunks(120) {
            assert!(
                record.iter().all(|b| *b == record[0]),
                "kill {kill}: half an allergy"
            );
        }
        let tries = memory.keys[rk1].as_ref().unwrap().tries;
        let fits = match heard.last.as_str() {
            // A guess under way may have been paid for; one that was answered has been.
            "guess" => (9..=10).contains(&tries),
            "wrong" => tries == 9,
            // The try is spent before the comparison and given back after it.
            "prove" => (8..=10).contains(&tries),
            _ => tries == 10,
        };
        assert!(fits, "kill {kill}: {tries} tries after {}", heard.last);
        before = Some(file[0]);
        // The next round begins with whole counters.
        drop(nvm);
        let mut card = UserCard::open(&path, profile, Random::System).unwrap();
        select(&mut card, &["DDF1", "DF02"]);
        let random = challenge(&mut card);
        let proof = cryptogram(&card_key("RK1_DF02-v2"), random, [0; 8]);
        let right = [&[0x00, 0x82, 0, 0x84, 17][..], &proof, &[0; 8], &[2]].concat();
        assert_eq!(send(&mut card, &right).1, 0x9000, "kill {kill}");
    }
    println!("{KILLS} kills, {between} of them inside a command");
}
