//! What anybody with a connection may know of the HSM.

use crate::{Hex, Mark};
use serde::{Deserialize, Serialize};

/// The HSM itself. Nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HsmInfo {
    /// Fingerprint: SM3(signing key ‖ encryption key). Officers compare it when they enrol this HSM elsewhere.
    pub id: Hex<32>,
    pub mark: Mark,
    /// Version of the program.
    pub version: String,
    /// SM2, X ‖ Y: signs packages.
    pub signing_key: Hex<64>,
    /// SM2, X ‖ Y: receives envelopes.
    pub encryption_key: Hex<64>,
    /// Number that the next order must bear.
    pub next_order: u64,
    pub officers: Vec<String>,
    /// Name and hash of the loaded skeleton policy.
    pub policy: Option<(String, Hex<32>)>,
    pub audit: AuditHead,
    pub keys: u32,
    /// Always true here: this is software.
    pub simulator: bool,
}

/// Fingerprint of an HSM: SM3 over both public keys.
#[must_use]
pub fn fingerprint(signing_key: &Hex<64>, encryption_key: &Hex<64>) -> Hex<32> {
    use sm3::{Digest, Sm3};
    let mut hash = Sm3::new();
    hash.update(signing_key.0);
    hash.update(encryption_key.0);
    Hex(hash.finalize().into())
}

/// End of the audit chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Number of records.
    pub count: u64,
    /// Hash of the last.
    pub hash: Hex<32>,
}

/// One record of the HSM's own audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// From 0.
    pub number: u64,
    /// Seconds since 1970.
    pub time: u64,
    /// `operator`, `officers:NAME+NAME`, `hsm`.
    pub actor: String,
    /// Such as `fill-card`.
    pub operation: String,
    /// Key, ticket, peer …: ids only.
    pub object: String,
    /// `done`, or the name of the refusal.
    pub outcome: String,
    /// Hash of the record before; zeros for the first.
    pub previous: Hex<32>,
    /// SM3 over `previous` and the fields above, see [`AuditRecord::compute_hash`].
    pub hash: Hex<32>,
}

impl AuditRecord {
    /// SM3 over `previous ‖ number(8) ‖ time(8)` and each text as `length(4) ‖ UTF-8`, big-endian.
    #[must_use]
    pub fn compute_hash(&self) -> Hex<32> {
        use sm3::{Digest, Sm3};
        let mut hash = Sm3::new();
        hash.update(self.previous.0);
        hash.update(self.number.to_be_bytes());
        hash.update(self.time.to_be_bytes());
        for text in [&self.actor, &self.operation, &self.object, &self.outcome] {
            hash.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Hex(hash.finalize().into())
    }
}

/// Whether `records` follow each other, the first on `previous`. Returns the number of the first that does not.
#[must_use]
pub fn verify_audit(previous: Hex<32>, records: &[AuditRecord]) -> Option<u64> {
    let mut before = previous;
    for record in records {
        if record.previous != before || record.compute_hash() != record.hash {
            return Some(record.number);
        }
        before = record.hash;
    }
    None
}
