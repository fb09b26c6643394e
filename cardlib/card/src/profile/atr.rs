//! Answers to reset (D5, D6, D7, R61, R73): factor or chip serial, COS vendor and version, life-cycle byte.

use serde::Deserialize;

use super::Profile;
use super::model::HexBytes;

/// Where things stand in the ATR; offsets count from the first historical byte.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtrLayout {
    pub prefix: HexBytes,
    pub historical: usize,
    /// Card factor of a user card, chip serial of a SAM: 8 bytes.
    pub factor_at: usize,
    pub vendor_at: usize,
    pub version_at: usize,
    pub life_cycle_at: usize,
    /// COS vendor code of test cards (R62).
    pub test_vendor: HexBytes,
    pub test_version: u8,
}

/// The table `[life_cycle]`: the byte of each state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifeCycleBytes {
    pub blank: u8,
    pub initialised: u8,
    pub personalised: u8,
    pub active: u8,
    pub blocked: u8,
}

/// States of a card or SAM, in the order it passes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LifeCycle {
    Blank,
    Initialised,
    Personalised,
    Active,
    Blocked,
}

impl LifeCycleBytes {
    #[must_use]
    pub fn byte(&self, state: LifeCycle) -> u8 {
        match state {
            LifeCycle::Blank => self.blank,
            LifeCycle::Initialised => self.initialised,
            LifeCycle::Personalised => self.personalised,
            LifeCycle::Active => self.active,
            LifeCycle::Blocked => self.blocked,
        }
    }

    #[must_use]
    pub fn state(&self, byte: u8) -> Option<LifeCycle> {
        use LifeCycle::{Active, Blank, Blocked, Initialised, Personalised};
        [Blank, Initialised, Personalised, Active, Blocked]
            .into_iter()
            .find(|s| self.byte(*s) == byte)
    }
}

/// What an ATR of this profile says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtrFacts {
    /// Card factor, or chip serial of a SAM.
    pub factor: [u8; 8],
    pub vendor: [u8; 2],
    pub version: u8,
    pub state: LifeCycle,
}

/// Why an ATR is not one of this profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AtrError {
    #[error("the card in the reader is not a health card (its reset answer has another form)")]
    Foreign,
    #[error(
        "the card's reset answer carries the life-cycle byte {0:02X}, which no state of the profile has"
    )]
    State(u8),
}

impl Profile {
    /// Reads factor, vendor, version and state.
    ///
    /// # Errors
    /// [`AtrError`] for cards of another kind.
    pub fn parse_atr(&self, atr: &[u8]) -> Result<AtrFacts, AtrError> {
        let layout = &self.atr;
        let history = atr
            .strip_prefix(layout.prefix.as_slice())
            .filter(|history| history.len() == layout.historical)
            .ok_or(AtrError::Foreign)?;
        let state = *history.get(layout.life_cycle_at).ok_or(AtrError::Foreign)?;
        Ok(AtrFacts {
            factor: part(history, layout.factor_at)?,
            vendor: part(history, layout.vendor_at)?,
            version: part::<1>(history, layout.version_at)?[0],
            state: self.life_cycle.state(state).ok_or(AtrError::State(state))?,
        })
    }

    /// The ATR of a card with these facts.
    #[must_use]
    pub fn build_atr(&self, facts: &AtrFacts) -> Vec<u8> {
        let layout = &self.atr;
        let mut history = vec![0; layout.historical];
        let parts = [
            (layout.factor_at, &facts.factor[..]),
            (layout.vendor_at, &facts.vendor[..]),
            (layout.version_at, &[facts.version][..]),
            (
                layout.life_cycle_at,
                &[self.life_cycle.byte(facts.state)][..],
            ),
        ];
        for (at, bytes) in parts {
            if let Some(place) = history.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }
        [layout.prefix.as_slice(), &history].concat()
    }
}

fn part<const N: usize>(history: &[u8], at: usize) -> Result<[u8; N], AtrError> {
    history
        .get(at..)
        .and_then(<[u8]>::first_chunk::<N>)
        .copied()
        .ok_or(AtrError::Foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_atr_of_d6_is_read_and_built() {
        let profile = Profile::rhc_2012();
        let atr = hex::decode("3B6C00021122334455667788545401 07".replace(' ', "")).expect("hex");
        let facts = profile.parse_atr(&atr).expect("ours");
        assert_eq!(
            facts.factor,
            [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]
        );
        assert_eq!(
            (facts.vendor, facts.version, facts.state),
            (*b"TT", 1, LifeCycle::Active)
        );
        assert_eq!(profile.build_atr(&facts), atr);
    }

    #[test]
    fn other_cards_are_foreign() {
        let profile = Profile::rhc_2012();
        assert_eq!(profile.parse_atr(&[]), Err(AtrError::Foreign));
        assert_eq!(
            profile.parse_atr(&[0x3B, 0x6C, 0, 2, 1]),
            Err(AtrError::Foreign)
        );
        let mut atr = profile.build_atr(&AtrFacts {
            factor: [1; 8],
            vendor: [2; 2],
            version: 3,
            state: LifeCycle::Blank,
        });
        if let Some(last) = atr.last_mut() {
            *last = 0x02;
        }
        assert_eq!(profile.parse_atr(&atr), Err(AtrError::State(2)));
    }

    #[test]
    fn the_variant_with_the_factor_behind_is_data() {
        let mut profile = Profile::rhc_2012().clone();
        (profile.atr.factor_at, profile.atr.vendor_at) = (4, 0);
        (profile.atr.version_at, profile.atr.life_cycle_at) = (2, 3);
        let facts = AtrFacts {
            factor: [9; 8],
            vendor: [0x54; 2],
            version: 1,
            state: LifeCycle::Active,
        };
        let atr = profile.build_atr(&facts);
        assert_eq!(hex::encode_upper(&atr), "3B6C0002545401070909090909090909");
        assert_eq!(profile.parse_atr(&atr), Ok(facts));
    }
}
