//! Keys that two officers have taken out of use: nothing uses them, over restarts and compactions; barred is for ever.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_wire::attributes::Hold;
use hsm_wire::officer::{ExportEntry, OrderOp, PeerKind};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest, SignInput};
use hsm_wire::{ErrorCode, HsmError, Mark, Usage};

fn hold(hsm: &mut Hsm, id: &str, hold: Hold) -> Result<(), HsmError> {
    let id = id.to_owned();
    hsm.order(OrderOp::HoldKey { id, hold }).map(drop)
}

fn mac(hsm: &mut Hsm) -> Result<OperatorAnswer, HsmError> {
    hsm.engine.operator(OperatorRequest::Mac {
        key: "cvk".to_owned(),
        message: vec![7; 20],
        length: 8,
    })
}

fn sign(hsm: &mut Hsm) -> Result<OperatorAnswer, HsmError> {
    hsm.engine.operator(OperatorRequest::Sm2Sign {
        key: "sign".to_owned(),
        input: SignInput::Message(vec![1, 2, 3]),
    })
}

#[test]
fn a_suspended_key_does_nothing_until_it_is_freed_and_a_barred_one_never_again() {
    let mut hsm = Hsm::new(Mark::Test);
    let cvk = sm4("CVK", Usage::Mac, 0, (Some(0), None, None));
    hsm.random_key("cvk", cvk).ok().unwrap();
    hsm.random_key("sign", sm2("sign", Usage::Sign))
        .ok()
        .unwrap();
    let lower = Hsm::new(Mark::Test);
    hsm.enrol("lower", PeerKind::Lower, &lower.info());
    let export = || OrderOp::ExportPackage {
        receiver: "lower".to_owned(),
        purpose: "trial".to_owned(),
        entries: vec![ExportEntry {
            key: "cvk".to_owned(),
            factors: vec![],
            new_id: "cvk".to_owned(),
            leaves: None,
        }],
        payload: String::new(),
    };
    hold(&mut hsm, "cvk", Hold::Suspended).unwrap();
    hold(&mut hsm, "sign", Hold::Suspended).unwrap();
    assert_eq!(code(mac(&mut hsm)), ErrorCode::KeySuspended);
    assert_eq!(code(sign(&mut hsm)), ErrorCode::KeySuspended);
    assert_eq!(code(hsm.order(export())), ErrorCode::KeySuspended);
    let mut hsm = hsm.reopen();
    assert_eq!(
        code(mac(&mut hsm)),
        ErrorCode::KeySuspended,
        "from the journal"
    );
    hold(&mut hsm, "cvk", Hold::Free).unwrap();
    assert!(mac(&mut hsm).is_ok());
    hold(&mut hsm, "cvk", Hold::Barred).unwrap();
    hsm.engine.compact();
    let mut hsm = hsm.reopen();
    assert_eq!(code(mac(&mut hsm)), ErrorCode::KeyBarred, "from a snapshot");
    assert_eq!(code(sign(&mut hsm)), ErrorCode::KeySuspended);
    for back in [Hold::Free, Hold::Suspended] {
        assert_eq!(code(hold(&mut hsm, "cvk", back)), ErrorCode::KeyBarred);
    }
    assert_eq!(code(mac(&mut hsm)), ErrorCode::KeyBarred);
    let id = "cvk".to_owned();
    hsm.order(OrderOp::DestroyKey { id }).ok().unwrap();
    assert_eq!(
        code(hold(&mut hsm, "cvk", Hold::Barred)),
        ErrorCode::NoSuchKey
    );
}

/// The key service never gets further with its own word than the HSM lets it: an order needs its two officers.
#[test]
fn one_officer_holds_nothing() {
    let mut hsm = Hsm::new(Mark::Test);
    let cvk = sm4("CVK", Usage::Mac, 0, (None, None, None));
    hsm.random_key("cvk", cvk).ok().unwrap();
    let op = OrderOp::HoldKey {
        id: "cvk".to_owned(),
        hold: Hold::Barred,
    };
    let order = hsm.signed(&hsm.body(op), &[0]);
    assert_eq!(code(hsm.execute(order)), ErrorCode::NeedTwoOfficers);
    assert!(mac(&mut hsm).is_ok());
}
