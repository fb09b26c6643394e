//! Asking for a user card's script.

use cardlib_card::content::CardContent;
use kms_platform::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::content::Content;
use crate::{Script, Secret};

/// What a card or SAM answered to the probe (INITIALIZE UPDATE with key version FF).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardState {
    /// Base key the card offers: 0 transport key, 1 card master key (SAM: 1 SMK_N, 2 SMK_P).
    pub key_version: u8,
    /// Sequence counter of that base key, 24 bits.
    #[schema(maximum = 16777215)]
    pub counter: u32,
    /// Life-cycle byte (D6).
    pub state: u8,
}

/// `POST /v1/cards/personalisation-batches`: up to [`MAX_BATCH`] cards, each with an outcome of its own.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonalisationBatch {
    /// Each with its own request id.
    #[schema(min_items = 1, max_items = 32)]
    pub requests: Vec<PersonalisationRequest>,
}

/// Cards of one batch.
pub const MAX_BATCH: usize = 32;

/// What became of one card of a batch.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BatchOutcome {
    /// Its script.
    Script(Script),
    /// Why there is none.
    Problem(Problem),
}

/// Outcomes in the order of the requests.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct BatchAnswer {
    /// One per request.
    pub outcomes: Vec<BatchOutcome>,
}

/// `POST /v1/cards/personalisations`. No `Debug`: it names a person.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonalisationRequest {
    /// Drawn by the station; repeating it with the same body returns the same script.
    pub request_id: Uuid,
    /// The ticket whose count is spent, as its id was printed by `rhc-kms ticket approve`.
    pub ticket: String,
    /// Card factor from the ATR, 8 bytes.
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{16}$")]
    pub factor: [u8; 8],
    /// COS vendor code from the ATR (`5454` for test cards), 2 bytes.
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{4}$")]
    pub vendor: [u8; 2],
    /// COS version from the ATR.
    pub cos_version: u8,
    /// The card's own words about itself.
    pub card: CardState,
    /// Health card number (18 characters) of the person the card is for.
    #[schema(value_type = String)]
    pub person: Secret,
    /// Everything to be written, except 安全码 (tag 09), which the HSM computes (D22).
    #[schema(value_type = Content)]
    pub content: CardContent,
}
