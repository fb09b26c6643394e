//! What the C programs of `hsm-sim/sdf` cannot see: what lasts, what is counted, what is audited.
#![allow(clippy::unwrap_used)] // a test may stop at a broken invariant

mod house;

use super::session::session_key;
use super::*;
use house::{House, PASSWORD, access, diversify};
use hsm_wire::device::{MAX_WRONG_PASSWORDS, Pair, Secret};
use hsm_wire::fill::Factor;
use hsm_wire::operator::OperatorRequest;
use hsm_wire::ticket::Target;
use hsm_wire::{Algorithm, Hex, Usage};

#[test]
fn wrong_passwords_are_counted_across_restarts_and_close_the_index() {
    let mut house = House::new();
    house.key("sdf/1/sign", Algorithm::Sm2, Usage::Sign, |_| {});
    house.password(1);
    let mut session = DeviceSession::new();
    // A right one forgets the wrong ones before it.
    for _ in 1..MAX_WRONG_PASSWORDS {
        assert_eq!(
            house.code(&mut session, access(b"wrong one")),
            Some(ErrorCode::WrongPassword)
        );
    }
    assert_eq!(house.code(&mut session, access(PASSWORD)), None);
    for _ in 0..MAX_WRONG_PASSWORDS {
        assert_eq!(
            house.code(&mut session, access(b"wrong one")),
            Some(ErrorCode::WrongPassword)
        );
    }
    let refused = (
        "device-access".into(),
        "index 1".into(),
        "WrongPassword".into(),
    );
    assert_eq!(house.last_audit(), refused);
    assert_eq!(
        house.code(&mut session, access(PASSWORD)),
        Some(ErrorCode::WrongPassword)
    );
    house.reopen();
    let mut session = DeviceSession::new();
    assert_eq!(
        house.code(&mut session, access(PASSWORD)),
        Some(ErrorCode::WrongPassword)
    );
    house.password(1);
    assert_eq!(house.code(&mut session, access(PASSWORD)), None);
}

#[test]
fn files_last_and_what_a_session_holds_does_not() {
    let mut house = House::new();
    house.key("sdf/kek/1", Algorithm::Sm4, Usage::KeyEncryption, |_| {});
    let name = || Secret(b"profile".to_vec());
    let mut session = DeviceSession::new();
    for request in [
        DeviceRequest::CreateFile {
            name: name(),
            size: 5,
        },
        DeviceRequest::WriteFile {
            name: name(),
            offset: 3,
            data: Secret(b"xy".to_vec()),
        },
        DeviceRequest::GenerateUnderKek { kek: 1 },
    ] {
        assert_eq!(house.code(&mut session, request), None);
    }
    assert!(session.key(1).is_ok());
    house.engine().compact();
    house.reopen();
    let mut session = DeviceSession::new();
    let read = DeviceRequest::ReadFile {
        name: name(),
        offset: 0,
        length: 9,
    };
    let Ok(DeviceAnswer::Bytes(content)) = house.ask(&mut session, read) else {
        panic!("no file");
    };
    assert_eq!(content.0, b"\0\0\0xy");
    let destroy = DeviceRequest::Destroy { handle: 1 };
    assert_eq!(
        house.code(&mut session, destroy),
        Some(ErrorCode::NoSuchHandle)
    );
}

#[test]
fn a_private_key_wants_its_password_its_quota_and_an_audit_record() {
    let mut house = House::new();
    house.key("sdf/1/sign", Algorithm::Sm2, Usage::Sign, |a| {
        a.quota = Some(1)
    });
    house.password(1);
    let mut session = DeviceSession::new();
    let sign = || DeviceRequest::Sign {
        index: 1,
        e: Hex([1; 32]),
    };
    assert_eq!(
        house.code(&mut session, sign()),
        Some(ErrorCode::NoAccessRight)
    );
    let audit = |outcome: &str| ("device-sign".into(), "index 1".into(), outcome.into());
    assert_eq!(house.last_audit(), audit("NoAccessRight"));
    assert_eq!(house.code(&mut session, access(PASSWORD)), None);
    assert_eq!(house.code(&mut session, sign()), None);
    assert_eq!(house.last_audit(), audit("done"));
    assert_eq!(house.code(&mut session, sign()), Some(ErrorCode::KeyUsedUp));
    // Not by its name either, and its public half stays free.
    let by_name = OperatorRequest::Sm2Sign {
        key: "sdf/1/sign".into(),
        input: hsm_wire::operator::SignInput::Digest([1; 32]),
    };
    let refused = house.engine().operator(by_name).err().map(|e| e.code);
    assert_eq!(refused, Some(ErrorCode::NotPermitted));
    let public = DeviceRequest::PublicKey {
        index: 1,
        pair: Pair::Sign,
    };
    assert_eq!(house.code(&mut session, public), None);
}

#[test]
fn only_a_chip_s_own_key_gets_a_handle_and_it_costs_the_ticket() {
    let mut house = House::new();
    house.key("deep", Algorithm::Sm4, Usage::Derive, |a| {
        a.leaves.card = Some(2)
    });
    house.key("sam-only", Algorithm::Sm4, Usage::Derive, |a| {
        a.leaves.sam = Some(0)
    });
    house.key("mac", Algorithm::Sm4, Usage::Mac, |_| {});
    house.ticket("t", Target::Card, 2, 2);
    house.ticket("sam", Target::Sam, 2, 2);
    let mut session = DeviceSession::new();
    let (province, a, b, c) = ([1; 8], [2; 8], [3; 8], [4; 8]);
    for (ticket, key, factors, code) in [
        ("t", "deep", vec![a], ErrorCode::DepthTooSmall),
        ("t", "deep", vec![], ErrorCode::TooLarge),
        ("t", "deep", vec![a; 5], ErrorCode::TooLarge),
        ("t", "sam-only", vec![province, a], ErrorCode::NotPermitted),
        ("t", "mac", vec![province, a], ErrorCode::NotPermitted),
        ("t", "none", vec![province, a], ErrorCode::NoSuchKey),
        ("none", "deep", vec![province, a], ErrorCode::NoSuchTicket),
        ("sam", "deep", vec![province, a], ErrorCode::TicketKind),
    ] {
        let refused = house.code(&mut session, diversify(ticket, key, &factors));
        assert_eq!(refused, Some(code), "{ticket} {key}");
    }
    assert_eq!(house.status("t").used, 0);
    for (factor, code) in [
        (a, None),
        (a, None),
        (a, Some(ErrorCode::TooManyAttempts)),
        (b, None),
        (c, Some(ErrorCode::TicketEmpty)),
    ] {
        let made = house.code(&mut session, diversify("t", "deep", &[province, factor]));
        assert_eq!(made, code, "{factor:?}");
    }
    let status = house.status("t");
    assert_eq!((status.used, status.answers), (2, 3));
    house.reopen();
    assert_eq!(house.status("t").used, 2);
}

#[test]
fn many_wrapped_keys_are_those_that_a_handle_would_have() {
    let mut house = House::new();
    for id in ["K1", "K2"] {
        house.key(id, Algorithm::Sm4, Usage::Derive, |a| {
            a.leaves.card = Some(1)
        });
    }
    house.key("sdf/kek/1", Algorithm::Sm4, Usage::KeyEncryption, |_| {});
    house.ticket("t", Target::Card, 3, 9);
    let mut session = DeviceSession::new();
    let chips: [Factor; 3] = [[5; 8], [6; 8], [7; 8]];
    let derive = |chains: Vec<Vec<Factor>>| DeviceRequest::DeriveAndWrap {
        ticket: "t".into(),
        kek: 1,
        keys: vec!["K1".into(), "K2".into()],
        chains,
    };
    let uneven = derive(vec![vec![chips[0]], vec![chips[1], chips[1]]]);
    assert_eq!(
        house.code(&mut session, uneven),
        Some(ErrorCode::BadRequest)
    );
    assert_eq!(
        house.code(&mut session, derive(Vec::new())),
        Some(ErrorCode::TooLarge)
    );
    let chains = chips.iter().map(|chip| vec![*chip]).collect();
    let Ok(DeviceAnswer::Derived(made)) = house.ask(&mut session, derive(chains)) else {
        panic!("nothing derived");
    };
    assert_eq!(house.status("t").used, 3);
    let mut made = made.into_iter();
    for chip in chips {
        for key in ["K1", "K2"] {
            let (wrapped, check) = made.next().unwrap();
            let Ok(DeviceAnswer::Diversified(own, value)) =
                house.ask(&mut session, diversify("t", key, &[chip]))
            else {
                panic!("not diversified");
            };
            assert_eq!(value, check);
            let import = DeviceRequest::ImportUnderKek { kek: 1, wrapped };
            let Ok(DeviceAnswer::Key(taken)) = house.ask(&mut session, import) else {
                panic!("not taken");
            };
            let zero = |handle| session.key(handle).unwrap().encrypt(&[0; 16]);
            assert_eq!(zero(own), zero(taken));
            assert_eq!(zero(own)[..3], value.0);
        }
    }
}

#[test]
fn a_session_is_full_at_some_point_and_handles_are_never_used_twice() {
    let mut session = DeviceSession::new();
    let first = session.next().unwrap();
    session.apply(Effect::Key(session_key(&[0; 16])));
    session.apply(Effect::Destroy(first));
    assert!(session.next().unwrap() > first);
    while session.next().is_ok() {
        session.apply(Effect::Key(session_key(&[0; 16])));
    }
    let full = session.next().map_err(|e| e.code);
    assert_eq!(full, Err(ErrorCode::SessionFull));
    session.apply(Effect::Destroy(first + 1));
    assert!(session.next().is_ok());
}
