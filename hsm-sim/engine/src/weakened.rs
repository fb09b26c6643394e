//! Shows that the tests of the ten controls would notice their absence: each runs here once more with its control
//! switched off ([`crate::control`]), and must fail.

use crate::control::{Control, WEAKENED, without};

#[path = "../tests/engine/common/mod.rs"]
mod common;
#[path = "../tests/engine/controls.rs"]
mod controls;

#[test]
fn every_control_is_missed_when_it_is_switched_off() {
    let guarded: [(Control, fn()); 10] = [
        (Control::Quota, controls::quota),
        (Control::Export, controls::export),
        (Control::Depth, controls::depth),
        (Control::Role, controls::role),
        (Control::FactorBinding, controls::factor_binding),
        (Control::KeySlotEncrypted, controls::key_slot_encrypted),
        (Control::Mark, controls::mark),
        (Control::AuditClosed, controls::audit_closed),
        (Control::Epoch, controls::epoch),
        (Control::ShareThreshold, controls::share_threshold),
    ];
    for (control, test) in guarded {
        assert!(
            !without(control, test),
            "{control:?} off, and its test passes"
        );
    }
}

/// The daemon's test looks for this text in `rhc-hsm` and must not find it; here it must be found.
#[test]
fn this_program_has_the_hook() {
    let program = std::env::current_exe()
        .and_then(std::fs::read)
        .expect("this program");
    let found = program
        .windows(WEAKENED.len())
        .any(|part| part == WEAKENED.as_bytes());
    assert!(found, "the text that the daemon's test looks for");
}
