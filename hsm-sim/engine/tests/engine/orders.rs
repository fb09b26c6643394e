//! Two officers: who may order what, and everything that makes an order void.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_wire::officer::{ExportEntry, KeySource, OfficerRequest, OrderDone, OrderOp, PeerKind};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest, SignInput};
use hsm_wire::order::{OfficerKey, Order};
use hsm_wire::ticket::{Target, TicketSpec};
use hsm_wire::{ErrorCode, Hex, Mark, Usage, gm};
use std::sync::atomic::Ordering;

fn make(id: &str) -> OrderOp {
    OrderOp::GenerateKey {
        id: id.to_owned(),
        attributes: sm4("k", Usage::Derive, 0, (None, None, None)),
        source: KeySource::Random,
    }
}

#[test]
fn an_order_needs_two_different_officers() {
    let mut hsm = Hsm::new(Mark::Demo);
    for (what, signers, expected) in [
        ("nobody", &[][..], ErrorCode::NeedTwoOfficers),
        ("one officer", &[0], ErrorCode::NeedTwoOfficers),
        ("one officer twice", &[0, 0], ErrorCode::SameOfficer),
    ] {
        let order = hsm.signed(&hsm.body(make("k")), signers);
        assert_eq!(code(hsm.execute(order)), expected, "{what}");
    }
    // One officer under two names: the signature is not the other's.
    let mut order = hsm.signed(&hsm.body(make("k")), &[0, 0]);
    order.signatures[1].officer = "li".into();
    assert_eq!(code(hsm.execute(order)), ErrorCode::BadSignature);
    let mut order = hsm.signed(&hsm.body(make("k")), &[0]);
    order
        .sign(&OfficerKey::generate("stranger").unwrap())
        .unwrap();
    assert_eq!(code(hsm.execute(order)), ErrorCode::NoSuchOfficer);
    let order = hsm.signed(&hsm.body(make("k")), &[2, 1]);
    assert!(hsm.execute(order).is_ok());
}

#[test]
fn a_changed_body_voids_the_signatures() {
    let mut hsm = Hsm::new(Mark::Demo);
    let ticket = OrderOp::CreateTicket {
        ticket: TicketSpec {
            id: "t".to_owned(),
            kind: Target::Card,
            count: 1,
            max_attempts_per_factor: 1,
            not_after: NOW + 1000,
            base_keys: vec!["k".to_owned()],
        },
    };
    for (what, op) in [("orders", make("k")), ("tickets", ticket)] {
        let order = hsm.signed(&hsm.body(op), &[0, 1]);
        let mut tried = 0;
        for at in 0..order.body.len() {
            let mut body = order.body.clone().into_bytes();
            body[at] ^= 1;
            let Ok(body) = String::from_utf8(body) else {
                continue;
            };
            let changed = Order {
                body,
                signatures: order.signatures.clone(),
            };
            assert_eq!(code(hsm.execute(changed)), ErrorCode::BadSignature);
            tried += 1;
        }
        for at in 0..128 {
            let mut changed = order.clone();
            changed.signatures[at / 64].signature.0[at % 64] ^= 1;
            assert_eq!(code(hsm.execute(changed)), ErrorCode::BadSignature);
            tried += 1;
        }
        println!("{what}: {tried} changed bytes, all refused by name");
        assert!(hsm.execute(order).is_ok());
    }
}

#[test]
fn an_order_runs_once_here_and_in_time() {
    let mut hsm = Hsm::new(Mark::Demo);
    let mut other = Hsm::new(Mark::Demo);
    let order = hsm.signed(&hsm.body(make("k")), &[0, 1]);
    assert_eq!(
        code(other.execute(order.clone())),
        ErrorCode::BadSignature,
        "another HSM's officers"
    );
    let mut body = hsm.body(make("k"));
    body.hsm = Hex([7; 32]);
    let astray = hsm.signed(&body, &[0, 1]);
    assert_eq!(code(hsm.execute(astray)), ErrorCode::WrongHsm);
    let mut body = hsm.body(make("k"));
    body.sequence += 1;
    let early = hsm.signed(&body, &[0, 1]);
    assert_eq!(code(hsm.execute(early)), ErrorCode::OrderReplayed);
    assert!(hsm.execute(order.clone()).is_ok());
    assert_eq!(code(hsm.execute(order)), ErrorCode::OrderReplayed);
    for (expires, expected) in [
        (NOW - 1, ErrorCode::OrderExpired),
        (NOW + 31 * 24 * 3600, ErrorCode::OrderExpired),
    ] {
        let mut body = hsm.body(make("k2"));
        body.expires = expires;
        let late = hsm.signed(&body, &[0, 1]);
        assert_eq!(code(hsm.execute(late)), expected);
    }
    let order = hsm.signed(&hsm.body(make("k2")), &[0, 1]);
    hsm.clock.0.store(NOW + 3601, Ordering::SeqCst);
    assert_eq!(code(hsm.execute(order)), ErrorCode::OrderExpired);
}

/// An authentic order is spent even when what it asks for is refused.
#[test]
fn a_refused_order_is_spent() {
    let mut hsm = Hsm::new(Mark::Demo);
    hsm.order(make("k")).unwrap();
    let again = hsm.signed(&hsm.body(make("k")), &[0, 1]);
    assert_eq!(code(hsm.execute(again.clone())), ErrorCode::KeyExists);
    hsm.order(OrderOp::DestroyKey { id: "k".into() }).unwrap();
    assert_eq!(code(hsm.execute(again)), ErrorCode::OrderReplayed);
}

#[test]
fn officers_come_and_go_but_two_stay() {
    let mut hsm = Hsm::new(Mark::Demo);
    let new = OfficerKey::generate("zhao").unwrap();
    let enrol = |name: &str, key: &OfficerKey| OrderOp::EnrolOfficer {
        name: name.into(),
        public_key: key.public().unwrap().public_key,
    };
    hsm.order(enrol("zhao", &new)).unwrap();
    assert_eq!(
        code(hsm.order(enrol("zhao", &OfficerKey::generate("zhao").unwrap()))),
        ErrorCode::OfficerExists
    );
    assert_eq!(
        code(hsm.order(enrol("second-name", &new))),
        ErrorCode::OfficerExists,
        "one person, two names"
    );
    let off_curve = OrderOp::EnrolOfficer {
        name: "x".into(),
        public_key: Hex([1; 64]),
    };
    assert_eq!(code(hsm.order(off_curve)), ErrorCode::BadAttributes);
    let mut order = hsm.signed(&hsm.body(make("k")), &[0]);
    order.sign(&new).unwrap();
    assert!(hsm.execute(order).is_ok());
    for name in ["zhao", "wang"] {
        hsm.order(OrderOp::RemoveOfficer { name: name.into() })
            .unwrap();
    }
    assert_eq!(
        code(hsm.order(OrderOp::RemoveOfficer { name: "li".into() })),
        ErrorCode::TooFewOfficers
    );
    let mut order = hsm.signed(&hsm.body(make("k2")), &[0]);
    order.sign(&new).unwrap();
    assert_eq!(
        code(hsm.execute(order)),
        ErrorCode::NoSuchOfficer,
        "a removed officer signs no more"
    );
}

/// Rule 4, and test keys: raw bytes and public formulas only in TEST.
#[test]
fn raw_and_test_keys_only_in_test() {
    let raw = || OrderOp::ImportRaw {
        id: "raw".into(),
        attributes: sm4(
            "k",
            Usage::SessionBase(hsm_wire::BaseClass::CardTransport),
            0,
            (Some(0), None, None),
        ),
        bytes: "0123456789ABCDEFFEDCBA9876543210".into(),
    };
    let formula = |label: &str| OrderOp::GenerateKey {
        id: "formula".into(),
        attributes: sm4("k", Usage::Derive, 0, (None, None, None)),
        source: KeySource::TestFormula(label.into()),
    };
    for mark in [Mark::Demo, Mark::Production] {
        let mut hsm = Hsm::new(mark);
        assert_eq!(code(hsm.order(raw())), ErrorCode::TestOnly);
        assert_eq!(code(hsm.order(formula("RHC-TEST-X"))), ErrorCode::TestOnly);
    }
    let mut hsm = Hsm::new(Mark::Test);
    match hsm.order(raw()).unwrap() {
        OrderDone::Key(info) => assert_eq!(info.check_value.to_string(), "2677F4"),
        _ => panic!("no key"),
    }
    assert_eq!(code(hsm.order(formula("MY-KEY"))), ErrorCode::BadName);
    hsm.order(formula("RHC-TEST-X")).unwrap();
    for (what, bytes) in [
        ("odd", "012"),
        ("short", "0123"),
        ("no hex", "zz23456789ABCDEFFEDCBA9876543210"),
    ] {
        let op = OrderOp::ImportRaw {
            id: "x".into(),
            attributes: sm4("k", Usage::Derive, 0, (None, None, None)),
            bytes: bytes.into(),
        };
        assert!(
            matches!(
                code(hsm.order(op)),
                ErrorCode::BadRequest | ErrorCode::BadAttributes
            ),
            "{what}"
        );
    }
    // n−1 and 0 are no SM2 keys.
    for d in [
        "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122",
        &"0".repeat(64),
    ] {
        let op = OrderOp::ImportRaw {
            id: "x".into(),
            attributes: sm2("k", Usage::Sign),
            bytes: d.into(),
        };
        assert_eq!(code(hsm.order(op)), ErrorCode::BadAttributes);
    }
}

/// Rights matrix: usage × what uses keys, every cell tried.
#[test]
fn every_usage_does_its_own_and_nothing_else() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hsm.order(OrderOp::GenerateKey {
        id: "issuer".into(),
        attributes: sm2("issuer", Usage::Sign),
        source: KeySource::Random,
    })
    .unwrap();
    hsm.order(OrderOp::GenerateKey {
        id: "root".into(),
        attributes: sm2("root", Usage::SignByOrder),
        source: KeySource::Random,
    })
    .unwrap();
    let lower = Hsm::new(Mark::Test);
    hsm.enrol("lower", PeerKind::Lower, &lower.info());
    //            mac    sign  ordered base   slot   export
    let table = [
        ("national", [false, false, false, false, true, true]),
        ("transport", [false, false, false, true, false, true]),
        ("CMK", [false, false, false, true, true, true]),
        ("SMK_N", [false, false, false, false, false, false]),
        ("cvk", [true, false, false, false, false, true]),
        ("issuer", [false, true, true, false, false, false]),
        ("root", [false, false, true, false, false, false]),
    ];
    hsm.ticket(
        "matrix",
        Target::Card,
        100,
        &[
            "national",
            "transport",
            "CMK",
            "SMK_N",
            "cvk",
            "issuer",
            "root",
        ],
    );
    for (id, allowed) in table {
        let key_id = id.to_owned();
        let mac = hsm
            .engine
            .operator(OperatorRequest::Mac {
                key: key_id.clone(),
                message: vec![1],
                length: 8,
            })
            .map(|_| ());
        let sign = hsm
            .engine
            .operator(OperatorRequest::Sm2Sign {
                key: key_id.clone(),
                input: SignInput::Message(vec![1]),
            })
            .map(|_| ());
        let ordered = hsm
            .order(OrderOp::Sign {
                key: key_id.clone(),
                message: "00".into(),
            })
            .map(|_| ());
        let base = {
            let mut request = hsm.card_request();
            request.ticket = "matrix".into();
            request.base.key.clone_from(&key_id);
            request.slots.clear();
            request.steps.truncate(1);
            hsm.fill(Target::Card, request).map(|_| ())
        };
        let slot = {
            let mut request = hsm.card_request();
            request.ticket = "matrix".into();
            request.slots = vec![key(id, &[PROVINCE, CARD])];
            request.steps.truncate(1);
            hsm.fill(Target::Card, request).map(|_| ())
        };
        let entry = ExportEntry {
            key: key_id,
            factors: if id == "national" {
                vec![Hex(PROVINCE)]
            } else {
                vec![]
            },
            new_id: "n".into(),
            leaves: None,
        };
        let export = hsm
            .order(OrderOp::ExportPackage {
                receiver: "lower".into(),
                purpose: "t".into(),
                entries: vec![entry],
                payload: String::new(),
            })
            .map(|_| ());
        for (what, (result, allowed)) in ["mac", "sign", "ordered", "base", "slot", "export"]
            .iter()
            .zip(
                [mac, sign, ordered, base, slot, export]
                    .into_iter()
                    .zip(allowed),
            )
        {
            match (result, allowed) {
                (Ok(()), true) => {}
                (Err(refusal), false) => {
                    assert!(
                        matches!(
                            refusal.code,
                            ErrorCode::NotPermitted | ErrorCode::BadBaseKey
                        ),
                        "{id} {what}: {refusal}"
                    );
                }
                (result, _) => panic!("{id} {what}: {result:?}, allowed: {allowed}"),
            }
        }
    }
}

#[test]
fn signatures_verify_and_macs_are_those_of_openssl() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hsm.test_key(
        "issuer",
        sm2("issuer", Usage::Sign),
        "RHC-TEST-SM2-ISSUER-41",
    );
    let OperatorAnswer::Key(info) = hsm
        .engine
        .operator(OperatorRequest::Key {
            id: "issuer".into(),
        })
        .unwrap()
    else {
        panic!("no key")
    };
    let public = info.public_key.unwrap();
    assert!(
        public.to_string().starts_with("C1720956F74EDC65"),
        "D36 of the vector file"
    );
    let sign = |hsm: &mut Hsm, input| match hsm.engine.operator(OperatorRequest::Sm2Sign {
        key: "issuer".into(),
        input,
    }) {
        Ok(OperatorAnswer::Signature(signature)) => signature,
        _ => panic!("no signature"),
    };
    let signature = sign(&mut hsm, SignInput::Message(b"certificate".to_vec()));
    gm::verify(&public, b"certificate", &signature).unwrap();
    assert!(gm::verify(&public, b"certificatf", &signature).is_err());
    let signature = sign(&mut hsm, SignInput::Digest([9; 32]));
    gm::verify_digest(&public, &[9; 32], &signature).unwrap();
    // printf '0123456789ABCDEF' ‖ 80 00…; openssl enc -sm4-cbc -nopad, last block; key SM3("RHC-TEST-41-CVK-v0")[..16]
    let mac = |hsm: &mut Hsm, length| {
        hsm.engine.operator(OperatorRequest::Mac {
            key: "cvk".into(),
            message: b"0123456789ABCDEF".to_vec(),
            length,
        })
    };
    let OperatorAnswer::Mac(value) = mac(&mut hsm, 8).unwrap() else {
        panic!("no MAC")
    };
    assert_eq!(hex::encode_upper(value), MAC_BY_OPENSSL);
    for length in [0, 9, 16] {
        assert_eq!(code(mac(&mut hsm, length)), ErrorCode::TooLarge);
    }
}

const MAC_BY_OPENSSL: &str = "1D0EBCEBCFB078F5";

#[test]
fn the_officers_socket_tells_anybody_what_is_public() {
    let mut hsm = Hsm::new(Mark::Demo);
    assert!(hsm.engine.officer(OfficerRequest::Info).is_ok());
}

#[test]
fn the_operators_secret_is_compared_and_a_wrong_one_audited() {
    use sm3::Digest;
    let mut hsm = Hsm::new(Mark::Demo);
    let secret = [0x42; 32];
    hsm.order(OrderOp::SetOperator {
        secret_hash: Hex(sm3::Sm3::digest(secret).into()),
    })
    .unwrap();
    assert!(hsm.engine.check_operator(&secret).is_ok());
    let before = hsm.info().audit.count;
    assert_eq!(
        code(hsm.engine.check_operator(&[0x43; 32])),
        ErrorCode::WrongCredential
    );
    assert_eq!(hsm.info().audit.count, before + 1);
}
