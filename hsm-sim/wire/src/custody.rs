//! What custodians hand to an HSM, and what it hands to them. Components and passphrases reach the HSM inside an
//! envelope to its encryption key, so neither the key service nor an officer sees them; shares leave the HSM under their
//! custodian's passphrase only. Everything is bound to one ceremony: the SM3 of the text that was reviewed.

use crate::gm::{self, GmError};
use crate::{Hex, KeyAttributes, Mark};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Format of [`Confided`].
pub const ENTRY_FORMAT: &str = "rhc-hsm-entry-1";
/// Format of [`SealBody`].
pub const SEAL_FORMAT: &str = "rhc-hsm-seal-1";

/// What one custodian confides: for the HSM's eyes only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub custodian: String,
    /// Envelope (04 ‖ C1 ‖ C3 ‖ C2) of a [`Confided`] as JSON, hexadecimal.
    pub sealed: String,
}

/// The inside of an [`Entry`]. Wiped when dropped; no `Debug`.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Confided {
    pub format: String,
    #[zeroize(skip)]
    pub ceremony: Hex<32>,
    pub custodian: String,
    /// Passphrase of this custodian's share, if one is made or opened.
    pub passphrase: Option<String>,
    pub components: Vec<Component>,
}

/// A custodian's part of a key: all parts XORed are the key. Wiped when dropped; no `Debug`.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Id of the key to be.
    pub key: String,
    /// Check value of the component, as if it were the key.
    #[zeroize(skip)]
    pub check_value: Hex<3>,
    /// 16 bytes, hexadecimal.
    pub bytes: String,
}

impl Confided {
    /// Seals it for the HSM with this encryption key.
    ///
    /// # Errors
    /// The key is no point of the curve, or there are no random numbers.
    pub fn seal(&self, hsm: &Hex<64>) -> Result<Entry, GmError> {
        let plain = Zeroizing::new(serde_json::to_vec(self).map_err(|_| GmError::Signing)?);
        Ok(Entry {
            custodian: self.custodian.clone(),
            sealed: hex::encode_upper(gm::encrypt(hsm, &plain)?),
        })
    }
}

/// A key to be combined from components.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CombinedKey {
    pub id: String,
    pub attributes: KeyAttributes,
    /// Check value that the result must have, where it is known before.
    #[serde(default)]
    pub check_value: Option<Hex<3>>,
}

/// How M of N custodians keep a back-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custody {
    pub threshold: u8,
    /// One entry with a passphrase for each.
    pub custodians: Vec<Entry>,
    /// Memory of a passphrase's check (argon2id, 3 passes), in KiB; less than the standard in TEST stores only.
    #[serde(default)]
    pub memory_kib: Option<u32>,
}

/// A custodian's share, with the entry that opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenShare {
    /// The share file's text.
    pub share: String,
    pub entry: Entry,
}

/// A back-up as it was made: keys under a key that only the shares give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUp {
    /// The back-up file's text.
    pub backup: String,
    /// Custodian and text of the share file.
    pub shares: Vec<(String, String)>,
}

/// What the HSM says of a ceremony. Its signature is over exactly this text, with the key that signs packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealBody {
    pub format: String,
    pub hsm: Hex<32>,
    pub mark: Mark,
    /// Ceremonies of this HSM, counted from 1.
    pub number: u64,
    /// Transcript of the ceremony before; zeros before the first.
    pub previous: Hex<32>,
    /// SM3 of the reviewed text.
    pub ceremony: Hex<32>,
    /// SM3 of the transcript.
    pub transcript: Hex<32>,
    /// Seconds since 1970.
    pub time: u64,
}

/// A sealed transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// A [`SealBody`] as JSON.
    pub text: String,
    pub signature: Hex<64>,
}
