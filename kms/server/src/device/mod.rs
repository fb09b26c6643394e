//! An officer's own device: what signs a request. A key file sealed under a passphrase is one; a smart card and WebAuthn
//! take the same place, [`Signer`], when the console comes.

mod sealed;

use std::path::Path;

use kms_core::policy::{DeviceError, Signer};
use kms_hsm::officer::OfficerFile;
use kms_platform::passphrase::Passphrase;

use crate::refusal::{Refusal, Result};
use sealed::SealedKey;

/// A device that can sign now.
pub struct Device(Kind);

enum Kind {
    /// Opened with its passphrase.
    Sealed(SealedKey),
    /// A key file of `rhc-hsm officer-key`, which nothing but its mode guards: TEST and DEMO.
    Plain(OfficerFile),
}

impl Device {
    /// Opens a key file; the passphrase is asked for when it is sealed.
    ///
    /// # Errors
    /// The file cannot be used, or the passphrase is wrong.
    pub fn open(path: &Path, ask: impl FnOnce() -> Result<Passphrase>) -> Result<Self> {
        match sealed::open(path, ask)? {
            Some(key) => Ok(Self(Kind::Sealed(key))),
            None => Ok(Self(Kind::Plain(
                OfficerFile::load(path).map_err(Refusal::from)?,
            ))),
        }
    }

    /// Whether a passphrase guards it.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self.0, Kind::Sealed(_))
    }
}

impl Signer for Device {
    fn name(&self) -> &str {
        match &self.0 {
            Kind::Sealed(key) => Signer::name(key),
            Kind::Plain(key) => Signer::name(key),
        }
    }

    fn sign_message(&self, message: &[u8]) -> Result<[u8; 64], DeviceError> {
        match &self.0 {
            Kind::Sealed(key) => key.sign_message(message),
            Kind::Plain(key) => key.sign_message(message),
        }
    }
}

/// A new key, sealed.
///
/// # Errors
/// The file exists, or the passphrase is too short.
pub fn create(name: &str, out: &Path, ask: impl FnOnce() -> Result<Passphrase>) -> Result<()> {
    sealed::create(name, out, ask)
}

/// Seals a plain key file.
///
/// # Errors
/// It cannot be read, the new file exists, or the passphrase is too short.
pub fn seal_file(file: &Path, out: &Path, ask: impl FnOnce() -> Result<Passphrase>) -> Result<()> {
    sealed::seal_file(file, out, ask)
}
