//! The ten controls on which everything else rests, so that tests can show that the tests would notice their absence.
//!
//! In the crate's own unit tests ([`crate::weakened`]) one control at a time is switched off on one thread, and the
//! test that guards it must then fail. Everywhere else [`enforced`] is the constant `true`: there is nothing to switch.

/// A control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// A ticket's count, a key's quota.
    Quota,
    /// Ways out of the HSM.
    Export,
    /// How deep a key must be diversified where it goes.
    Depth,
    /// Who may do what.
    Role,
    /// One factor a call.
    FactorBinding,
    /// Key slots in encrypted commands only.
    KeySlotEncrypted,
    /// TEST, DEMO and PRODUCTION apart.
    Mark,
    /// No audit record, no operation.
    AuditClosed,
    /// A store of before is noticed.
    Epoch,
    /// M custodians.
    ShareThreshold,
}

/// Always.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn enforced(_: Control) -> bool {
    true
}

#[cfg(test)]
pub(crate) use hook::{WEAKENED, enforced, without};

#[cfg(test)]
mod hook {
    use super::Control;
    use std::cell::Cell;

    /// Stands in every program that has this hook, so that a test can look for it in `rhc-hsm`.
    pub(crate) static WEAKENED: &str = "rhc-hsm-engine: a control is switched off for a test";

    thread_local! {
        static OFF: Cell<Option<Control>> = const { Cell::new(None) };
    }

    pub(crate) fn enforced(control: Control) -> bool {
        OFF.get() != Some(control)
    }

    /// Runs a test's body on this thread without a control. Whether it passed.
    pub(crate) fn without(control: Control, body: fn()) -> bool {
        eprintln!("{WEAKENED}: {control:?}");
        OFF.set(Some(control));
        let passed = std::panic::catch_unwind(body).is_ok();
        OFF.set(None);
        passed
    }
}
