//! Recorded conversations replayed by a client that shares no code with us (`tests/judges/replay_conformance.py`: pyscard
//! and OpenSSL), on other chips of the same state and seed, over the real PC/SC daemon: the same bytes. On a card of another
//! seed the client notices, so it does look.

use std::process::Command;

use tests_stand::{Daemon, Service, Tool};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhc-conformance");
const CLIENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../judges/replay_conformance.py"
);
const SEED: &str = "20";

/// Twenty conversations of eleven groups; more than half of them authenticate.
const CASES: [&str; 20] = [
    "reset.select-by-name",
    "reset.failed-select-changes-nothing",
    "files.DDF1-EF06-records",
    "elements.DDF1-EF06-tag11",
    "elements.same-person",
    "rights.DF02-EF06-read",
    "rights.DF01-EF05-update",
    "keys.RK1_DF01-v2",
    "keys.sam-STK_DF03",
    "messaging.mac-byte-0",
    "messaging.challenge-survives",
    "blocking.block-unblock-DF02",
    "blocking.mac-count-lasts-DF01",
    "apdu.read-record-parameters",
    "apdu.update-record-parameters",
    "order.right-before-sm",
    "order.challenge-before-mac",
    "visits.overall-operation",
    "visits.signed-inpatient",
    "sequences.random-1",
];

/// Readers: card and SAM of the recording, card and SAM of the replay, a card of another seed.
const CHIPS: [(&str, bool); 5] = [
    (SEED, false),
    (SEED, true),
    (SEED, false),
    (SEED, true),
    ("21", false),
];

fn put(daemon: &Daemon, at: usize, seed: &str, sam: bool) -> Service {
    let reader = &daemon.readers()[at];
    let mut command = Command::new(PROGRAM);
    command.args(["virtual", "--vpcd", &reader.place.address(), "--seed", seed]);
    if sam {
        command.arg("--sam");
    }
    let log = daemon.folder().join(format!("chip-{at}.log"));
    let service = Service::start("chip", command, &log).unwrap();
    daemon.wait_card(reader, true).unwrap();
    service
}

#[test]
fn a_foreign_client_sees_the_same_bytes() {
    let daemon = Daemon::start(CHIPS.len()).unwrap();
    let _chips: Vec<Service> = CHIPS
        .iter()
        .enumerate()
        .map(|(at, (seed, sam))| put(&daemon, at, seed, *sam))
        .collect();
    let name = |at: usize| daemon.readers()[at].name.as_str();
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("recorded");
    let mut record = Command::new(PROGRAM);
    record
        .args("run --suite user-card --destructive --no-pdf --seed replay".split(' '))
        .args(["--reader", name(0), "--sam-reader", name(1), "--out"])
        .arg(&package)
        .env(daemon.environment().0, daemon.environment().1);
    for case in CASES {
        record.args(["--case", case]);
    }
    let recorded = record.output().unwrap();
    let said = String::from_utf8_lossy(&recorded.stdout);
    assert_eq!(recorded.status.code(), Some(0), "{said}");

    let replay = |card: usize, sam: usize| {
        Tool::foreign("/usr/bin/python3")
            .arg(CLIENT)
            .words("--evidence")
            .arg(package.join("evidence.jsonl"))
            .words("--reader")
            .arg(name(card))
            .words("--sam-reader")
            .arg(name(sam))
            .env(daemon.environment())
            .run()
            .unwrap()
    };
    let same = replay(2, 3);
    assert_eq!(same.code, 0, "{}", same.text());
    let told = same.json().unwrap();
    assert_eq!(told["conversations"], CASES.len(), "{told}");
    assert!(told["groups"].as_array().unwrap().len() >= 10, "{told}");
    let count = |member: &str| told[member].as_u64().unwrap();
    assert!(count("authenticated") >= 10, "{told}");
    assert!(count("computed") >= 50 && count("checked") >= 1, "{told}");
    println!("conformance: replayed by pyscard and OpenSSL: {told}");

    let other = replay(4, 3);
    assert_eq!(other.code, 3, "{}", other.text());
}
