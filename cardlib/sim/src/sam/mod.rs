//! The SAM: session keys for terminals, signatures, five public files (R48–R67), and its two stages of personalisation.
//!
//! | module | commands |
//! |---|---|
//! | [`memory`] | – what survives without power |
//! | `dispatch` | which command it is, and whether this stage takes it; SELECT, READ BINARY, GET CHALLENGE |
//! | `pin` | VERIFY PIN, CHANGE PIN |
//! | `session` | DELIVERY SESSION KEY, CIPHER DATA |
//! | `sign` | DATA COMPRESS, DIGITAL SIGNATURES |
//! | `perso` | the personalisation dialect |
//! | `keypair` | its key pair: GENERATE, IMPORT, PROVE, and whether the certificate is its own |
//! | `rekey` | the same, with a SAM in use: new keys, ceilings, lock, destruction |
//! | `mint` | SAMs made without it, for tests |
//!
//! Which type a SAM is follows from the keys and the serial it is given; the COS knows no types.

mod dispatch;
mod keypair;
pub mod memory;
mod mint;
mod perso;
mod pin;
mod rekey;
mod session;
mod sign;

use std::path::Path;

use cardlib_card::profile::{LifeCycle, Profile};
use cardlib_card::status::Status;
use cardlib_card::suite::Hasher;

use crate::VirtualCard;
use crate::answer::Pending;
use crate::crypto::Key;
use crate::gate::Gate;
use crate::nvm::{Mount, Nvm, StateError, medium};
use crate::random::Random;
use crate::stage::{Chip, Stage};
use crate::tree::Tree;
use crate::user::OpenError;
use memory::{Change, SamMemory};
use session::SessionKey;

pub use mint::{MintError, MintedSam};

/// A SAM.
pub struct SamCard {
    profile: &'static Profile,
    tree: Tree,
    nvm: Nvm<SamMemory>,
    random: Random,
    volatile: Volatile,
}

/// What is lost without power.
#[derive(Default)]
struct Volatile {
    df: usize,
    ef: Option<usize>,
    pin_verified: bool,
    session: Option<SessionKey>,
    hash: Option<Hasher>,
    pending: Pending,
    gate: Gate,
}

impl SamCard {
    /// A blank without state file.
    #[must_use]
    pub fn blank(profile: &'static Profile, chip: Chip, transport: Key, random: Random) -> Self {
        let memory = SamMemory::blank(profile, chip, transport);
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
        let memory = SamMemory::blank(profile, chip, transport);
        Ok(Self::with(profile, Nvm::create(path, memory)?, random))
    }

    /// The SAM of a state file.
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
        let nvm = Nvm::<SamMemory>::open_on(path, mount)?;
        if !nvm.get().fits(profile) {
            return Err(OpenError::Profile(nvm.get().profile.clone()));
        }
        Ok(Self::with(profile, nvm, random))
    }

    fn with(profile: &'static Profile, nvm: Nvm<SamMemory>, random: Random) -> Self {
        Self {
            profile,
            tree: Tree::of_sam(profile),
            nvm,
            random,
            volatile: Volatile::default(),
        }
    }

    /// What the SAM keeps, for tests that check it after each command. Keys in it show nothing of themselves.
    #[must_use]
    pub fn inspect(&self) -> &SamMemory {
        self.nvm.get()
    }

    /// The chip serial and what else the maker put in.
    #[must_use]
    pub fn chip(&self) -> Chip {
        self.nvm.get().chip
    }

    /// Where the SAM stands in its life.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.nvm.get().stage
    }

    /// What the ATR says: a locked SAM looks blocked.
    fn life_cycle(&self) -> LifeCycle {
        if self.memory().locked {
            LifeCycle::Blocked
        } else {
            self.stage().life_cycle()
        }
    }

    /// Makes changes durable; a memory that cannot be written answers 6581.
    fn commit(&mut self, changes: &[Change]) -> Result<(), Status> {
        self.nvm.commit(changes).map_err(|cause| {
            tracing::error!(%cause, "the SAM's memory cannot be written");
            Status::MEMORY
        })
    }

    fn memory(&self) -> &SamMemory {
        self.nvm.get()
    }
}

impl VirtualCard for SamCard {
    fn reset(&mut self) -> Vec<u8> {
        self.volatile = Volatile::default();
        self.chip().atr_in(self.profile, self.life_cycle())
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.dispatch(apdu)
    }
}
