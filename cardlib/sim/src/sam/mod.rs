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

use cardlib_card::profile::{LifeCycle, Profile};
use cardlib_card::suite::Hasher;

use crate::answer::Pending;
use crate::body::{Body, ChipMemory};
use crate::crypto::Key;
use crate::gate::Gate;
use crate::stage::{Chip, Stage};
use crate::tree::Tree;
use memory::SamMemory;
use session::SessionKey;

pub use mint::{MintError, MintedSam};

/// A SAM.
pub type SamCard = Body<SamMemory, Volatile>;

/// What is lost without power.
#[derive(Default)]
pub struct Volatile {
    df: usize,
    ef: Option<usize>,
    pin_verified: bool,
    session: Option<SessionKey>,
    hash: Option<Hasher>,
    pending: Pending,
    gate: Gate,
}

impl crate::body::Volatile for Volatile {
    fn front(&mut self) -> (&mut Pending, &mut Gate) {
        (&mut self.pending, &mut self.gate)
    }
}

impl ChipMemory for SamMemory {
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

    /// A locked SAM looks blocked.
    fn life_cycle(&self) -> LifeCycle {
        if self.locked {
            LifeCycle::Blocked
        } else {
            self.stage.life_cycle()
        }
    }

    fn tree(profile: &Profile) -> Tree {
        Tree::of_sam(profile)
    }
}
