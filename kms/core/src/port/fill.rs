//! One chip's script: template in, finished commands out.

use std::sync::Arc;

use cardlib_card::dialect::{Level, MacText, Step};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Mark;
use crate::tier::Factor;

/// Which of the two operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// `fill_card`
    Card,
    /// `fill_sam`
    Sam,
}

/// A held key and the factors that diversify it for this chip, from the top down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRef {
    /// Key id here.
    pub id: String,
    /// Factors still to be applied; none for a root on a SAM.
    pub factors: Vec<Factor>,
}

/// Everything that the HSM needs for one chip.
pub struct FillRequest {
    /// Card or SAM.
    pub target: Target,
    /// Repeating it with the same content gives the same answer.
    pub request_id: Uuid,
    /// Ticket whose count is spent.
    pub ticket: String,
    /// Mark of the store.
    pub mark: Mark,
    /// HSM mechanism of the dialect.
    pub mechanism: String,
    /// The one factor of this call.
    pub factor: Factor,
    /// Key that opens the first session.
    pub base: KeyRef,
    /// Keys to be written.
    pub slots: Vec<KeyRef>,
    /// Texts whose MAC is written.
    pub mac_texts: Vec<MacText>,
    /// Steps in order. The first opens a session under [`Self::base`].
    pub steps: Vec<Arc<Step>>,
    /// Level of the sessions.
    pub level: Level,
}

/// One finished command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledStep {
    /// Whole command.
    pub apdu: Vec<u8>,
    /// Status word that must come.
    pub sw: u16,
    /// Last 8 bytes that must come.
    pub expect_tail: Option<[u8; 8]>,
}

/// A finished script: an open gives two steps, a command one.
pub struct Filled {
    /// Commands.
    pub steps: Vec<FilledStep>,
    /// Check value per slot.
    pub check_values: Vec<[u8; 3]>,
    /// Characters per MAC text.
    pub mac_texts: Vec<String>,
    /// Digest of the script in the HSM's record.
    pub digest: [u8; 32],
    /// Count left on the ticket.
    pub quota_left: u64,
}
