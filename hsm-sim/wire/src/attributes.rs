//! What the HSM knows of a key besides its bytes, and what it therefore allows.

use crate::Hex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether a store holds public test keys, random keys of a demonstration, or production keys (D38).
/// Bound at birth, into packages and audit; each refuses the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mark {
    Test,
    Demo,
    Production,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Test => "TEST",
            Self::Demo => "DEMO",
            Self::Production => "PRODUCTION",
        })
    }
}

/// Algorithm of a key. A card's keys are of one family: SM4 and SM2, or (profile `rhc-aes`) AES-128 and P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    Sm4,
    Sm2,
    Aes128,
    P256,
}

impl Algorithm {
    /// Whether a key of it is 16 bytes of a block cipher; the others are key pairs.
    #[must_use]
    pub fn is_block_cipher(self) -> bool {
        matches!(self, Self::Sm4 | Self::Aes128)
    }
}

/// The only thing a key may be used for; a key has exactly one usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// Block cipher: root or intermediate of card or SAM application keys; diversified, then loaded in a key slot.
    Derive,
    /// Block cipher: base key of a personalisation session; a master key is loaded in a key slot too.
    SessionBase(BaseClass),
    /// Block cipher: CBC-MAC of a text (CVK).
    Mac,
    /// Key pair: signature at the operator's request (SAM certificates, lists).
    Sign,
    /// Key pair: signature only under an order of two officers (root key).
    SignByOrder,
    /// SM2: decrypts envelopes and agrees keys, by its index (`device`).
    Decrypt,
    /// SM4: encrypts session keys and derived keys, by its index (`device`).
    KeyEncryption,
}

/// Which sessions a base key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaseClass {
    CardTransport,
    CardMaster,
    SamTransport,
    SamMaster,
}

impl BaseClass {
    /// Transport keys open a blank and are never loaded.
    #[must_use]
    pub fn is_master(self) -> bool {
        matches!(self, Self::CardMaster | Self::SamMaster)
    }
}

/// Where a key may go, and how often it must have been diversified by then. `None`: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Leaves {
    /// To another HSM, in a package.
    pub hsm: Option<u8>,
    /// To a SAM, in a key slot of `fill_sam`.
    pub sam: Option<u8>,
    /// To a card, in a key slot of `fill_card` (always diversified by the card factor at least).
    pub card: Option<u8>,
}

impl Leaves {
    /// Whether every way out of `self` is one of `other`, at the same depth or deeper.
    #[must_use]
    pub fn within(self, other: Self) -> bool {
        let narrower = |mine: Option<u8>, theirs: Option<u8>| match (mine, theirs) {
            (None, _) => true,
            (Some(mine), Some(theirs)) => mine >= theirs,
            (Some(_), None) => false,
        };
        narrower(self.hsm, other.hsm)
            && narrower(self.sam, other.sam)
            && narrower(self.card, other.card)
    }
}

/// The attributes of a key, fixed when it is made or imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyAttributes {
    pub algorithm: Algorithm,
    /// Name in the catalogue of whoever uses it, such as `RK1_DDF1`; the HSM gives it no meaning.
    pub name: String,
    pub version: u8,
    pub usage: Usage,
    pub leaves: Leaves,
    /// How often it has been diversified already.
    pub depth: u8,
    /// How often it may be used in this HSM; `None`: as often as wanted. A package hands down what is left.
    #[serde(default)]
    pub quota: Option<u64>,
    /// Until when it may be used, seconds since 1970; `None`: for ever.
    #[serde(default)]
    pub not_after: Option<u64>,
}

/// Whether two officers have taken a key out of use. The catalogue of whoever uses the key has finer words; the HSM keeps what
/// it can enforce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// In use.
    #[default]
    Free,
    /// Out of use until two officers free it.
    Suspended,
    /// Out of use for ever; what is left is to destroy it.
    Barred,
}

/// Where a key's bytes came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Drawn in this HSM.
    Random,
    /// The public formula of a test key; its label.
    TestFormula(String),
    /// Loaded in the clear (TEST only).
    Raw,
    /// From a package; the sender's fingerprint.
    Package(Hex<32>),
    /// Combined from custodians' components; the ceremony.
    Components(Hex<32>),
    /// From a back-up; the ceremony that restored it.
    Restored(Hex<32>),
}

/// Everything about a key but its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    pub id: String,
    pub attributes: KeyAttributes,
    pub mark: Mark,
    /// Block ciphers: first 3 bytes of the encryption of a zero block (D8). Key pairs: first 3 bytes of the hash (SM2: SM3,
    /// P-256: SHA-256) of the public key.
    pub check_value: Hex<3>,
    /// Key pairs: X ‖ Y.
    pub public_key: Option<Hex<64>>,
    pub origin: Origin,
    /// Seconds since 1970.
    pub created: u64,
    /// Uses so far; counted for keys with a quota only.
    pub used: u64,
}
