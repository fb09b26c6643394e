//! Hash and signature as a profile names them: SM3 with SM2, or SHA-256 with ECDSA P-256 (D46).

use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::gm::{sm2, sm3};
use crate::nist;
use crate::profile::{Hash, Signature};

/// Bytes of a digest of either hash.
pub const DIGEST_LEN: usize = 32;
/// Bytes of a public key X ‖ Y of either curve.
pub const PUBLIC_LEN: usize = 64;
/// Bytes of a signature r ‖ s of either curve.
pub const SIGNATURE_LEN: usize = 64;

/// A key or signature that the algorithm refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SuiteError {
    /// SM2's reasons.
    #[error(transparent)]
    Sm2(#[from] sm2::Sm2Error),
    /// ECDSA's reasons.
    #[error(transparent)]
    Ecdsa(#[from] nist::EcdsaError),
}

/// A digest fed in pieces.
#[derive(Clone)]
pub enum Hasher {
    /// SM3.
    Sm3(sm3::Sm3),
    /// SHA-256.
    Sha256(Sha256),
}

impl Hasher {
    /// An empty digest.
    #[must_use]
    pub fn new(hash: Hash) -> Self {
        match hash {
            Hash::Sm3 => Self::Sm3(sm3::Sm3::new()),
            Hash::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, data: &[u8]) {
        match self {
            Self::Sm3(state) => state.update(data),
            Self::Sha256(state) => state.update(data),
        }
    }

    /// Ends the digest.
    #[must_use]
    pub fn finish(self) -> [u8; DIGEST_LEN] {
        match self {
            Self::Sm3(state) => state.finish(),
            Self::Sha256(state) => state.finalize().into(),
        }
    }
}

/// Digest of one buffer.
#[must_use]
pub fn digest(hash: Hash, data: &[u8]) -> [u8; DIGEST_LEN] {
    let mut hasher = Hasher::new(hash);
    hasher.update(data);
    hasher.finish()
}

/// A private key of either algorithm. Neither shown nor compared; wiped when dropped.
#[derive(Clone)]
pub enum SigningKey {
    /// SM2.
    Sm2(sm2::SigningKey),
    /// ECDSA over P-256.
    P256(nist::SigningKey),
}

impl SigningKey {
    /// Takes d, big-endian, 32 bytes.
    ///
    /// # Errors
    /// d is none of the algorithm's private keys.
    pub fn from_bytes(algorithm: Signature, d: &[u8]) -> Result<Self, SuiteError> {
        Ok(match algorithm {
            Signature::Sm2 => Self::Sm2(sm2::SigningKey::from_bytes(d)?),
            Signature::EcdsaP256 => Self::P256(nist::SigningKey::from_bytes(d)?),
        })
    }

    /// A public test key (D33, D36, D37, D46).
    ///
    /// # Errors
    /// Practically never.
    pub fn from_label(algorithm: Signature, label: &[u8]) -> Result<Self, SuiteError> {
        Ok(match algorithm {
            Signature::Sm2 => Self::Sm2(sm2::SigningKey::from_label(label)?),
            Signature::EcdsaP256 => Self::P256(nist::SigningKey::from_label(label)?),
        })
    }

    /// Draws a key from the caller's random source.
    ///
    /// # Errors
    /// What the source answers.
    pub fn generate<E>(
        algorithm: Signature,
        fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        Ok(match algorithm {
            Signature::Sm2 => Self::Sm2(sm2::SigningKey::generate(fill)?),
            Signature::EcdsaP256 => Self::P256(nist::SigningKey::generate(fill)?),
        })
    }

    /// d.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        match self {
            Self::Sm2(key) => key.to_bytes(),
            Self::P256(key) => key.to_bytes(),
        }
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        match self {
            Self::Sm2(key) => VerifyingKey::Sm2(key.verifying_key().clone()),
            Self::P256(key) => VerifyingKey::P256(key.verifying_key()),
        }
    }

    /// Signs a digest as it is (D17).
    ///
    /// # Errors
    /// Practically never.
    pub fn sign_digest(&self, digest: &[u8; 32]) -> Result<[u8; SIGNATURE_LEN], SuiteError> {
        Ok(match self {
            Self::Sm2(key) => key.sign_digest(digest)?,
            Self::P256(key) => key.sign_digest(digest)?,
        })
    }

    /// Signs a message: SM2 with ZA of the default identity, ECDSA over SHA-256 of it.
    ///
    /// # Errors
    /// Practically never.
    pub fn sign_message(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], SuiteError> {
        Ok(match self {
            Self::Sm2(key) => key.sign_message(message)?,
            Self::P256(key) => key.sign_message(message)?,
        })
    }
}

/// A public key of either algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyingKey {
    /// SM2.
    Sm2(sm2::VerifyingKey),
    /// ECDSA over P-256.
    P256(nist::VerifyingKey),
}

impl VerifyingKey {
    /// Takes X ‖ Y.
    ///
    /// # Errors
    /// No point of the algorithm's curve.
    pub fn from_bytes(algorithm: Signature, xy: &[u8]) -> Result<Self, SuiteError> {
        Ok(match algorithm {
            Signature::Sm2 => Self::Sm2(sm2::VerifyingKey::from_bytes(xy)?),
            Signature::EcdsaP256 => Self::P256(nist::VerifyingKey::from_bytes(xy)?),
        })
    }

    /// X ‖ Y.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; PUBLIC_LEN] {
        match self {
            Self::Sm2(key) => key.to_bytes(),
            Self::P256(key) => key.to_bytes(),
        }
    }

    /// Checks a signature over a digest as it is (D17).
    ///
    /// # Errors
    /// The signature is not right.
    pub fn verify_digest(&self, digest: &[u8; 32], signature: &[u8]) -> Result<(), SuiteError> {
        match self {
            Self::Sm2(key) => key.verify_digest(digest, signature)?,
            Self::P256(key) => key.verify_digest(digest, signature)?,
        }
        Ok(())
    }

    /// Checks a signature over a message.
    ///
    /// # Errors
    /// The signature is not right.
    pub fn verify_message(&self, message: &[u8], signature: &[u8]) -> Result<(), SuiteError> {
        match self {
            Self::Sm2(key) => key.verify_message(message, signature)?,
            Self::P256(key) => key.verify_message(message, signature)?,
        }
        Ok(())
    }
}
