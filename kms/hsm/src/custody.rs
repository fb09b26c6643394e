//! A custodian's entry: passphrase and components under the HSM's encryption key, made on the custodian's own machine.

use cipher::{BlockCipherEncrypt, KeyInit};
use hsm_wire::custody::{Component, Confided, ENTRY_FORMAT};
use hsm_wire::{Hex, gm};
use kms_core::port::Entry;
use thiserror::Error;
use zeroize::Zeroizing;

/// An entry that cannot be made.
#[derive(Debug, Error)]
#[error("the entry cannot be sealed: {0}")]
pub struct SealError(#[from] gm::GmError);

/// A custodian's component of one key.
pub struct Part {
    /// Id of the key to be.
    pub key: String,
    /// Check value of the component.
    pub check_value: [u8; 3],
    /// 32 hexadecimal digits.
    pub bytes: Zeroizing<String>,
}

/// A component from its 32 hexadecimal digits, with its check value (D8).
#[must_use]
pub fn part(key: &str, digits: &str) -> Option<Part> {
    let mut bytes = Zeroizing::new([0u8; 16]);
    hex::decode_to_slice(digits, bytes.as_mut_slice()).ok()?;
    let cipher = sm4::Sm4::new_from_slice(bytes.as_slice()).ok()?;
    let mut block = cipher::Array::from([0u8; 16]);
    cipher.encrypt_block(&mut block);
    let [a, b, c, ..] = block.0;
    Some(Part {
        key: key.to_owned(),
        check_value: [a, b, c],
        bytes: Zeroizing::new(digits.to_owned()),
    })
}

/// Seals what a custodian confides for the HSM with this encryption key, and for one ceremony.
///
/// # Errors
/// The key is none, or there are no random numbers.
pub fn seal(
    hsm: &[u8; 64],
    ceremony: [u8; 32],
    custodian: &str,
    passphrase: Option<&str>,
    parts: &[Part],
) -> Result<Entry, SealError> {
    let component = |part: &Part| Component {
        key: part.key.clone(),
        check_value: Hex(part.check_value),
        bytes: part.bytes.to_string(),
    };
    let confided = Confided {
        format: ENTRY_FORMAT.to_owned(),
        ceremony: Hex(ceremony),
        custodian: custodian.to_owned(),
        passphrase: passphrase.map(str::to_owned),
        components: parts.iter().map(component).collect(),
    };
    let entry = confided.seal(&Hex(*hsm))?;
    Ok(Entry {
        custodian: entry.custodian,
        sealed: entry.sealed,
    })
}
