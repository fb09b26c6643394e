//! How long an HSM below may work, and what it acknowledges.

use serde::{Deserialize, Serialize};

/// How a lower HSM stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It works.
    Active,
    /// It stops until it is active again.
    Suspended,
    /// It stops for ever.
    Revoked,
}

/// What two officers above decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// How long each lease lasts: so long at most a tier works on that was suspended and does not hear of it.
    pub lease_seconds: u64,
    /// Working or not.
    pub standing: Standing,
    /// Keys that it may use no more.
    pub withdrawn: Vec<String>,
    /// Chips in all; none: as its tickets say.
    pub quota: Option<u64>,
}

/// A lease given or taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// The other HSM's name here.
    pub peer: String,
    /// Ours to give, or ours to keep to.
    pub given: bool,
    /// Working or not.
    pub standing: Standing,
    /// Number of the last.
    pub sequence: u64,
    /// Given: how long each lasts.
    pub lease_seconds: Option<u64>,
    /// Taken: until when, seconds since 1970.
    pub not_after: Option<u64>,
    /// Keys withdrawn.
    pub withdrawn: Vec<String>,
    /// Chips in all.
    pub quota: Option<u64>,
    /// Chips so far.
    pub spent: u64,
}

/// What a lower HSM acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Fingerprint of the HSM that took the package.
    pub sender: [u8; 32],
    /// Fingerprint of the HSM that made it.
    pub receiver: [u8; 32],
    /// Its number.
    pub sequence: u64,
    /// SM3 of its signed text.
    pub package: [u8; 32],
    /// Seconds since 1970.
    pub taken: u64,
}
