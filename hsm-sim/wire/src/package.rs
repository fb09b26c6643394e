//! The package that carries keys from one HSM to another (D27), as a file.
//!
//! `{"body": "<JSON text>", "signature": "<r‖s hex>"}`: the sender HSM's SM2 signature, with ZA of the default
//! identity, over exactly the bytes of the text. In the body, `envelope` is a fresh SM4 key encrypted with SM2
//! (04 ‖ C1 ‖ C3 ‖ C2) to the receiver's encryption key; each entry's `wrapped` is
//! `nonce(12) ‖ SM4-GCM(key bytes) ‖ tag(16)` under it, with the exact bytes of the entry's `header` text as
//! additional data. The file has exactly these two members in this order, upper-case digits, and no white space but at
//! its end: one package, one text. `previous` is SM3 of the body text of the package before, of this sender to this receiver.

use crate::attributes::KeyAttributes;
use crate::{Hex, Mark};
use serde::{Deserialize, Serialize};

/// Value of [`PackageBody::format`].
pub const FORMAT: &str = "rhc-d27-1";

/// The file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageFile {
    pub body: String,
    pub signature: Hex<64>,
}

/// The signed text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageBody {
    pub format: String,
    pub mark: Mark,
    /// Fingerprints.
    pub sender: Hex<32>,
    pub receiver: Hex<32>,
    pub purpose: String,
    /// From 1, per sender and receiver.
    pub sequence: u64,
    pub previous: Hex<32>,
    /// Seconds since 1970.
    pub created: u64,
    /// Hexadecimal.
    pub envelope: String,
    pub entries: Vec<PackageEntry>,
    /// Hexadecimal.
    pub payload: String,
    /// Seconds that the receiver may work before it needs a lease of the sender; absent: it needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<u64>,
}

/// One key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageEntry {
    /// JSON text of an [`EntryHeader`].
    pub header: String,
    /// Hexadecimal.
    pub wrapped: String,
}

/// What is bound to a wrapped key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryHeader {
    pub id: String,
    pub attributes: KeyAttributes,
    pub check_value: Hex<3>,
}

/// Reads the outer file and its body without deciding whether it is genuine.
///
/// # Errors
/// The text is no package.
pub fn read(text: &str) -> Result<(PackageFile, PackageBody), serde_json::Error> {
    let file: PackageFile = serde_json::from_str(text)?;
    let body = serde_json::from_str(&file.body)?;
    Ok((file, body))
}
