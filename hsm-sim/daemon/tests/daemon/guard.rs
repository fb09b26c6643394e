//! What guards the HSM from outside the engine: the mark, the auditor's own secret, the epoch file.
#![allow(clippy::unwrap_used)]

use crate::house::*;
use hsm_wire::ErrorCode;
use hsm_wire::client::{AuditorClient, OperatorClient};
use hsm_wire::operator::OperatorRequest;
use hsm_wire::secret::OperatorSecret;
use std::io::Read;
use std::process::Command;

/// A store of the mark PRODUCTION is neither made nor served without force, and with it every start says what this is.
#[test]
fn production_is_refused_unless_forced_and_says_so() {
    let mut house = House::new("test");
    let arguments = |more: &[&'static str]| {
        let mut all = vec![
            "init",
            "--store",
            "prod",
            "--mark",
            "production",
            "--officer",
            "zhang=zhang.key.pub",
            "--officer",
            "li=li.key.pub",
            "--operator-cred-out",
            "op5",
            "--unseal-out",
            "u5",
        ];
        all.extend(more);
        all
    };
    let notice = "NOT FOR PRODUCTION KEYS";
    let refused = run(house.dir.path(), &arguments(&[]));
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(notice));
    assert!(!house.path("prod").exists());
    ok(
        house.dir.path(),
        &arguments(&["--force-not-for-production"]),
    );
    std::fs::rename(house.path("prod"), house.path("hsm2")).unwrap();
    std::fs::remove_dir_all(house.path("hsm")).unwrap();
    std::fs::rename(house.path("hsm2"), house.path("hsm")).unwrap();
    std::fs::rename(house.path("u5"), house.path("unseal")).unwrap();
    let refused = house.command(&house.path("unseal"), &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(notice));
    house.serve(&["--force-not-for-production"]);
    let mut child = house.child.take().unwrap();
    Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    child.wait().unwrap();
    assert!(said.contains(notice), "{said}");
}

/// The hook that switches controls off exists in the engine's unit tests only (`hsm-sim/engine/src/control.rs`).
#[test]
fn the_switch_for_controls_is_not_in_the_program() {
    let program = std::fs::read(BIN).unwrap();
    let holds = |text: &str| {
        program
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(!holds("a control is switched off for a test"));
    assert!(
        holds("NOT FOR PRODUCTION KEYS"),
        "and the search finds what is there"
    );
}

/// The auditor reads the audit and nothing else; without a secret of his own nobody is the auditor.
#[test]
fn the_auditor_reads_the_audit_and_nothing_else() {
    let mut house = House::new("test");
    std::fs::remove_dir_all(house.path("hsm")).unwrap();
    for old in ["operator.cred", "unseal"] {
        std::fs::remove_file(house.path(old)).unwrap();
    }
    house.init("test", &["--auditor-cred-out", "auditor.cred"]);
    house.serve(&[]);
    let secret = OperatorSecret::load(&house.path("auditor.cred")).unwrap();
    let operator = OperatorSecret::load(&house.path("operator.cred")).unwrap();
    let socket = house.path("s");
    let mut auditor = AuditorClient::connect(&socket, &secret).unwrap();
    let head = auditor.info().unwrap().audit;
    let records = auditor.audit(0).unwrap();
    assert_eq!(records.len() as u64, head.count);
    for request in [
        OperatorRequest::ListKeys,
        OperatorRequest::ListTickets,
        OperatorRequest::Random { length: 8 },
    ] {
        assert_eq!(refusal(auditor.call(&request)), ErrorCode::RoleNotAllowed);
    }
    let last = auditor.audit(head.count).unwrap();
    assert!(
        last.iter()
            .all(|r| r.actor == "auditor" && r.outcome == "RoleNotAllowed")
    );
    assert_eq!(last.len(), 3, "each refusal is in the audit");
    // Neither secret is the other's.
    assert_eq!(
        refusal(AuditorClient::connect(&socket, &operator)),
        ErrorCode::WrongCredential
    );
    assert_eq!(
        refusal(OperatorClient::connect(&socket, &secret)),
        ErrorCode::WrongCredential
    );
    let told = ok(
        house.dir.path(),
        &[
            "audit",
            "--socket",
            "s",
            "--auditor-cred",
            "auditor.cred",
            "--json",
        ],
    );
    assert!(told.contains("RoleNotAllowed"));
}

/// Yesterday's copy of a store does not start beside today's epoch file.
#[test]
fn a_store_that_was_put_back_is_refused() {
    let mut house = House::new("test");
    let epoch = |more: &[&'static str]| [&["--epoch-file", "epoch"][..], more].concat();
    let refused = |house: &House, text: &str| {
        let output = house
            .command(&house.path("unseal"), &epoch(&[]))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(text), "{said}");
    };
    refused(&house, "--accept-epoch");
    house.serve(&epoch(&["--accept-epoch"]));
    house.end("-TERM");
    let copied = Command::new("cp")
        .args(["-r", "hsm", "yesterday"])
        .current_dir(house.dir.path())
        .status();
    assert!(copied.unwrap().success());
    house.serve(&epoch(&[]));
    house.order(make_key("new")).unwrap();
    house.end("-TERM");
    std::fs::rename(house.path("hsm"), house.path("today")).unwrap();
    std::fs::rename(house.path("yesterday"), house.path("hsm")).unwrap();
    refused(&house, "a copy of before was put back");
    std::fs::remove_dir_all(house.path("hsm")).unwrap();
    std::fs::rename(house.path("today"), house.path("hsm")).unwrap();
    house.serve(&epoch(&[]));
    house.end("-TERM");
    let inside = ["--epoch-file", "hsm/epoch", "--accept-epoch"];
    let output = house
        .command(&house.path("unseal"), &inside)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "not inside the store");
}
