//! No audit record, no operation: a store that cannot be written stops the HSM. Alone in its binary, because the limit
//! that plays the full disk holds for the whole process.
#![allow(clippy::unwrap_used)]

#[path = "engine/common/mod.rs"]
mod common;

use common::*;
use hsm_wire::operator::OperatorRequest;
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Mark};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// SIGXFSZ, which a write beyond the limit sends, and which would end the process.
const SIGXFSZ: i32 = 25;

#[test]
fn when_the_store_cannot_be_written_the_hsm_stops() {
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).unwrap();
    let mut hsm = Hsm::province(Mark::Test, None);
    let before = getrlimit(Resource::Fsize);
    let request = hsm.card_request();
    let repeat = request.clone();
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: Some(0),
            maximum: before.maximum,
        },
    )
    .unwrap();
    let refused = hsm.fill(Target::Card, request);
    setrlimit(Resource::Fsize, before).unwrap();
    assert_eq!(code(refused), ErrorCode::AuditClosed);
    // The disk has room again; the HSM stays stopped until somebody has looked.
    assert_eq!(
        code(hsm.fill(Target::Card, repeat.clone())),
        ErrorCode::AuditClosed
    );
    assert_eq!(
        code(hsm.engine.operator(OperatorRequest::Info)),
        ErrorCode::AuditClosed
    );
    assert_eq!(
        code(hsm.engine.check_operator(&[0; 32])),
        ErrorCode::AuditClosed
    );
    let mut hsm = hsm.reopen();
    assert_eq!(
        hsm.fill(Target::Card, repeat).unwrap().quota_left,
        1,
        "nothing was spent"
    );
}
