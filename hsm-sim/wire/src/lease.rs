//! Leases: by which an upper HSM lets a lower one go on, for a while. Two officers above set the terms; the upper HSM signs
//! leases within them; the lower HSM works while its lease lasts, by its own clock, and refuses afterwards.
//!
//! A lease is a JSON file `{"body": …, "signature": …}`, signed with the key that signs packages, one text for one lease. It
//! carries no key and no secret, so it may travel anywhere; sequence numbers make an older one useless.

use crate::{Hex, Mark};
use serde::{Deserialize, Serialize};

/// Value of [`LeaseBody::format`].
pub const FORMAT: &str = "rhc-lease-1";
/// Shortest and longest lease in seconds.
pub const LEASE_SECONDS: std::ops::RangeInclusive<u64> = 1..=31 * 24 * 3600;
/// Most keys that a lease withdraws.
pub const MAX_WITHDRAWN: usize = 1024;

/// How a lower HSM stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It works.
    Active,
    /// It stops until it is active again.
    Suspended,
    /// It stops for ever: its keys are for nothing but being destroyed.
    Revoked,
}

/// What two officers of the upper HSM decide about a lower one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// How long each lease lasts.
    pub lease_seconds: u64,
    pub standing: Standing,
    /// Ids, at the receiver, of keys that it may use no more.
    #[serde(default)]
    pub withdrawn: Vec<String>,
    /// Chips that it may fill in all, over all tickets, counted from its first lease; `None`: as its tickets say.
    #[serde(default)]
    pub quota: Option<u64>,
}

/// The file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseFile {
    pub body: String,
    pub signature: Hex<64>,
}

/// The signed text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseBody {
    pub format: String,
    pub mark: Mark,
    /// Fingerprints.
    pub sender: Hex<32>,
    pub receiver: Hex<32>,
    /// From 1, per sender and receiver; a lower one is refused.
    pub sequence: u64,
    /// Seconds since 1970, by the sender's clock.
    pub issued: u64,
    pub not_after: u64,
    pub standing: Standing,
    pub withdrawn: Vec<String>,
    pub quota: Option<u64>,
}

/// A lease as an HSM keeps it, or the terms it gives, for lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseStatus {
    /// Name of the other HSM here.
    pub peer: String,
    /// Whether it is ours to give (a lower HSM) or ours to keep to (an upper one).
    pub given: bool,
    pub standing: Standing,
    pub sequence: u64,
    /// Given: how long each lasts.
    pub lease_seconds: Option<u64>,
    /// Taken: until when.
    pub not_after: Option<u64>,
    pub withdrawn: Vec<String>,
    pub quota: Option<u64>,
    /// Taken: chips filled since the first lease.
    pub spent: u64,
}

/// What the receiver's HSM says of a package it took in, signed like a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBody {
    pub format: String,
    pub mark: Mark,
    /// Fingerprint of the HSM that took the package, and of the one that made it.
    pub sender: Hex<32>,
    pub receiver: Hex<32>,
    /// The package's number and the SM3 of its signed text.
    pub sequence: u64,
    pub package: Hex<32>,
    pub keys: u32,
    /// Seconds since 1970.
    pub taken: u64,
}

/// Value of [`ReceiptBody::format`].
pub const RECEIPT_FORMAT: &str = "rhc-receipt-1";
