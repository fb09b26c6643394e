//! The maker's transport keys: what protects a blank until the issuer's master key is on it (D34, D41).

use cardlib_card::profile::Profile;
use cardlib_card::suite;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::crypto::Key;

/// The maker's 16-byte transport master; each chip's transport key is diversified from it.
pub struct TransportMaster(Key);

/// The text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a transport master key is 32 hex digits")]
pub struct NotAKey;

impl TransportMaster {
    /// The public one of the test hierarchy.
    #[must_use]
    pub fn test() -> Self {
        Self::test_of(Profile::rhc_2012())
    }

    /// That of a profile with its own hash and cipher (D46).
    #[must_use]
    pub fn test_of(profile: &Profile) -> Self {
        let digest = suite::digest(profile.crypto.hash, b"RHC-TEST-TRANSPORT");
        let bytes = std::array::from_fn(|i| digest[i]);
        Self(Key::of(profile.crypto.cipher, bytes))
    }

    /// Reads 32 hex digits of an SM4 key; white space around them does not count.
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn from_hex(text: &str) -> Result<Self, NotAKey> {
        Self::from_hex_of(Profile::rhc_2012(), text)
    }

    /// The same for a profile's cipher.
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn from_hex_of(profile: &Profile, text: &str) -> Result<Self, NotAKey> {
        let mut bytes = Zeroizing::new([0u8; 16]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).map_err(|_| NotAKey)?;
        Ok(Self(Key::of(profile.crypto.cipher, *bytes)))
    }

    /// The transport key of the chip with this factor or serial.
    #[must_use]
    pub fn key_of(&self, factor: &[u8; 8]) -> Key {
        self.0.diversify(factor)
    }
}
