//! Handles for those who build defective cards (tests/conformance): what a card remembers, changed from outside. Exists with
//! the feature `faults` only; no command leads here.

use super::{Rights, UserCard};
use crate::user::memory::Change;

/// The rights that a card has given.
#[derive(Clone, Default)]
pub struct Held(Rights);

impl UserCard {
    /// Changes the memory as if the card had done it.
    pub fn tamper(&mut self, changes: &[Change]) {
        // A memory without file takes every change.
        let _ = self.commit(changes);
    }

    /// The challenge that waits.
    #[must_use]
    pub fn challenge(&self) -> Option<[u8; 8]> {
        self.volatile.challenge
    }

    /// Puts a challenge in place, or takes it away.
    pub fn set_challenge(&mut self, challenge: Option<[u8; 8]>) {
        self.volatile.challenge = challenge;
    }

    /// Name of the current directory and place of the current file in the profile.
    #[must_use]
    pub fn standing(&self) -> (&'static str, Option<usize>) {
        (self.df_name(), self.volatile.ef)
    }

    /// Moves without any command.
    pub fn stand(&mut self, df: usize, ef: Option<usize>) {
        self.volatile.df = df;
        self.volatile.ef = ef;
    }

    /// What is held now.
    #[must_use]
    pub fn held(&self) -> Held {
        Held(self.volatile.rights.clone())
    }

    /// Puts rights in place.
    pub fn set_held(&mut self, held: Held) {
        self.volatile.rights = held.0;
    }

    /// Gives the right of a key without any authentication.
    pub fn grant(&mut self, key: &str) {
        let Some(key) = self.profile.keys.iter().find(|own| own.name == key) else {
            return;
        };
        if let Some(slot) = self.volatile.rights.slot(key.class) {
            *slot = Some(&key.name);
        }
    }
}
