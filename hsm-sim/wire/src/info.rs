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
    /// Their public keys, in the same order: who enrols officers elsewhere compares them.
    #[serde(default)]
    pub officer_keys: Vec<Hex<64>>,
    /// Name and hash of the loaded skeleton policy.
    pub policy: Option<(String, Hex<32>)>,
    pub audit: AuditHead,
    /// Grows by one each time the store is opened.
    pub epoch: u64,
    pub keys: u32,
    /// Ceremonies sealed here: how many, and the last one's transcript.
    #[serde(default)]
    pub ceremonies: AuditHead,
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

/// What a user of an HSM keeps of it, so that a store which was rolled back is noticed: a store that is older than
/// what this says, or that went another way since, is a copy of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    pub id: Hex<32>,
    pub epoch: u64,
    pub audit: AuditHead,
}

/// The HSM is not the one remembered, or its store is a copy of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RolledBack {
    #[error("another HSM answers here than the one remembered")]
    OtherHsm,
    #[error("the HSM's store is older than what it said before: a copy was put back")]
    Older,
    #[error(
        "the HSM's audit went another way than what it said before: a copy was put back and used"
    )]
    Forked,
}

impl Remembered {
    #[must_use]
    pub fn of(info: &HsmInfo) -> Self {
        Self {
            id: info.id,
            epoch: info.epoch,
            audit: info.audit,
        }
    }

    /// The audit record whose hash tells, if one was remembered: ask the HSM for it.
    #[must_use]
    pub fn record(&self) -> Option<u64> {
        self.audit.count.checked_sub(1)
    }

    /// Compares with what the HSM says now; `record` is what it answers for [`Remembered::record`].
    ///
    /// # Errors
    /// See [`RolledBack`].
    pub fn check(&self, now: &Self, record: Option<&AuditRecord>) -> Result<(), RolledBack> {
        if now.id != self.id {
            return Err(RolledBack::OtherHsm);
        }
        if now.epoch < self.epoch || now.audit.count < self.audit.count {
            return Err(RolledBack::Older);
        }
        let same = |record: &AuditRecord| {
            Some(record.number) == self.record() && record.hash == self.audit.hash
        };
        if self.record().is_some() && !record.is_some_and(same) {
            return Err(RolledBack::Forked);
        }
        Ok(())
    }
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
