//! Handles for those who build defective SAMs (tests/conformance). Exists with the feature `faults` only.

use super::{SamCard, SessionKey};
use crate::sam::memory::Change;

/// A session key with its MAC's state.
#[derive(Clone)]
pub struct Session(SessionKey);

impl SamCard {
    /// Changes the memory as if the SAM had done it.
    pub fn tamper(&mut self, changes: &[Change]) {
        // A memory without file takes every change.
        let _ = self.commit(changes);
    }

    /// Whether the PIN counts as given.
    #[must_use]
    pub fn pin_given(&self) -> bool {
        self.volatile.pin_verified
    }

    /// Gives or takes the PIN's status.
    pub fn set_pin_given(&mut self, given: bool) {
        self.volatile.pin_verified = given;
    }

    /// The session key there is.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.volatile.session.clone().map(Session)
    }

    /// Puts a session key in place.
    pub fn set_session(&mut self, session: Option<Session>) {
        self.volatile.session = session.map(|session| session.0);
    }

    /// Lets the session key's use be another one.
    pub fn set_session_kind(&mut self, kind: u8) {
        if let Some(session) = &mut self.volatile.session {
            session.kind = kind;
        }
    }

    /// Moves without any command.
    pub fn stand(&mut self, df: usize) {
        self.volatile.df = df;
    }

    /// Where it stands: 0 is the MF.
    #[must_use]
    pub fn standing(&self) -> usize {
        self.volatile.df
    }
}
