//! Frames, secret files and JSON texts.
#![allow(clippy::unwrap_used)]

use hsm_wire::fill::{FillRequest, Level, MECHANISM, Segment, SessionKey, Step};
use hsm_wire::frame::{FrameError, MAX_FRAME, receive, send};
use hsm_wire::officer::{OfficerRequest, OrderOp};
use hsm_wire::operator::OperatorRequest;
use hsm_wire::order::{Body, OfficerKey, Order};
use hsm_wire::secret::{OperatorSecret, SecretError};
use hsm_wire::{ErrorCode, Hex, HsmError, Leaves, Mark, fill::Derived, valid_name};
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;

fn fill() -> OperatorRequest {
    OperatorRequest::FillCard(Box::new(FillRequest {
        request_id: [1; 16],
        ticket: "t".into(),
        mark: Mark::Test,
        mechanism: MECHANISM.into(),
        factor: [2; 8],
        base: Derived {
            key: "k".into(),
            factors: vec![[2; 8]],
        },
        slots: vec![],
        mac_texts: vec![],
        steps: vec![
            Step::Open {
                with: SessionKey::Base,
                key_version: 1,
                counter: 70_000,
                level: Level::MacEnc,
            },
            Step::Command {
                header: [0x84, 0xDA, 0, 0],
                segments: vec![Segment::Literal(vec![7; 239])],
                level: Level::MacEnc,
            },
        ],
    }))
}

#[test]
fn frames_go_and_come() {
    let mut pipe = Vec::new();
    send(&mut pipe, &fill()).unwrap();
    send(&mut pipe, &OperatorRequest::Info).unwrap();
    let mut from = Cursor::new(&pipe);
    let first: OperatorRequest = receive(&mut from, MAX_FRAME).unwrap().unwrap();
    assert_eq!(
        postcard::to_stdvec(&first).unwrap(),
        postcard::to_stdvec(&fill()).unwrap()
    );
    assert!(matches!(
        receive(&mut from, MAX_FRAME),
        Ok(Some(OperatorRequest::Info))
    ));
    assert!(matches!(
        receive::<OperatorRequest>(&mut from, MAX_FRAME),
        Ok(None)
    ));
}

#[test]
fn cut_changed_and_huge_frames_are_errors() {
    let mut pipe = Vec::new();
    send(&mut pipe, &fill()).unwrap();
    for cut in 1..pipe.len() {
        let result = receive::<OperatorRequest>(&mut Cursor::new(&pipe[..cut]), MAX_FRAME);
        assert!(matches!(result, Err(FrameError::Io(_))), "cut at {cut}");
    }
    let longer = [
        &[0, 0, 0, 2][..],
        &postcard::to_stdvec(&OperatorRequest::Info).unwrap(),
        &[0],
    ]
    .concat();
    assert!(matches!(
        receive::<OperatorRequest>(&mut Cursor::new(longer), MAX_FRAME),
        Err(FrameError::Content)
    ));
    assert!(matches!(
        receive::<OperatorRequest>(&mut Cursor::new([0xFF; 8]), MAX_FRAME),
        Err(FrameError::TooLarge(_))
    ));
    assert!(matches!(
        receive::<OperatorRequest>(&mut Cursor::new(&pipe), 64),
        Err(FrameError::TooLarge(_))
    ));
    let huge = OperatorRequest::Mac {
        key: "k".into(),
        message: vec![0; MAX_FRAME],
        length: 4,
    };
    assert!(matches!(
        send(&mut Vec::new(), &huge),
        Err(FrameError::TooLarge(_))
    ));
    // Every byte of a frame changed in turn: an error or another request, never a panic.
    for at in 4..pipe.len() {
        let mut changed = pipe.clone();
        changed[at] ^= 0x81;
        let _ = receive::<OperatorRequest>(&mut Cursor::new(changed), MAX_FRAME);
    }
}

#[test]
fn orders_are_readable_json() {
    let body = Body {
        hsm: Hex([0xAB; 32]),
        sequence: 7,
        expires: 9,
        op: OrderOp::CloseTicket { id: "t".into() },
    };
    let text = body.to_text().unwrap();
    let expected = format!(
        r#"{{"hsm":"{}","sequence":7,"expires":9,"op":{{"close-ticket":{{"id":"t"}}}}}}"#,
        "AB".repeat(32)
    );
    assert_eq!(text, expected);
    let mut order = Order::new(text);
    order.sign(&OfficerKey::generate("zhang").unwrap()).unwrap();
    // The order as JSON, and as a frame, is the same order.
    let json: Order = serde_json::from_str(&serde_json::to_string(&order).unwrap()).unwrap();
    let mut pipe = Vec::new();
    send(&mut pipe, &OfficerRequest::Execute(order.clone())).unwrap();
    let Some(OfficerRequest::Execute(framed)) = receive(&mut Cursor::new(pipe), MAX_FRAME).unwrap()
    else {
        panic!("no order")
    };
    for other in [json, framed] {
        assert!(other.body == order.body && other.signatures == order.signatures);
    }
    let unknown =
        r#"{"hsm":"00","sequence":1,"expires":2,"op":{"close-ticket":{"id":"t","more":1}}}"#;
    assert!(
        serde_json::from_str::<Body>(unknown).is_err(),
        "nothing is signed that is not understood"
    );
}

#[test]
fn secret_files_are_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("operator.cred");
    let secret = OperatorSecret::generate().unwrap();
    secret.save(&path).unwrap();
    assert_eq!(OperatorSecret::load(&path).unwrap().hash(), secret.hash());
    assert!(secret.save(&path).is_err(), "overwrites nothing");
    for mode in [0o640, 0o604, 0o660, 0o777] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(
            matches!(OperatorSecret::load(&path), Err(SecretError::Mode(_))),
            "{mode:o}"
        );
    }
    let key_path = dir.path().join("zhang.key");
    let key = OfficerKey::generate("zhang").unwrap();
    key.save(&key_path, &dir.path().join("zhang.pub")).unwrap();
    let again = OfficerKey::load(&key_path).unwrap();
    assert_eq!(
        (again.name(), again.public().unwrap()),
        ("zhang", key.public().unwrap())
    );
    // A key file whose halves do not belong together.
    let text = std::fs::read_to_string(&key_path).unwrap();
    let other = OfficerKey::generate("zhang")
        .unwrap()
        .public()
        .unwrap()
        .public_key
        .to_string();
    let own = key.public().unwrap().public_key.to_string();
    std::fs::write(&key_path, text.replace(&own, &other)).unwrap();
    assert!(matches!(
        OfficerKey::load(&key_path),
        Err(SecretError::Content { .. })
    ));
}

#[test]
fn names_leaves_and_codes() {
    for (name, valid) in [
        ("RK1_DDF1@1", true),
        ("a/b.c+d-e", true),
        ("", false),
        ("a b", false),
        ("键", false),
        ("a\n", false),
    ] {
        assert_eq!(valid_name(name), valid, "{name:?}");
    }
    assert!(valid_name(&"x".repeat(64)) && !valid_name(&"x".repeat(65)));
    let wide = Leaves {
        hsm: Some(1),
        sam: Some(0),
        card: Some(2),
    };
    assert!(wide.within(wide) && Leaves::default().within(wide));
    assert!(
        Leaves {
            card: Some(3),
            ..wide
        }
        .within(wide)
            && !Leaves {
                card: Some(1),
                ..wide
            }
            .within(wide)
    );
    assert!(!wide.within(Leaves { sam: None, ..wide }));
    let names: std::collections::BTreeSet<_> =
        ErrorCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), ErrorCode::ALL.len());
    let refusal = HsmError::new(ErrorCode::SlotInClear).at(4);
    assert!(refusal.to_string().starts_with("SlotInClear at step 4: "));
}
