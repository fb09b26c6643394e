//! Algorithms, lengths, certificate sizes and the numbers that the loader counts.

use serde::{Deserialize, Serialize};

/// What the loader counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    pub keys: usize,
    pub key_instances: usize,
    /// Most records of a record file.
    pub max_records: usize,
}

/// Algorithms and lengths in bytes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crypto {
    pub cipher: Cipher,
    pub hash: Hash,
    pub signature: Signature,
    /// Algorithm byte of key headers and certificates.
    pub algorithm: u8,
    pub block: usize,
    pub key: usize,
    pub challenge: usize,
    pub mac: usize,
    pub check_value: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cipher {
    Sm4,
    Aes128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hash {
    Sm3,
    Sha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    Sm2,
    EcdsaP256,
}

/// Sizes of the two certificates (D20, D21): fields ‖ public key ‖ signature.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    pub issuer: CertificateSize,
    pub sam: CertificateSize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateSize {
    pub kind: u8,
    pub fields: usize,
    pub key: usize,
    pub signature: usize,
    pub size: usize,
}
