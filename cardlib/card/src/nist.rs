//! ECDSA over P-256 with raw keys and raw `r ‖ s`, for `rhc-aes` (D46): the counterpart of [`crate::gm::sm2`].
//!
//! Nonces are those of RFC 6979. Two ways to sign: over a message (hashed with SHA-256), and over a given digest (D17).

use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{self, Signature};
use p256::elliptic_curve::Curve;
use p256::{NistP256, U256};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of a private key.
pub const PRIVATE_LEN: usize = 32;
/// Bytes of a public key, X ‖ Y.
pub const PUBLIC_LEN: usize = 64;
/// Bytes of a signature, r ‖ s.
pub const SIGNATURE_LEN: usize = 64;

/// Why a key or a signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EcdsaError {
    /// Not 1 ≤ d ≤ n−1 in exactly 32 bytes.
    #[error("not a P-256 private key: 32 bytes with 1 <= d <= n-1 are wanted")]
    PrivateKey,
    /// Not a point of the curve in exactly 64 bytes.
    #[error("not a P-256 public key: 64 bytes X and Y of a point on the curve are wanted")]
    PublicKey,
    /// The signature does not fit the key and the data, or is no signature at all.
    #[error("the ECDSA signature is not right for this key and this data")]
    Signature,
    /// A digest that gives no signature (chance 2⁻²⁵⁶).
    #[error("this digest cannot be signed with this key")]
    Unsignable,
}

/// A private key. Neither shown nor compared; wiped when dropped.
#[derive(Clone)]
pub struct SigningKey(ecdsa::SigningKey);

impl SigningKey {
    /// Takes d, big-endian, exactly 32 bytes, 1 ≤ d ≤ n−1.
    ///
    /// # Errors
    /// [`EcdsaError::PrivateKey`] for anything else.
    pub fn from_bytes(d: &[u8]) -> Result<Self, EcdsaError> {
        if d.len() != PRIVATE_LEN {
            return Err(EcdsaError::PrivateKey);
        }
        ecdsa::SigningKey::from_slice(d)
            .map(Self)
            .map_err(|_| EcdsaError::PrivateKey)
    }

    /// Public test keys: `d = SHA-256(label) mod (n−1) + 1` (D33, D36, D37 with D46).
    ///
    /// # Errors
    /// [`EcdsaError::PrivateKey`], never: the formula stays below n.
    pub fn from_label(label: &[u8]) -> Result<Self, EcdsaError> {
        let order: U256 = *NistP256::ORDER.as_ref();
        let modulus = order.wrapping_sub(&U256::ONE);
        let mut number = U256::from_be_slice(&Sha256::digest(label));
        if number >= modulus {
            // 2^256 < 2 (n-1): one subtraction is the whole reduction.
            number = number.wrapping_sub(&modulus);
        }
        let d = number.wrapping_add(&U256::ONE);
        Self::from_bytes(d.to_be_bytes().as_ref())
    }

    /// Draws a key from the caller's random source (which may fail).
    ///
    /// # Errors
    /// What the source answers; a draw outside 1…n−1 is repeated.
    pub fn generate<E>(mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        loop {
            let mut candidate = Zeroizing::new([0u8; PRIVATE_LEN]);
            fill(candidate.as_mut_slice())?;
            if let Ok(key) = Self::from_bytes(candidate.as_slice()) {
                return Ok(key);
            }
        }
    }

    /// d, for sealing into a store.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; PRIVATE_LEN]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(*self.0.verifying_key())
    }

    /// Signs a digest as it is.
    ///
    /// # Errors
    /// [`EcdsaError::Unsignable`], practically never.
    pub fn sign_digest(&self, digest: &[u8; 32]) -> Result<[u8; SIGNATURE_LEN], EcdsaError> {
        let signature: Result<Signature, _> = self.0.sign_prehash(digest);
        signature
            .map(|s| s.to_bytes().into())
            .map_err(|_| EcdsaError::Unsignable)
    }

    /// Signs SHA-256 of a message.
    ///
    /// # Errors
    /// [`EcdsaError::Unsignable`], practically never.
    pub fn sign_message(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], EcdsaError> {
        let signature: Result<Signature, _> = self.0.try_sign(message);
        signature
            .map(|s| s.to_bytes().into())
            .map_err(|_| EcdsaError::Unsignable)
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey(ecdsa::VerifyingKey);

impl VerifyingKey {
    /// Takes X ‖ Y, exactly 64 bytes, a point of the curve.
    ///
    /// # Errors
    /// [`EcdsaError::PublicKey`] for anything else.
    pub fn from_bytes(xy: &[u8]) -> Result<Self, EcdsaError> {
        if xy.len() != PUBLIC_LEN {
            return Err(EcdsaError::PublicKey);
        }
        ecdsa::VerifyingKey::from_sec1_bytes(&[&[0x04], xy].concat())
            .map(Self)
            .map_err(|_| EcdsaError::PublicKey)
    }

    /// X ‖ Y.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; PUBLIC_LEN] {
        let point = self.0.to_sec1_point(false);
        let mut xy = [0u8; PUBLIC_LEN];
        // An uncompressed point of this curve has 65 bytes, 04 ‖ X ‖ Y.
        xy.copy_from_slice(&point.as_bytes()[1..]);
        xy
    }

    /// Checks a signature over a digest as it is.
    ///
    /// # Errors
    /// [`EcdsaError::Signature`].
    pub fn verify_digest(&self, digest: &[u8; 32], signature: &[u8]) -> Result<(), EcdsaError> {
        let signature = Signature::from_slice(signature).map_err(|_| EcdsaError::Signature)?;
        self.0
            .verify_prehash(digest, &signature)
            .map_err(|_| EcdsaError::Signature)
    }

    /// Checks a signature over SHA-256 of a message.
    ///
    /// # Errors
    /// [`EcdsaError::Signature`].
    pub fn verify_message(&self, message: &[u8], signature: &[u8]) -> Result<(), EcdsaError> {
        let signature = Signature::from_slice(signature).map_err(|_| EcdsaError::Signature)?;
        self.0
            .verify(message, &signature)
            .map_err(|_| EcdsaError::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6979, A.2.5: P-256, SHA-256, message "sample".
    #[test]
    fn the_rfcs_example() {
        let d = hex::decode("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
            .expect("hex");
        let key = SigningKey::from_bytes(&d).expect("key");
        assert_eq!(
            hex::encode_upper(key.verifying_key().to_bytes()),
            "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6\
             7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
        );
        let signature = key.sign_message(b"sample").expect("signed");
        assert_eq!(
            hex::encode_upper(signature),
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716\
             F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
        );
        let digest = Sha256::digest(b"sample").into();
        assert_eq!(key.sign_digest(&digest), Ok(signature));
        let public = key.verifying_key();
        assert_eq!(public.verify_message(b"sample", &signature), Ok(()));
        assert_eq!(public.verify_digest(&digest, &signature), Ok(()));
        assert_eq!(
            public.verify_message(b"simple", &signature),
            Err(EcdsaError::Signature)
        );
        assert_eq!(
            public.verify_message(b"sample", &signature[1..]),
            Err(EcdsaError::Signature)
        );
        assert_eq!(VerifyingKey::from_bytes(&public.to_bytes()), Ok(public));
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let order = hex::decode("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551")
            .expect("hex");
        for bad in [&[0; 32][..], &[1; 31], &[1; 33], &order] {
            assert!(SigningKey::from_bytes(bad).is_err());
        }
        for bad in [&[0; 64][..], &[1; 64], &[4; 65]] {
            assert_eq!(VerifyingKey::from_bytes(bad), Err(EcdsaError::PublicKey));
        }
        assert!(SigningKey::from_label(b"RHC-TEST-SM2-ROOT").is_ok());
    }
}
