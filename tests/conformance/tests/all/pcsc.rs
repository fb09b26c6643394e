//! Through the PC/SC daemon: the program on virtual products in readers of vpcd and of our own driver, sound and with a seeded
//! fault; a card that is lost and comes back, and one that does not.

use std::process::Command;

use tests_stand::{Daemon, Fault, Place, Service, Stack, Wire};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhc-conformance");

fn put(daemon: &Daemon, at: usize, words: &[&str]) -> Service {
    put_by(daemon, at, &daemon.readers()[at].place, words)
}

fn put_by(daemon: &Daemon, at: usize, place: &Place, words: &[&str]) -> Service {
    let reader = &daemon.readers()[at];
    let mut command = Command::new(PROGRAM);
    command.arg("virtual").args(place.words()).args(words);
    let service = Service::start(
        "product",
        command,
        &daemon.folder().join(format!("product-{at}.log")),
    )
    .unwrap();
    daemon.wait_card(reader, true).unwrap();
    service
}

fn run(daemon: &Daemon, out: &std::path::Path, more: &[&str]) -> (Option<i32>, String) {
    let names: Vec<&str> = daemon
        .readers()
        .iter()
        .map(|reader| reader.name.as_str())
        .collect();
    let done = Command::new(PROGRAM)
        .args([
            "run",
            "--suite",
            "user-card",
            "--no-pdf",
            "--seed",
            "pcsc",
            "--reader",
            names[0],
            "--sam-reader",
            names[1],
            "--out",
        ])
        .arg(out)
        .args(more)
        .env("RHC_LANG", "en")
        .env(daemon.environment().0, daemon.environment().1)
        .output()
        .unwrap();
    (
        done.status.code(),
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
    )
}

/// Over both drivers, so that a habit of neither decides.
#[test]
fn products_in_readers() {
    for stack in [Stack::Vpcd, Stack::Own] {
        products_on(stack);
    }
}

fn products_on(stack: Stack) {
    let daemon = Daemon::start_on(stack, 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let _sam = put(&daemon, 1, &["--sam"]);
    {
        let mut card = put(&daemon, 0, &[]);
        let cases = [
            "--case",
            "reset",
            "--case",
            "keys.sam-*",
            "--case",
            "visits.*",
            "--case",
            "blocking.key-count*",
        ];
        let (code, said) = run(&daemon, &folder.path().join("sound"), &cases);
        assert_eq!(code, Some(0), "{said}");
        card.stop();
    }
    daemon.wait_card(&daemon.readers()[0], false).unwrap();
    let _card = put(&daemon, 0, &["--mutant", "read-free-DF02-EF06"]);
    let (code, said) = run(
        &daemon,
        &folder.path().join("faulty"),
        &["--case", "rights.DF02-*"],
    );
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("rights.DF02-EF06-read"), "{said}");
}

/// The rights of all files, on a card that is pulled in the middle of a command and put in again: nothing fails, the trouble is
/// in the record. Then on one that falls silent for good: the program gives up, says so, and the next order goes on from there.
#[test]
fn a_card_that_comes_back_and_one_that_falls_silent() {
    let daemon = Daemon::start_on(Stack::Vpcd, 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let wire = Wire::to(&daemon.readers()[0]).unwrap();
    let out = folder.path().join("pulled");
    let name = daemon.readers()[0].name.clone();
    let started = |out: &std::path::Path, limit: &str| {
        let mut command = Command::new(PROGRAM);
        command
            .args("run --suite user-card --no-pdf --seed pulled --case rights --reader".split(' '))
            .args([&name, "--command-limit", limit, "--out"])
            .arg(out)
            .env("RHC_LANG", "en")
            .env(daemon.environment().0, daemon.environment().1);
        command
    };
    wire.arm(Fault::Pull, 100);
    let mut card = put_by(&daemon, 0, &wire.place(), &[]);
    let mut running = started(&out, "30").spawn().unwrap();
    while card.is_running() {
        assert!(
            running.try_wait().unwrap().is_none(),
            "it ended before the card was pulled"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    daemon.wait_card(&daemon.readers()[0], false).unwrap();
    let mut card = put_by(&daemon, 0, &wire.place(), &[]);
    assert_eq!(running.wait().unwrap().code(), Some(0));
    let record = std::fs::read_to_string(out.join("evidence.jsonl")).unwrap();
    assert!(record.contains("\"t\":\"trouble\""), "nobody noticed");

    let out = folder.path().join("silent");
    wire.arm(Fault::Silent, 100);
    let done = started(&out, "2").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(4), "{said}");
    assert!(said.contains("goes on from here"), "{said}");
    card.stop();
    daemon.wait_card(&daemon.readers()[0], false).unwrap();
    let _card = put_by(&daemon, 0, &wire.place(), &[]);
    let done = started(&out, "30").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(said.contains("going on after case"), "{said}");
}
