//! What custodians bring to an HSM and get from it, in the port's words. What is `sealed` only the HSM opens; what is
//! text here is a file whose form is the HSM's.

use serde::{Deserialize, Serialize};

/// A custodian's passphrase and components, in an envelope to the HSM, bound to one ceremony.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Whose.
    pub custodian: String,
    /// Hexadecimal.
    pub sealed: String,
}

/// How M of N custodians keep a back-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custody {
    /// How many are needed.
    pub threshold: u8,
    /// One entry with a passphrase for each.
    pub custodians: Vec<Entry>,
    /// Memory of a passphrase's check in KiB, if not the HSM's standard.
    pub memory_kib: Option<u32>,
}

/// A share with the entry that opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenShare {
    /// The share file's text.
    pub share: String,
    /// Its custodian's entry.
    pub entry: Entry,
}

/// A back-up and its shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// The back-up file's text.
    pub backup: String,
    /// Custodian and text of the share file.
    pub shares: Vec<(String, String)>,
}

/// An HSM's word on a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// JSON text: HSM, mark, number, previous transcript, ceremony, transcript, time.
    pub text: String,
    /// r‖s over it, by the HSM's signing key.
    #[serde(with = "hex")]
    pub signature: [u8; 64],
}
