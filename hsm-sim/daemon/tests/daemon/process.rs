//! `rhc-hsm` as a process: two sockets, officers, an operator, strangers and garbage.
#![allow(clippy::unwrap_used)]

use crate::house::*;
use hsm_wire::client::{OfficerClient, OperatorClient};
use hsm_wire::frame;
use hsm_wire::officer::OfficerRequest;
use hsm_wire::operator::{OperatorRequest, OperatorResult};
use hsm_wire::secret::OperatorSecret;
use hsm_wire::{ErrorCode, Usage};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn officers_order_and_the_operator_uses() {
    let mut house = House::new("demo");
    house.serve(&[]);
    assert!(house.order(make_key("k")).is_ok());
    assert_eq!(refusal(house.order(make_key("k"))), ErrorCode::KeyExists);
    let mut operator = house.operator();
    assert_eq!(operator.list_keys().unwrap().len(), 1);
    assert_eq!(operator.key("k").unwrap().attributes.usage, Usage::Derive);
    assert_eq!(operator.random(32).unwrap().len(), 32);
    assert_eq!(refusal(operator.key("none")), ErrorCode::NoSuchKey);
    assert_eq!(refusal(operator.mac("k", b"x", 4)), ErrorCode::NotPermitted);
    let audit = operator.audit(0).unwrap();
    assert_eq!(
        hsm_wire::info::verify_audit(hsm_wire::Hex([0; 32]), &audit),
        None
    );
    assert!(
        audit
            .iter()
            .any(|r| r.actor == "officers:li+zhang" && r.operation == "generate-key")
    );
    // The command line's own way, one officer after the other.
    let op = r#"{"destroy-key":{"id":"k"}}"#;
    ok(
        house.dir.path(),
        &[
            "sign",
            "--key",
            "zhang.key",
            "--order",
            "o.json",
            "--officer-socket",
            "o",
            "--op",
            op,
        ],
    );
    let alone = run(
        house.dir.path(),
        &["execute", "--order", "o.json", "--officer-socket", "o"],
    );
    assert_eq!(alone.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("NeedTwoOfficers"));
    let chinese = Command::new(BIN)
        .args(["execute", "--order", "o.json", "--officer-socket", "o"])
        .current_dir(house.dir.path())
        .env("RHC_LANG", "zh")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&chinese.stderr).contains("两名不同管理员"));
    ok(
        house.dir.path(),
        &["sign", "--key", "li.key", "--order", "o.json"],
    );
    ok(
        house.dir.path(),
        &["execute", "--order", "o.json", "--officer-socket", "o"],
    );
    assert!(operator.list_keys().unwrap().is_empty());
    // An orderly end, and everything is there again.
    assert!(house.end("-TERM").success());
    assert!(!house.path("s").exists() && !house.path("o").exists());
    house.serve(&[]);
    assert!(house.operator().audit(0).unwrap().len() > audit.len());
}

#[test]
fn the_operator_looks_at_keys_tickets_and_audit() {
    let mut house = House::new("test");
    house.serve(&[]);
    house.order(make_key("k")).unwrap();
    let dir = house.dir.path();
    let look = |what: &str, more: &[&str]| {
        let mut arguments = vec![what, "--socket", "s", "--operator-cred", "operator.cred"];
        arguments.extend(more);
        ok(dir, &arguments)
    };
    assert!(look("keys", &[]).contains("k  Sm4  Derive  0  -  "));
    assert!(look("keys", &["--json"]).contains("\"usage\": \"derive\""));
    assert_eq!(look("tickets", &["--json"]).trim(), "[]");
    assert!(look("tickets", &[]).contains("left"));
    assert!(look("audit", &[]).contains("officers:li+zhang generate-key k done"));
    assert!(look("audit", &["--json"]).contains("\"operation\": \"init\""));
    fs::write(house.path("wrong.cred"), "00".repeat(32)).unwrap();
    let output = run(
        dir,
        &["keys", "--socket", "s", "--operator-cred", "wrong.cred"],
    );
    assert_eq!(output.status.code(), Some(4), "too wide open");
    fs::set_permissions(house.path("wrong.cred"), fs::Permissions::from_mode(0o600)).unwrap();
    let output = run(
        dir,
        &["keys", "--socket", "s", "--operator-cred", "wrong.cred"],
    );
    assert_eq!(output.status.code(), Some(3));
    let output = run(
        dir,
        &[
            "keys",
            "--socket",
            "nowhere",
            "--operator-cred",
            "operator.cred",
        ],
    );
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn strangers_and_garbage_get_a_refusal_and_the_hsm_stays() {
    let mut house = House::new("demo");
    house.serve(&[]);
    let wrong = OperatorSecret::generate().unwrap();
    assert_eq!(
        refusal(OperatorClient::connect(house.path("s"), &wrong)),
        ErrorCode::WrongCredential
    );
    // Before hello nothing is served.
    let mut stream = UnixStream::connect(house.path("s")).unwrap();
    frame::send(&mut stream, &OperatorRequest::ListKeys).unwrap();
    let answer: OperatorResult = frame::receive(&mut stream, 4096).unwrap().unwrap();
    assert_eq!(answer.err().unwrap().code, ErrorCode::NotAuthenticated);
    // An order on the operator's socket, and an operator's request on the officers'.
    let mut stream = UnixStream::connect(house.path("o")).unwrap();
    frame::send(&mut stream, &OperatorRequest::ListKeys).unwrap();
    let answer: Result<hsm_wire::officer::OfficerAnswer, hsm_wire::HsmError> =
        frame::receive(&mut stream, 4096).unwrap().unwrap();
    assert_eq!(answer.err().unwrap().code, ErrorCode::BadRequest);
    for socket in ["s", "o"] {
        for bytes in [
            &b"\xFF\xFF\xFF\xFF"[..],
            b"\0\0\0\x01\xFF",
            b"\0\0\0\0",
            b"\0\x0F\xFF\xFFabc",
            b"\0",
            b"GET / HTTP/1.1\r\n\r\n",
        ] {
            let mut stream = UnixStream::connect(house.path(socket)).unwrap();
            stream.write_all(bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
        }
    }
    // More connections than there are places: the rest are closed, and places come back.
    let crowd: Vec<_> = (0..100)
        .map(|_| UnixStream::connect(house.path("o")))
        .collect();
    drop(crowd);
    sleep(Duration::from_millis(300));
    let mut officers = OfficerClient::connect(house.path("o")).unwrap();
    assert!(officers.info().is_ok());
    let mut stream = UnixStream::connect(house.path("o")).unwrap();
    frame::send(&mut stream, &OfficerRequest::Info).unwrap();
    let records = house.operator().audit(0).unwrap();
    assert!(
        records
            .iter()
            .any(|r| r.operation == "hello" && r.outcome == "WrongCredential")
    );
}

/// The figures are for machines to compare: the tier in use is one of those measured, and each figure is a number.
#[test]
fn bench_names_the_tier_and_measures_each() {
    let dir = tempfile::tempdir().unwrap();
    let text = ok(dir.path(), &["bench", "--json", "--seconds", "0.01"]);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tiers = report["tiers"].as_array().unwrap();
    assert!(tiers.iter().any(|row| row["tier"] == report["tier"]));
    assert_eq!(tiers.last().unwrap()["tier"], "portable");
    for row in tiers {
        for figure in [
            "derivations_per_s",
            "key_sets_per_s",
            "with_5_kib_per_s",
            "bulk_mib_per_s",
            "chain_step_ns",
        ] {
            assert!(row[figure].as_f64().unwrap() > 0.0, "{figure}");
        }
    }
    let one = ok(
        dir.path(),
        &["bench", "--json", "--seconds", "0.01", "--tier", "portable"],
    );
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["tiers"].as_array().unwrap().len(), 1);
    assert_eq!(
        run(dir.path(), &["bench", "--tier", "abacus"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        run(dir.path(), &["bench", "--seconds", "0"]).status.code(),
        Some(2)
    );
}
