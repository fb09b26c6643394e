//! Asking for a user card's script.

use cardlib_card::content::CardContent;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Secret;

/// What a card or SAM answered to the probe (INITIALIZE UPDATE with key version FF).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardState {
    /// Base key the card offers: 0 transport key, 1 card master key (SAM: 1 SMK_N, 2 SMK_P).
    pub key_version: u8,
    /// Sequence counter of that base key, 24 bits.
    pub counter: u32,
    /// Life-cycle byte (D6).
    pub state: u8,
}

/// `POST /v1/cards/personalisations`. No `Debug`: it names a person.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonalisationRequest {
    /// Drawn by the station; repeating it with the same body returns the same script.
    pub request_id: Uuid,
    /// The ticket whose count is spent, as its id was printed by `rhc-kms ticket approve`.
    pub ticket: String,
    /// Card factor from the ATR, 8 bytes.
    #[serde(with = "hex")]
    pub factor: [u8; 8],
    /// COS vendor code from the ATR (`5454` for test cards), 2 bytes.
    #[serde(with = "hex")]
    pub vendor: [u8; 2],
    /// COS version from the ATR.
    pub cos_version: u8,
    /// The card's own words about itself.
    pub card: CardState,
    /// Health card number (18 characters) of the person the card is for.
    pub person: Secret,
    /// Everything to be written, except 安全码 (tag 09), which the HSM computes (D22).
    pub content: CardContent,
}
