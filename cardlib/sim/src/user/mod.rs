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

use std::path::Path;

use cardlib_card::profile::{BlockRule, File, Profile};
use cardlib_card::status::Status;
use thiserror::Error;

use crate::VirtualCard;
use crate::answer::Pending;
use crate::crypto::Key;
use crate::flaw::Flaw;
use crate::gate::Gate;
use crate::nvm::{Mount, Nvm, StateError, medium};
use crate::random::Random;
use crate::stage::{Chip, Stage};
use crate::tree::Tree;
use auth::Rights;
use memory::{Block, Change, DfMemory, FileMemory, UserMemory};

pub use mint::ForgeError;

/// Why a card could not be had from a state file.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file.
    #[error(transparent)]
    State(#[from] StateError),
    /// A profile that this program does not have, or another than asked for.
    #[error("the state file is of profile {0}, which is not the one in use here")]
    Profile(String),
}

impl OpenError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::State(cause) => cause.chinese(),
            Self::Profile(name) => format!("状态文件属于配置 {name}，与当前所用配置不同"),
        }
    }
}

/// A user card.
pub struct UserCard {
    profile: &'static Profile,
    tree: Tree,
    nvm: Nvm<UserMemory>,
    random: Random,
    volatile: Volatile,
    flaw: Option<Flaw>,
}

/// What is lost without power.
#[derive(Default)]
struct Volatile {
    df: usize,
    ef: Option<usize>,
    challenge: Option<[u8; 8]>,
    rights: Rights,
    pending: Pending,
    gate: Gate,
}

impl UserCard {
    /// A blank without state file.
    #[must_use]
    pub fn blank(profile: &'static Profile, chip: Chip, transport: Key, random: Random) -> Self {
        let memory = UserMemory::blank(profile, chip, transport);
        Self::with(profile, Nvm::volatile(memory), random)
    }

    /// A blank that keeps its state in a new file.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn blank_at(
        path: &Path,
        profile: &'static Profile,
        chip: Chip,
        transport: Key,
        random: Random,
    ) -> Result<Self, StateError> {
        let memory = UserMemory::blank(profile, chip, transport);
        Ok(Self::with(profile, Nvm::create(path, memory)?, random))
    }

    /// The card of a state file.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, profile: &'static Profile, random: Random) -> Result<Self, OpenError> {
        Self::open_on(path, profile, random, medium::on_file())
    }

    /// The same, writing through another medium: for tests of tearing.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_on(
        path: &Path,
        profile: &'static Profile,
        random: Random,
        mount: Mount,
    ) -> Result<Self, OpenError> {
        let nvm = Nvm::<UserMemory>::open_on(path, mount)?;
        if !nvm.get().fits(profile) {
            return Err(OpenError::Profile(nvm.get().profile.clone()));
        }
        Ok(Self::with(profile, nvm, random))
    }

    fn with(profile: &'static Profile, nvm: Nvm<UserMemory>, random: Random) -> Self {
        Self {
            profile,
            tree: Tree::of_user_card(profile),
            nvm,
            random,
            volatile: Volatile::default(),
            flaw: None,
        }
    }

    /// The card with one rule broken, for tests of those who look for broken rules.
    #[must_use]
    pub fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// What the card keeps, for tests that check it after each command. Keys in it show nothing of themselves.
    #[must_use]
    pub fn inspect(&self) -> &UserMemory {
        self.nvm.get()
    }

    /// The card factor and what else the maker put in.
    #[must_use]
    pub fn chip(&self) -> Chip {
        self.nvm.get().chip
    }

    /// Where the card stands in its life.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.nvm.get().stage
    }

    /// Makes changes durable; a memory that cannot be written answers 6581.
    fn commit(&mut self, changes: &[Change]) -> Result<(), Status> {
        self.nvm.commit(changes).map_err(|cause| {
            tracing::error!(%cause, "the card's memory cannot be written");
            Status::MEMORY
        })
    }

    fn memory(&self) -> &UserMemory {
        self.nvm.get()
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

impl VirtualCard for UserCard {
    fn reset(&mut self) -> Vec<u8> {
        self.volatile = Volatile::default();
        let memory = self.memory();
        memory.chip.atr(self.profile, memory.stage)
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.dispatch(apdu)
    }
}
