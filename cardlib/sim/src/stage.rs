//! Where a card stands in its life (D6) and under which base key the personalisation dialect speaks to it.

use cardlib_card::profile::{AtrFacts, LifeCycle, Profile};
use serde::{Deserialize, Serialize};

use crate::crypto::Key;

/// States of a card or SAM, in the order it passes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// As the maker delivers it.
    Blank,
    /// The new master key is written.
    Initialised,
    /// All data are written (user card only).
    Personalised,
    /// In use.
    Active,
    /// Blocked for ever.
    Blocked,
}

impl Stage {
    /// The profile's name of the state.
    #[must_use]
    pub fn life_cycle(self) -> LifeCycle {
        match self {
            Self::Blank => LifeCycle::Blank,
            Self::Initialised => LifeCycle::Initialised,
            Self::Personalised => LifeCycle::Personalised,
            Self::Active => LifeCycle::Active,
            Self::Blocked => LifeCycle::Blocked,
        }
    }
}

/// The key under which sessions are opened, its version, and the sequence counter that belongs to it.
#[derive(Clone, Serialize, Deserialize)]
pub struct BaseKey {
    /// 00 transport, 01 master, 02 a SAM's provincial master.
    pub version: u8,
    /// The key itself.
    pub key: Key,
    /// Advances with every session opened.
    pub counter: u32,
}

impl BaseKey {
    /// A base key that no session has used yet.
    #[must_use]
    pub fn fresh(version: u8, key: Key) -> Self {
        Self {
            version,
            key,
            counter: 0,
        }
    }
}

/// What the chip's maker has put in for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chip {
    /// Card factor, or chip serial of a SAM.
    pub factor: [u8; 8],
    /// COS vendor code.
    pub vendor: [u8; 2],
    /// COS version.
    pub version: u8,
}

impl Chip {
    /// A test chip of this profile (R62).
    #[must_use]
    pub fn test(profile: &Profile, factor: [u8; 8]) -> Self {
        let vendor = &profile.atr.test_vendor;
        Self {
            factor,
            vendor: std::array::from_fn(|i| vendor.get(i).copied().unwrap_or_default()),
            version: profile.atr.test_version,
        }
    }

    /// The answer to reset in this state.
    #[must_use]
    pub fn atr(&self, profile: &Profile, stage: Stage) -> Vec<u8> {
        self.atr_in(profile, stage.life_cycle())
    }

    /// The answer to reset with this life-cycle byte.
    #[must_use]
    pub fn atr_in(&self, profile: &Profile, state: LifeCycle) -> Vec<u8> {
        profile.build_atr(&AtrFacts {
            factor: self.factor,
            vendor: self.vendor,
            version: self.version,
            state,
        })
    }
}
