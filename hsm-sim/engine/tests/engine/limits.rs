//! Expiry and quota of keys: enforced at every use, durable, handed down in packages.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_wire::officer::{ExportEntry, OrderDone, OrderOp, PeerKind};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest, SignInput};
use hsm_wire::ticket::Target;
use hsm_wire::{Algorithm, ErrorCode, HsmError, KeyAttributes, Mark, Usage};
use std::sync::atomic::Ordering;

fn limited(attributes: KeyAttributes, quota: Option<u64>, not_after: Option<u64>) -> KeyAttributes {
    KeyAttributes {
        quota,
        not_after,
        ..attributes
    }
}

fn mac(hsm: &mut Hsm, key: &str) -> Result<OperatorAnswer, HsmError> {
    hsm.engine.operator(OperatorRequest::Mac {
        key: key.to_owned(),
        message: vec![7; 20],
        length: 8,
    })
}

fn sign(hsm: &mut Hsm, key: &str) -> Result<OperatorAnswer, HsmError> {
    hsm.engine.operator(OperatorRequest::Sm2Sign {
        key: key.to_owned(),
        input: SignInput::Message(vec![1, 2, 3]),
    })
}

#[test]
fn a_quota_is_counted_over_restarts() {
    let mut hsm = Hsm::new(Mark::Test);
    let attributes = limited(sm4("CVK", Usage::Mac, 0, (None, None, None)), Some(3), None);
    hsm.random_key("cvk", attributes).ok().unwrap();
    assert!(mac(&mut hsm, "cvk").is_ok());
    assert!(mac(&mut hsm, "cvk").is_ok());
    let mut hsm = hsm.reopen();
    assert!(mac(&mut hsm, "cvk").is_ok());
    assert_eq!(code(mac(&mut hsm, "cvk")), ErrorCode::KeyUsedUp);
    hsm.engine.compact();
    let mut hsm = hsm.reopen();
    assert_eq!(code(mac(&mut hsm, "cvk")), ErrorCode::KeyUsedUp);
}

#[test]
fn an_expired_key_does_nothing() {
    let mut hsm = Hsm::new(Mark::Test);
    let end = NOW + 100;
    for (id, attributes) in [
        ("cvk", sm4("CVK", Usage::Mac, 0, (None, None, None))),
        ("sign", sm2("sign", Usage::Sign)),
        ("root", sm2("root", Usage::SignByOrder)),
    ] {
        hsm.random_key(id, limited(attributes, None, Some(end)))
            .ok()
            .unwrap();
    }
    let order = || OrderOp::Sign {
        key: "root".to_owned(),
        message: "00".to_owned(),
    };
    hsm.clock.0.store(end, Ordering::SeqCst);
    assert!(mac(&mut hsm, "cvk").is_ok() && sign(&mut hsm, "sign").is_ok());
    assert!(hsm.order(order()).is_ok());
    hsm.clock.0.store(end + 1, Ordering::SeqCst);
    assert_eq!(code(mac(&mut hsm, "cvk")), ErrorCode::KeyExpired);
    assert_eq!(code(sign(&mut hsm, "sign")), ErrorCode::KeyExpired);
    assert_eq!(code(hsm.order(order())), ErrorCode::KeyExpired);
    let late = limited(sm2("late", Usage::Sign), None, Some(end));
    assert_eq!(code(hsm.random_key("late", late)), ErrorCode::KeyExpired);
}

/// Each slot of each card is a use; a batch sees the uses of its own earlier cards.
#[test]
fn slots_of_a_batch_are_counted_one_by_one() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let attributes = sm4("UK", Usage::Derive, 0, (Some(0), None, Some(1)));
    let two = limited(attributes, Some(2), None);
    hsm.random_key("scarce", two).ok().unwrap();
    hsm.ticket("many", Target::Card, 9, &["transport"]);
    let requests: Vec<_> = (1..=3)
        .map(|n| {
            let mut request = for_factor(hsm.card_request(), [n; 8]);
            request.ticket = "many".to_owned();
            request.slots[2].key = "scarce".to_owned();
            request
        })
        .collect();
    let Ok(OperatorAnswer::FilledMany(outcomes)) =
        hsm.engine.operator(OperatorRequest::FillCards(requests))
    else {
        panic!("no batch")
    };
    let codes: Vec<_> = outcomes
        .iter()
        .map(|o| o.as_ref().err().map(|e| e.code))
        .collect();
    assert_eq!(codes, [None, None, Some(ErrorCode::KeyUsedUp)]);
    let Ok(OperatorAnswer::Ticket(ticket)) = hsm.engine.operator(OperatorRequest::Ticket {
        id: "many".to_owned(),
    }) else {
        panic!("no ticket")
    };
    assert_eq!(ticket.used, 2, "the refused card cost no count");
}

#[test]
fn a_package_hands_down_what_is_left() {
    let mut upper = Hsm::new(Mark::Test);
    let mut lower = Hsm::new(Mark::Test);
    upper.enrol("lower", PeerKind::Lower, &lower.info());
    lower.enrol("upper", PeerKind::Upper, &upper.info());
    let attributes = sm4("CVK", Usage::Mac, 0, (Some(0), None, None));
    let attributes = limited(attributes, Some(5), Some(NOW + 50));
    upper.random_key("cvk", attributes).ok().unwrap();
    assert!(mac(&mut upper, "cvk").is_ok());
    let entry = ExportEntry {
        key: "cvk".to_owned(),
        factors: vec![],
        new_id: "cvk".to_owned(),
        leaves: None,
    };
    let Ok(OrderDone::Package(package)) = upper.order(OrderOp::ExportPackage {
        receiver: "lower".to_owned(),
        purpose: "test".to_owned(),
        entries: vec![entry],
        payload: String::new(),
    }) else {
        panic!("no package")
    };
    let Ok(OrderDone::Imported(report)) = lower.order(OrderOp::ImportPackage { package }) else {
        panic!("not imported")
    };
    let received = &report.keys[0];
    assert_eq!((received.attributes.quota, received.used), (Some(3), 0));
    assert_eq!(received.attributes.not_after, Some(NOW + 50));
    for _ in 0..3 {
        assert!(mac(&mut lower, "cvk").is_ok());
        assert!(mac(&mut upper, "cvk").is_ok());
    }
    assert_eq!(code(mac(&mut lower, "cvk")), ErrorCode::KeyUsedUp);
    assert_eq!(code(mac(&mut upper, "cvk")), ErrorCode::KeyUsedUp);
}

#[test]
fn keys_of_two_algorithms_do_not_meet_in_one_call() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let aes = KeyAttributes {
        algorithm: Algorithm::Aes128,
        ..sm4("UK", Usage::Derive, 0, (None, None, Some(1)))
    };
    hsm.random_key("aes", aes).ok().unwrap();
    let mut request = hsm.card_request();
    request.slots[2].key = "aes".to_owned();
    assert_eq!(
        code(hsm.fill(Target::Card, request)),
        ErrorCode::AlgorithmMismatch
    );
}

/// A batch is what its parts are alone, in their order, with one record; and all or nothing at the quota.
#[test]
fn many_signatures_are_one_request_and_as_many_uses() {
    let mut hsm = Hsm::new(Mark::Test);
    let pair = |algorithm| {
        let attributes = KeyAttributes {
            algorithm,
            ..sm2("pair", Usage::Sign)
        };
        limited(attributes, Some(100), None)
    };
    for (id, algorithm) in [("sm2", Algorithm::Sm2), ("p256", Algorithm::P256)] {
        hsm.random_key(id, pair(algorithm)).ok().unwrap();
        let inputs: Vec<_> = (0..60_u8)
            .map(|n| match n % 2 {
                0 => SignInput::Message(vec![n; 50]),
                _ => SignInput::Digest([n; 32]),
            })
            .collect();
        let many = |inputs: &[SignInput]| OperatorRequest::Sm2SignMany {
            key: id.to_owned(),
            inputs: inputs.to_vec(),
        };
        let before = hsm.info().audit.count;
        let Ok(OperatorAnswer::Signatures(all)) = hsm.engine.operator(many(&inputs)) else {
            panic!("no signatures")
        };
        assert_eq!(hsm.info().audit.count, before + 1);
        // Both libraries sign deterministically.
        for (n, signature) in all.iter().enumerate().step_by(7) {
            let alone = OperatorRequest::Sm2Sign {
                key: id.to_owned(),
                input: inputs[n].clone(),
            };
            let Ok(OperatorAnswer::Signature(alone)) = hsm.engine.operator(alone) else {
                panic!("no signature")
            };
            assert_eq!(alone, *signature, "{id} {n}");
        }
        // 60 + 9 are used.
        let refused = hsm.engine.operator(many(&inputs[..32]));
        assert_eq!(code(refused), ErrorCode::KeyUsedUp);
        assert!(hsm.engine.operator(many(&inputs[..31])).is_ok());
        assert_eq!(code(hsm.engine.operator(many(&[]))), ErrorCode::TooLarge);
    }
}
