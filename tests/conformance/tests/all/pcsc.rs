//! Through the PC/SC daemon: the program on virtual products in vpcd readers, sound and with a seeded fault.

use std::process::Command;

use tests_stand::{Daemon, Service, Stack};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhc-conformance");

fn put(daemon: &Daemon, at: usize, words: &[&str]) -> Service {
    let reader = &daemon.readers()[at];
    let mut command = Command::new(PROGRAM);
    command
        .args(["virtual", "--vpcd", &reader.place.address()])
        .args(words);
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

#[test]
fn products_in_readers() {
    let daemon = Daemon::start_on(Stack::Vpcd, 2).unwrap();
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
