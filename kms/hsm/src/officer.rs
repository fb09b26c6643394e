//! Officers' key files as `rhc-hsm officer-key` writes them.

use std::path::Path;

use hsm_wire::order::{OfficerKey, OfficerPublic};
use kms_core::approval::{Officer, OfficerSignature};
use kms_core::policy::{DeviceError, Signer};
use thiserror::Error;

/// A key file that cannot be used.
#[derive(Debug, Error)]
pub enum OfficerFileError {
    /// The private half.
    #[error(transparent)]
    Secret(#[from] hsm_wire::secret::SecretError),
    /// The public half cannot be read.
    #[error("{path}: {why}")]
    Public {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Signing failed.
    #[error("the officer's key does not sign: {0}")]
    Signing(String),
}

/// An officer's private key, loaded from a file of mode 0600; wiped when dropped.
pub struct OfficerFile(OfficerKey);

impl OfficerFile {
    /// Loads it.
    ///
    /// # Errors
    /// The file is missing, open to others, or no officer's key.
    pub fn load(path: &Path) -> Result<Self, OfficerFileError> {
        Ok(Self(OfficerKey::load(path)?))
    }

    /// The officer's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Signs an order's exact text.
    ///
    /// # Errors
    /// The library could not sign.
    pub fn sign(&self, text: &str) -> Result<OfficerSignature, OfficerFileError> {
        let signed = self
            .0
            .sign(text)
            .map_err(|e| OfficerFileError::Signing(e.to_string()))?;
        Ok(OfficerSignature {
            officer: signed.officer,
            signature: signed.signature.0,
        })
    }
}

impl Signer for OfficerFile {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn sign_message(&self, message: &[u8]) -> Result<[u8; 64], DeviceError> {
        let text = std::str::from_utf8(message).map_err(|e| DeviceError(e.to_string()))?;
        let signed = self.0.sign(text).map_err(|e| DeviceError(e.to_string()))?;
        Ok(signed.signature.0)
    }
}

/// An officer's public key file.
///
/// # Errors
/// The file is missing or no officer's public key.
pub fn load_public(path: &Path) -> Result<Officer, OfficerFileError> {
    let bad = |why: String| OfficerFileError::Public {
        path: path.display().to_string(),
        why,
    };
    let text = std::fs::read(path).map_err(|e| bad(e.to_string()))?;
    let file: OfficerPublic = serde_json::from_slice(&text)
        .map_err(|_| bad("not an officer's public key file".into()))?;
    Ok(Officer {
        name: file.name,
        public_key: file.public_key.0,
    })
}
