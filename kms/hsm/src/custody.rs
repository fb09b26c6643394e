//! A custodian's entry: passphrase and components under the HSM's encryption key, made on the custodian's own machine.

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
