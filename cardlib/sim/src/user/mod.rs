//! The user card: check order R9, files and rights, authentication, secure messaging, life cycle.
//!
//! | module | commands |
//! |---|---|
//! | [`memory`] | – what survives without power |
//! | `dispatch` | which command it is, and whether this stage takes it |
//! | `select` | SELECT, GET CHALLENGE |
//! | `auth` | INTERNAL and EXTERNAL AUTHENTICATE, rights |
//! | `records` | READ, UPDATE, WRITE, ERASE RECORD |
//! | `binary` | READ, UPDATE BINARY |
//! | `secure` | MAC and cipher of commands |
//! | `blocking` | APPLICATION BLOCK, UNBLOCK, CARD BLOCK |
//! | `perso` | the personalisation dialect |
//! | `mint` | cards made without it, for tests: minted and forged ones |

mod auth;
mod binary;
mod blocking;
mod dispatch;
pub mod memory;
mod mint;
mod perso;
mod records;
mod secure;
mod select;

use cardlib_card::profile::{BlockRule, File, Profile};
use cardlib_card::status::Status;

use crate::answer::Pending;
use crate::body::{Body, ChipMemory};
use crate::crypto::Key;
use crate::flaw::Flaw;
use crate::gate::Gate;
use crate::stage::{Chip, Stage};
use crate::tree::Tree;
use auth::Rights;
use memory::{Block, DfMemory, FileMemory, UserMemory};

pub use crate::body::OpenError;
pub use mint::ForgeError;

/// A user card.
pub type UserCard = Body<UserMemory, Volatile>;

/// What is lost without power.
#[derive(Default)]
pub struct Volatile {
    df: usize,
    ef: Option<usize>,
    challenge: Option<[u8; 8]>,
    rights: Rights,
    pending: Pending,
    gate: Gate,
}

impl crate::body::Volatile for Volatile {
    fn front(&mut self) -> (&mut Pending, &mut Gate) {
        (&mut self.pending, &mut self.gate)
    }
}

impl ChipMemory for UserMemory {
    fn blank(profile: &Profile, chip: Chip, transport: Key) -> Self {
        Self::blank(profile, chip, transport)
    }

    fn fits(&self, profile: &Profile) -> bool {
        self.fits(profile)
    }

    fn profile(&self) -> &str {
        &self.profile
    }

    fn chip(&self) -> Chip {
        self.chip
    }

    fn stage(&self) -> Stage {
        self.stage
    }

    fn tree(profile: &Profile) -> Tree {
        Tree::of_user_card(profile)
    }
}

impl UserCard {
    /// The card with one rule broken, for tests of those who look for broken rules.
    #[must_use]
    pub fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn current_df(&self) -> &DfMemory {
        &self.memory().dfs[self.volatile.df]
    }

    fn is_blocked(&self) -> bool {
        self.current_df().blocked() != Block::None
    }

    /// Whether the current directory is another application's (P6).
    fn is_foreign(&self) -> bool {
        self.profile.dfs[self.volatile.df].block == BlockRule::Foreign
    }

    /// The application's block, then the current file: R9's order.
    fn current_file(&self) -> Result<(usize, &'static File, &FileMemory), Status> {
        if self.is_blocked() {
            return Err(Status::FUNCTION);
        }
        let at = self.volatile.ef.ok_or(Status::NO_CURRENT_EF)?;
        let memory = self.memory().files.get(at).and_then(Option::as_ref);
        let memory = memory.ok_or(Status::NO_CURRENT_EF)?;
        let file = self.profile.files.get(at).ok_or(Status::NO_CURRENT_EF)?;
        Ok((at, file, memory))
    }

    /// Rights and challenge end with the selection of another directory and when the application is blocked.
    fn forget_rights(&mut self) {
        self.volatile.rights = Rights::default();
        self.volatile.challenge = None;
    }
}
