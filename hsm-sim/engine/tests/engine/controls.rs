//! One test for each of the ten controls. `src/weakened.rs` runs each once more with its control switched off, where it
//! must fail.
#![allow(clippy::unwrap_used)]

use super::common::*;
use hsm_engine::{
    Disk, Engine, EpochFile, NextWrite, OpenError, Role, StoreError, SystemEntropy, World, shares,
};
use hsm_wire::fill::{Level, Step};
use hsm_wire::officer::{ExportEntry, OrderOp, PeerKind};
use hsm_wire::operator::OperatorRequest;
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Mark, Usage};
use zeroize::Zeroizing;

fn refused(hsm: &mut Hsm, target: Target, request: hsm_wire::fill::FillRequest) -> ErrorCode {
    code(hsm.fill(target, request))
}

/// A ticket of two counts fills two cards.
#[test]
pub fn quota() {
    let mut hsm = Hsm::province(Mark::Test, None);
    for factor in 1..=2 {
        let request = for_factor(hsm.card_request(), [factor; 8]);
        hsm.fill(Target::Card, request).unwrap();
    }
    let request = for_factor(hsm.card_request(), [3; 8]);
    assert_eq!(
        refused(&mut hsm, Target::Card, request),
        ErrorCode::TicketEmpty
    );
}

/// A key without a way out to other HSMs goes into no package.
#[test]
pub fn export() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let other = Hsm::new(Mark::Test);
    hsm.enrol("lower", PeerKind::Lower, &other.info());
    let entry = ExportEntry {
        key: "SMK_N".to_owned(),
        factors: vec![],
        new_id: "SMK_N".to_owned(),
        leaves: None,
    };
    let order = OrderOp::ExportPackage {
        receiver: "lower".to_owned(),
        purpose: "test".to_owned(),
        entries: vec![entry],
        payload: String::new(),
    };
    assert_eq!(code(hsm.order(order)), ErrorCode::NotPermitted);
}

/// A national root reaches a card diversified twice.
#[test]
pub fn depth() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let mut request = hsm.card_request();
    request.slots[1].factors = vec![CARD];
    assert_eq!(
        refused(&mut hsm, Target::Card, request),
        ErrorCode::DepthTooSmall
    );
}

/// An auditor uses no key, and one officer gives no order.
#[test]
pub fn role() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let mac = OperatorRequest::Mac {
        key: "cvk".to_owned(),
        message: vec![1],
        length: 4,
    };
    assert_eq!(
        code(hsm.engine.serve(Role::Auditor, mac)),
        ErrorCode::RoleNotAllowed
    );
    let order = hsm.signed(&hsm.body(OrderOp::RemovePolicy), &[0]);
    assert_eq!(code(hsm.execute(order)), ErrorCode::NeedTwoOfficers);
}

/// One call serves one card.
#[test]
pub fn factor_binding() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let mut request = hsm.card_request();
    request.slots[2].factors = vec![OTHER_CARD];
    assert_eq!(
        refused(&mut hsm, Target::Card, request),
        ErrorCode::TwoFactors
    );
}

/// A key slot goes out in an encrypted command only.
#[test]
pub fn key_slot_encrypted() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let mut request = hsm.card_request();
    for step in &mut request.steps {
        match step {
            Step::Open { level, .. } | Step::Command { level, .. } => *level = Level::Mac,
        }
    }
    assert_eq!(
        refused(&mut hsm, Target::Card, request),
        ErrorCode::SlotInClear
    );
}

/// A TEST store answers no request that says DEMO.
#[test]
pub fn mark() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let mut request = hsm.card_request();
    request.mark = Mark::Demo;
    assert_eq!(
        refused(&mut hsm, Target::Card, request),
        ErrorCode::MarkMismatch
    );
}

/// A disk without room.
struct FullDisk;

impl Disk for FullDisk {
    fn next_write(&mut self) -> NextWrite {
        NextWrite::Full
    }
}

/// Without an audit record nothing is answered, and nothing works after that.
#[test]
pub fn audit_closed() {
    let hsm = Hsm::province(Mark::Test, None);
    let full = World {
        clock: Box::new(hsm.clock.clone()),
        entropy: Box::new(SystemEntropy),
        disk: Box::new(FullDisk),
    };
    let Hsm {
        engine,
        secret,
        dir,
        ..
    } = hsm;
    drop(engine);
    let opened = Engine::open(&dir.path().join("hsm"), &secret, full);
    assert!(
        matches!(&opened, Err(OpenError::Refused(e)) if e.code == ErrorCode::AuditClosed),
        "opened although its opening could not be audited"
    );
}

/// Yesterday's copy of a store is not today's.
#[test]
pub fn epoch() {
    let hsm = Hsm::province(Mark::Test, None);
    let (copy, path) = (hsm.dir.path().join("copy"), hsm.dir.path().join("epoch"));
    copy_dir(&hsm.store(), &copy);
    let mut hsm = hsm.reopen_at(&EpochFile {
        path: path.clone(),
        accept: true,
    });
    let request = hsm.card_request();
    hsm.fill(Target::Card, request).unwrap();
    let place = EpochFile {
        path,
        accept: false,
    };
    let (secret, clock, dir) = hsm.close();
    let opened = Engine::open_at(&copy, &secret, world(&clock, None), Some(&place));
    assert!(
        matches!(&opened, Err(OpenError::Store(StoreError::RolledBack(_)))),
        "a copy of before was opened"
    );
    drop(dir);
}

/// Two custodians of three needed: one is too few.
#[test]
pub fn share_threshold() {
    let hsm = Hsm::new(Mark::Test);
    let passphrase = || Zeroizing::new(b"a passphrase of some length".to_vec());
    let custodians: Vec<_> = ["sun", "qian", "zhou"]
        .map(|name| (name.to_owned(), passphrase()))
        .into();
    let mut system = World::system();
    let files = shares::split(&hsm.store(), &hsm.secret, 2, &custodians, &mut system).unwrap();
    let one: Vec<_> = files
        .into_iter()
        .take(1)
        .map(|f| (f, passphrase()))
        .collect();
    let joined = shares::join(&hsm.store(), &one);
    assert!(
        matches!(
            joined,
            Err(shares::ShareError::TooFew {
                given: 1,
                needed: 2
            })
        ),
        "one custodian was not told that two are needed"
    );
}

/// Key usage stands beside the ten: a key of one usage does nothing else.
#[test]
pub fn usage() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hsm.test_key(
        "issuer",
        sm2("issuer", Usage::Sign),
        "RHC-TEST-SM2-ISSUER-41",
    );
    let mac = |key: &str| OperatorRequest::Mac {
        key: key.to_owned(),
        message: vec![1],
        length: 4,
    };
    for key in ["CMK", "national", "transport", "issuer"] {
        assert_eq!(
            code(hsm.engine.operator(mac(key))),
            ErrorCode::NotPermitted,
            "{key}"
        );
    }
}
