//! What a card says about itself before anything is done to it: its reset answer (D6), then the dialect's probe
//! (INITIALIZE UPDATE with key version FF, `docs/cos-dialect.md`).

use cardlib_card::apdu::Command;
use cardlib_card::profile::{AtrError, AtrFacts, LifeCycle, Profile};
use cardlib_reader::{Channel, exchange};
use kms_api::CardState;

use crate::fault::Fault;

/// A card of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Factor or chip serial, vendor, version, state.
    pub atr: AtrFacts,
    /// What the probe answered; none on an active card, which does not speak the dialect any more.
    pub base: Option<CardState>,
}

impl Seen {
    /// Factor or chip serial in hexadecimal.
    #[must_use]
    pub fn factor(&self) -> String {
        hex::encode_upper(self.atr.factor)
    }
}

/// Bytes of the probe's answer: factor 8, key version 1, counter 3, state 1, challenge 8, cryptogram 8.
const ANSWER: usize = 29;

/// Looks at the card.
///
/// # Errors
/// Foreign and blocked cards, cards that contradict themselves, and the transport's failures.
pub fn probe(channel: &mut dyn Channel, atr: &[u8], profile: &Profile) -> Result<Seen, Fault> {
    let facts = profile.parse_atr(atr).map_err(|error| match error {
        AtrError::Foreign | AtrError::State(_) => Fault::Foreign,
    })?;
    match facts.state {
        LifeCycle::Blocked => Err(Fault::Blocked),
        LifeCycle::Active => Ok(Seen {
            atr: facts,
            base: None,
        }),
        LifeCycle::Blank | LifeCycle::Initialised | LifeCycle::Personalised => {
            let command = Command::new(0x80, 0x50, 0xFF, 0x00).with_data([0; 8]);
            let answer = exchange(channel, &command)?;
            // The reset answer looks like ours; a card that does not know the dialect is another maker's all the same.
            if !answer.status.is_ok() || answer.data.len() != ANSWER {
                return Err(Fault::Foreign);
            }
            let data = &answer.data;
            let counter = u32::from_be_bytes([0, data[9], data[10], data[11]]);
            let base = CardState {
                key_version: data[8],
                counter,
                state: data[12],
            };
            if data[..8] != facts.factor || base.state != profile.life_cycle.byte(facts.state) {
                return Err(Fault::Contradiction);
            }
            Ok(Seen {
                atr: facts,
                base: Some(base),
            })
        }
    }
}
