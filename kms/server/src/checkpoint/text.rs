//! What is signed, as texts that anybody can read: a checkpoint of a record, and a witness's word that it saw it.

use cardlib_card::profile::Signature;
use cardlib_card::suite::VerifyingKey;
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};

/// Stands before a checkpoint when it is signed.
pub const CHECKPOINT: &str = "rhc-audit-checkpoint-1\n";
/// Stands before a countersignature's text.
pub const COUNTERSIGNATURE: &str = "rhc-audit-countersignature-1\n";

/// How far a record had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// `province 41`
    pub tier: String,
    pub mark: String,
    /// Counts up from 1.
    pub number: i64,
    /// Last row before it.
    pub row: i64,
    /// That row's hash.
    pub hash: String,
    /// Grows with each restore of the store.
    pub epoch: i64,
    /// The HSM: fingerprint.
    pub hsm: String,
    /// SM3 of the checkpoint before; empty for the first.
    pub previous: String,
    pub at: String,
}

/// Rows that a restored store lost, by the witness's knowledge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// The restored store's last row.
    pub after_row: i64,
    /// The last row that the witness had seen before.
    pub up_to_row: i64,
}

/// A witness saw this checkpoint, after all those it saw before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Who says so: `ministry`.
    pub witness: String,
    pub mark: String,
    /// Whose record: `province 41`.
    pub tier: String,
    pub number: i64,
    pub row: i64,
    pub epoch: i64,
    /// SM3 of the checkpoint's text.
    pub checkpoint: String,
    /// After a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    pub at: String,
}

/// A text with its signature, r‖s in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    pub text: String,
    pub signature: String,
}

/// What goes to a witness: all checkpoints, and the key they are signed with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// X‖Y of the audit key.
    pub key: String,
    pub checkpoints: Vec<Signed>,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// X‖Y of the witness's audit key.
    pub key: String,
    pub seen: Signed,
}

/// SM3 in hexadecimal.
#[must_use]
pub fn digest(text: &[u8]) -> String {
    hex::encode_upper(Sm3::digest(text))
}

/// What people read to each other: the first 16 bytes of SM3 over the key.
#[must_use]
pub fn fingerprint(key: &str) -> String {
    digest(key.to_uppercase().as_bytes())
        .chars()
        .take(32)
        .collect()
}

impl Signed {
    /// Whether the key signed this text for this purpose.
    #[must_use]
    pub fn is_by(&self, key: &str, purpose: &str, algorithm: Signature) -> bool {
        let check = || {
            let key: [u8; 64] = hex::decode(key).ok()?.try_into().ok()?;
            let signature = hex::decode(&self.signature).ok()?;
            let key = VerifyingKey::from_bytes(algorithm, &key).ok()?;
            let message = [purpose.as_bytes(), self.text.as_bytes()].concat();
            key.verify_message(&message, &signature).ok()
        };
        check().is_some()
    }
}
