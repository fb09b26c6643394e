//! A user card under the knife.

use cardlib_sim::user::memory::Change;
use cardlib_sim::{UserCard, VirtualCard};

use crate::bench::virtual_product::Recipe;

/// What a user card's hook remembers.
#[derive(Default)]
pub struct Scratch {
    pub bytes: Vec<u8>,
    pub count: u32,
    pub names: Vec<&'static str>,
    /// Memory as it was, to be put back at the next reset.
    pub later: Vec<Change>,
    /// The power goes inside the command that comes.
    pub cut: bool,
}

/// A user card under the knife.
pub struct Patient {
    pub card: UserCard,
    pub recipe: Recipe,
    pub scratch: Scratch,
    pub(in crate::mutants) word: Option<(u8, u16, u16)>,
    pub(in crate::mutants) open: Option<(&'static str, u16, bool)>,
}

/// What is done to each command and each reset.
#[derive(Clone, Copy)]
pub struct UserHook {
    pub command: fn(&mut Patient, &[u8]) -> Vec<u8>,
    pub reset: fn(&mut Patient) -> Vec<u8>,
    /// The hook does itself what a cut leaves behind, and `command` sees it in [`Scratch::cut`].
    pub torn: bool,
    pub(in crate::mutants) word: Option<(u8, u16, u16)>,
    pub(in crate::mutants) open: Option<(&'static str, u16, bool)>,
}

impl Default for UserHook {
    fn default() -> Self {
        Self {
            command: |p, a| p.card.handle(a),
            reset: |p| p.card.reset(),
            torn: false,
            word: None,
            open: None,
        }
    }
}

impl UserHook {
    /// Only commands are changed.
    pub fn on(command: fn(&mut Patient, &[u8]) -> Vec<u8>) -> Self {
        Self {
            command,
            ..Self::default()
        }
    }

    /// Only resets are.
    pub fn at_reset(reset: fn(&mut Patient) -> Vec<u8>) -> Self {
        Self {
            reset,
            ..Self::default()
        }
    }

    /// What is left behind by a power cut inside a command.
    pub fn torn(command: fn(&mut Patient, &[u8]) -> Vec<u8>) -> Self {
        Self {
            torn: true,
            ..Self::on(command)
        }
    }

    /// A status word in place of another.
    #[must_use]
    pub fn word(ins: u8, from: u16, to: u16) -> Self {
        Self {
            word: Some((ins, from, to)),
            command: Patient::other_word,
            ..Self::default()
        }
    }

    /// One file without one of its rights.
    #[must_use]
    pub fn unguarded(df: &'static str, fid: u16, update: bool) -> Self {
        Self {
            open: Some((df, fid, update)),
            command: Patient::without_right,
            ..Self::default()
        }
    }
}

/// A defective user card.
pub struct FaultyUser {
    patient: Patient,
    hook: UserHook,
}

impl FaultyUser {
    #[must_use]
    pub fn new(card: UserCard, recipe: Recipe, hook: UserHook) -> Self {
        let patient = Patient {
            card,
            recipe,
            scratch: Scratch::default(),
            word: hook.word,
            open: hook.open,
        };
        Self { patient, hook }
    }
}

impl VirtualCard for FaultyUser {
    fn reset(&mut self) -> Vec<u8> {
        (self.hook.reset)(&mut self.patient)
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let out = (self.hook.command)(&mut self.patient, apdu);
        if std::mem::take(&mut self.patient.scratch.cut) {
            return Vec::new();
        }
        out
    }

    fn cut_at(&mut self, moment: usize) {
        if self.hook.torn {
            self.patient.scratch.cut = true;
        } else {
            self.patient.card.cut_at(moment);
        }
    }
}
