//! The answer to a request: one card's commands, ready to be sent in order.

use kms_platform::notary::Signed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A whole stage, made for one card under its present counter; it runs at most once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Script {
    /// The request this answers.
    pub request_id: Uuid,
    /// `open`, `files`, `keys`, `data`, `activate`: the units of the station's journal.
    pub phases: Vec<Phase>,
    /// What the card's keys must look like, for the record.
    pub check_values: Vec<CheckValue>,
    /// 安全码 for the card's face (D22); none for a SAM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_code: Option<String>,
    /// The key service's word on what it made, for the registry; none for a SAM, whose certificate says enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Signed>,
    /// SM3 over all APDUs in hex, as the HSM recorded it.
    pub digest: String,
    /// Count left on the ticket.
    pub quota_left: u64,
}

/// One phase; its intent goes to disk before its first APDU is sent.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Phase {
    /// Name of the phase.
    pub name: String,
    /// Commands in order.
    pub steps: Vec<Step>,
}

/// One command and what must come back.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Command APDU in hex, upper case, without Le.
    pub apdu: String,
    /// Status word that must come (after GET RESPONSE), four hex digits.
    pub sw: String,
    /// Last 8 bytes of the answer, when it is known beforehand (the card cryptogram of INITIALIZE UPDATE), in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_tail: Option<String>,
    /// What the answer data are, where the station has to keep them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerKind>,
}

/// Answer data that the station passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerKind {
    /// X‖Y of the SAM's key pair, 64 bytes.
    PublicKey,
    /// r‖s over the key service's challenge: the SAM holds the private half (P20).
    KeyProof,
    /// 29 bytes of INITIALIZE UPDATE after the work: a SAM's receipt.
    Opening,
}

/// Check value (D8) of one key instance as the card stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckValue {
    /// Key name, `RK1_DDF1`.
    pub key: String,
    /// Version.
    pub version: u8,
    /// Three bytes in hex, upper case.
    pub kcv: String,
}

impl Script {
    /// All steps in order, whatever phase they belong to.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }
}
