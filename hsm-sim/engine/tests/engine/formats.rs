//! Stores of every released format still load, say what they said, and are written anew.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_engine::{Engine, UnsealSecret};
use hsm_wire::info::verify_audit;
use hsm_wire::officer::{OrderOp, PeerKind};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest, SignInput};
use hsm_wire::ticket::Target;
use hsm_wire::{Algorithm, ErrorCode, Hex, KeyAttributes, Mark, Usage};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

fn fixture(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{version}"))
}

/// Every member of `part` has its value in `whole`: later versions may say more.
fn contains(whole: &Value, part: &Value, at: &str) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, part) in part {
                let whole = whole
                    .get(name)
                    .unwrap_or_else(|| panic!("{at}/{name} is gone"));
                contains(whole, part, &format!("{at}/{name}"));
            }
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len(), "{at}");
            for (n, (whole, part)) in whole.iter().zip(part).enumerate() {
                contains(whole, part, &format!("{at}/{n}"));
            }
        }
        _ => assert_eq!(whole, part, "{at}"),
    }
}

fn ask(engine: &mut Engine, request: OperatorRequest) -> OperatorAnswer {
    engine.operator(request).unwrap_or_else(|e| panic!("{e}"))
}

fn says(engine: &mut Engine) -> Value {
    let OperatorAnswer::Keys(keys) = ask(engine, OperatorRequest::ListKeys) else {
        panic!("no keys")
    };
    let OperatorAnswer::Tickets(tickets) = ask(engine, OperatorRequest::ListTickets) else {
        panic!("no tickets")
    };
    serde_json::json!({ "keys": keys, "tickets": tickets })
}

fn loads(version: &str) {
    loads_from(&fixture(version));
}

fn loads_from(fixture: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("hsm");
    copy_dir(fixture, &store);
    let secret = fs::read(store.join("unseal.hex")).unwrap();
    let secret = UnsealSecret::from_hex(&secret).unwrap();
    let expected = fs::read(store.join("expected.json")).unwrap();
    let mut expected: Value = serde_json::from_slice(&expected).unwrap();
    let clock = TestClock(Arc::new(AtomicU64::new(NOW + 5)));
    for opening in 1..=2 {
        let mut engine = Engine::open(&store, &secret, world(&clock, None)).unwrap();
        let mut info = serde_json::to_value(engine.info()).unwrap();
        let known = expected["info"].as_object_mut().unwrap();
        // Each opening adds a record.
        let count = known["audit"]["count"].as_u64().unwrap() + opening;
        assert_eq!(info["audit"]["count"], count);
        for changing in ["audit", "epoch", "version"] {
            info[changing] = known.get(changing).cloned().unwrap_or(Value::Null);
        }
        contains(&info, &expected["info"], "info");
        let said = says(&mut engine);
        contains(&said["keys"], &expected["keys"], "keys");
        contains(&said["tickets"], &expected["tickets"], "tickets");
        let OperatorAnswer::Audit(records) = ask(&mut engine, OperatorRequest::Audit { from: 0 })
        else {
            panic!("no audit")
        };
        assert_eq!(records.len() as u64, count);
        assert_eq!(verify_audit(Hex([0; 32]), &records), None);
        // Keys work: the CVK's MAC, by the public test formula.
        let mac = OperatorRequest::Mac {
            key: "cvk".to_owned(),
            message: b"4101020000000001".to_vec(),
            length: 8,
        };
        let OperatorAnswer::Mac(mac) = ask(&mut engine, mac) else {
            panic!("no MAC")
        };
        let cvk = card::test_root("RHC-TEST-41-CVK-v0");
        let mut chain = card::encrypt(&cvk, b"4101020000000001");
        chain[0] ^= 0x80;
        assert_eq!(mac, card::encrypt(&cvk, &chain)[..8]);
        // The MAC is one more record.
        expected["info"]["audit"]["count"] = (count + 1 - opening).into();
        drop(engine);
    }
}

#[test]
fn version_1() {
    loads("store-1");
}

#[test]
fn version_2() {
    loads("store-2");
}

/// A store with a little of everything, closed, as a fixture: with its secret and what it says.
fn make(out: &Path) {
    let mut hsm = Hsm::province(Mark::Test, None);
    let other = Hsm::new(Mark::Test);
    hsm.enrol("lower", PeerKind::Lower, &other.info());
    hsm.test_key(
        "issuer",
        sm2("issuer", Usage::Sign),
        "RHC-TEST-SM2-ISSUER-41",
    );
    let pair = |algorithm| KeyAttributes {
        algorithm,
        quota: Some(7),
        not_after: Some(NOW + 1000),
        ..sm2("pair", Usage::Sign)
    };
    hsm.test_key("p256", pair(Algorithm::P256), "RHC-TEST-P256");
    hsm.test_key(
        "aes",
        KeyAttributes {
            algorithm: Algorithm::Aes128,
            ..sm4("aes", Usage::Derive, 0, (Some(0), None, Some(1)))
        },
        "RHC-TEST-AES",
    );
    let request = hsm.card_request();
    hsm.fill(Target::Card, request).unwrap();
    hsm.engine.compact();
    let sign = OperatorRequest::Sm2Sign {
        key: "p256".to_owned(),
        input: SignInput::Digest([7; 32]),
    };
    ask(&mut hsm.engine, sign);
    hsm.order(OrderOp::SetAuditor {
        secret_hash: Hex([1; 32]),
    })
    .unwrap();
    hsm.order(OrderOp::SetIndexPassword {
        index: 1,
        verifier: Hex([2; 48]),
    })
    .unwrap();
    let request = hsm.sam_request();
    hsm.fill(Target::Sam, request).unwrap();
    hsm.order(OrderOp::CloseTicket {
        id: "sams".to_owned(),
    })
    .unwrap();
    let mut expected = says(&mut hsm.engine);
    expected["info"] = serde_json::to_value(hsm.info()).unwrap();
    let store = hsm.store();
    let (secret, _, _dir) = hsm.close();
    copy_dir(&store, out);
    fs::remove_file(out.join("lock")).unwrap();
    fs::write(out.join("unseal.hex"), secret.to_hex().as_bytes()).unwrap();
    fs::write(
        out.join("expected.json"),
        serde_json::to_vec_pretty(&expected).unwrap(),
    )
    .unwrap();
}

/// Today's format; left under the target directory, from where a release takes its fixture
/// (`cp -r target/tmp/hsm-store-today hsm-sim/engine/tests/fixtures/store-N`).
#[test]
fn todays_format() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hsm-store-today");
    let _ = fs::remove_dir_all(&out);
    make(&out);
    loads_from(&out);
}

/// A store of version 1 becomes one of version 2 when it is opened: an archive, a snapshot, a journal of the next generation.
#[test]
fn an_old_store_is_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("hsm");
    copy_dir(&fixture("store-1"), &store);
    let secret = UnsealSecret::from_hex(&fs::read(store.join("unseal.hex")).unwrap()).unwrap();
    let engine = open(&store, &secret).unwrap();
    drop(engine);
    assert!(!store.join("snapshot-1.sealed").exists());
    assert!(store.join("snapshot-2.sealed").exists());
    // What it gave out before is still found, and its counts are spent.
    let mut engine = open(&store, &secret).unwrap();
    let request = card_request((1_u128 << 64).to_be_bytes(), Mark::Test);
    let stored = engine.operator(OperatorRequest::FillCard(Box::new(request)));
    assert!(matches!(stored, Ok(OperatorAnswer::Filled(_))));
    let mut third = card_request([9; 16], Mark::Test);
    third = for_factor(third, [9; 8]);
    assert!(
        engine
            .operator(OperatorRequest::FillCard(Box::new(third)))
            .is_ok()
    );
    let fourth = for_factor(card_request([8; 16], Mark::Test), [8; 8]);
    let refused = engine.operator(OperatorRequest::FillCard(Box::new(fourth)));
    assert_eq!(code(refused), ErrorCode::TicketEmpty);
}
