//! SM2 signatures (GB/T 32918.2) over raw keys and raw `r ‖ s`.
//!
//! The crate underneath loads private keys that the standard forbids (d = n−1, for which 1 + d has no inverse, and keys
//! given in fewer than 32 bytes); this wrapper refuses them. Two ways to sign: over a message, with ZA of the default
//! identity `1234567812345678` (certificates, delivery lists, orders), and over a given digest taken as *e* (visit
//! records, D17, where the SAM sees only the hash).

use ::sm2::U256;
use ::sm2::dsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use ::sm2::dsa::signature::{Signer, Verifier};
use ::sm2::dsa::{self, Signature};
use ::sm2::elliptic_curve::Curve;
use thiserror::Error;
use zeroize::Zeroizing;

use super::sm3;

/// The identity that GM/T 0009 gives to signers without one of their own.
pub const DEFAULT_ID: &str = "1234567812345678";
/// Bytes of a private key.
pub const PRIVATE_LEN: usize = 32;
/// Bytes of a public key, X ‖ Y.
pub const PUBLIC_LEN: usize = 64;
/// Bytes of a signature, r ‖ s.
pub const SIGNATURE_LEN: usize = 64;

/// Why a key or a signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Sm2Error {
    /// Not 1 ≤ d ≤ n−2 in exactly 32 bytes.
    #[error("not an SM2 private key: 32 bytes with 1 <= d <= n-2 are wanted")]
    PrivateKey,
    /// Not a point of the curve in exactly 64 bytes.
    #[error("not an SM2 public key: 64 bytes X and Y of a point on the curve are wanted")]
    PublicKey,
    /// The signature does not fit the key and the data, or is no signature at all.
    #[error("the SM2 signature is not right for this key and this data")]
    Signature,
    /// A digest for which the deterministic nonce gives no signature (chance 2⁻²⁵⁶).
    #[error("this digest cannot be signed with this key")]
    Unsignable,
}

/// A private key. Neither shown nor compared; wiped when dropped.
#[derive(Clone)]
pub struct SigningKey {
    secret: Zeroizing<[u8; PRIVATE_LEN]>,
    public: VerifyingKey,
}

impl SigningKey {
    /// Takes d, big-endian, exactly 32 bytes, 1 ≤ d ≤ n−2.
    ///
    /// # Errors
    /// [`Sm2Error::PrivateKey`] for anything else.
    pub fn from_bytes(d: &[u8]) -> Result<Self, Sm2Error> {
        let secret: Zeroizing<[u8; PRIVATE_LEN]> =
            Zeroizing::new(d.try_into().map_err(|_| Sm2Error::PrivateKey)?);
        let number = U256::from_be_slice(secret.as_slice());
        if number >= order().wrapping_sub(&U256::ONE) {
            return Err(Sm2Error::PrivateKey);
        }
        let key = inner(&secret)?;
        let public = VerifyingKey(key.verifying_key().clone());
        Ok(Self { secret, public })
    }

    /// The public test keys of D33, D36, D37 and D42: `d = SM3(label) mod (n−1) + 1`.
    ///
    /// # Errors
    /// [`Sm2Error::PrivateKey`] for the one label in 2²⁵⁶ that gives n−1.
    pub fn from_label(label: &[u8]) -> Result<Self, Sm2Error> {
        let modulus = order().wrapping_sub(&U256::ONE);
        let mut number = U256::from_be_slice(&sm3::digest(label));
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
    /// What the source answers; a draw outside 1…n−2 is repeated.
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
        self.secret.clone()
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs e itself, without ZA (D17).
    ///
    /// # Errors
    /// [`Sm2Error::Unsignable`], practically never.
    pub fn sign_digest(&self, e: &[u8; 32]) -> Result<[u8; SIGNATURE_LEN], Sm2Error> {
        let signature: Signature = inner(&self.secret)?
            .sign_prehash(e)
            .map_err(|_| Sm2Error::Unsignable)?;
        Ok(signature.to_bytes().into())
    }

    /// Signs e = SM3(ZA ‖ message), ZA of the default identity.
    ///
    /// # Errors
    /// [`Sm2Error::Unsignable`], practically never.
    pub fn sign_message(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], Sm2Error> {
        let signature: Signature = inner(&self.secret)?
            .try_sign(message)
            .map_err(|_| Sm2Error::Unsignable)?;
        Ok(signature.to_bytes().into())
    }
}

/// A public key.
#[derive(Clone, Debug)]
pub struct VerifyingKey(dsa::VerifyingKey);

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl Eq for VerifyingKey {}

impl VerifyingKey {
    /// Takes X ‖ Y, exactly 64 bytes, a point of the curve.
    ///
    /// # Errors
    /// [`Sm2Error::PublicKey`] for anything else.
    pub fn from_bytes(xy: &[u8]) -> Result<Self, Sm2Error> {
        let xy: [u8; PUBLIC_LEN] = xy.try_into().map_err(|_| Sm2Error::PublicKey)?;
        let mut sec1 = [4u8; 1 + PUBLIC_LEN];
        sec1[1..].copy_from_slice(&xy);
        dsa::VerifyingKey::from_sec1_bytes(DEFAULT_ID, &sec1)
            .map(Self)
            .map_err(|_| Sm2Error::PublicKey)
    }

    /// X ‖ Y.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; PUBLIC_LEN] {
        let sec1 = self.0.to_sec1_bytes();
        let mut xy = [0u8; PUBLIC_LEN];
        // SM2 points are always encoded uncompressed by the crate: 04 ‖ X ‖ Y.
        xy.copy_from_slice(&sec1[1..]);
        xy
    }

    /// Checks a signature over e itself (D17).
    ///
    /// # Errors
    /// [`Sm2Error::Signature`].
    pub fn verify_digest(&self, e: &[u8; 32], signature: &[u8]) -> Result<(), Sm2Error> {
        let signature = Signature::from_slice(signature).map_err(|_| Sm2Error::Signature)?;
        self.0
            .verify_prehash(e, &signature)
            .map_err(|_| Sm2Error::Signature)
    }

    /// Checks a signature over a message, with ZA of the default identity.
    ///
    /// # Errors
    /// [`Sm2Error::Signature`].
    pub fn verify_message(&self, message: &[u8], signature: &[u8]) -> Result<(), Sm2Error> {
        let signature = Signature::from_slice(signature).map_err(|_| Sm2Error::Signature)?;
        self.0
            .verify(message, &signature)
            .map_err(|_| Sm2Error::Signature)
    }
}

fn order() -> U256 {
    *::sm2::Sm2::ORDER.as_ref()
}

/// The crate's key object is made for each use: it has no wiping drop, so it must not live long.
fn inner(secret: &[u8; PRIVATE_LEN]) -> Result<dsa::SigningKey, Sm2Error> {
    dsa::SigningKey::from_slice(DEFAULT_ID, secret).map_err(|_| Sm2Error::PrivateKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: &str = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";

    #[test]
    fn forbidden_private_keys_are_refused() {
        let n = U256::from_be_slice(&hex::decode(N).unwrap());
        for bad in [
            U256::ZERO,
            n.wrapping_sub(&U256::ONE),
            n,
            n.wrapping_add(&U256::ONE),
            U256::MAX,
        ] {
            assert!(SigningKey::from_bytes(bad.to_be_bytes().as_ref()).is_err());
        }
        for good in [U256::ONE, n.wrapping_sub(&U256::from_u8(2))] {
            let key = SigningKey::from_bytes(good.to_be_bytes().as_ref()).unwrap();
            let signature = key.sign_message(b"m").unwrap();
            key.verifying_key()
                .verify_message(b"m", &signature)
                .unwrap();
        }
        assert!(SigningKey::from_bytes(&[1; 31]).is_err());
        assert!(SigningKey::from_bytes(&[1; 33]).is_err());
        assert!(SigningKey::from_bytes(&[]).is_err());
    }

    #[test]
    fn public_keys_must_be_points() {
        let key = SigningKey::from_label(b"x").unwrap();
        let mut xy = key.verifying_key().to_bytes();
        assert_eq!(VerifyingKey::from_bytes(&xy).unwrap(), *key.verifying_key());
        xy[63] ^= 1;
        assert!(VerifyingKey::from_bytes(&xy).is_err());
        assert!(VerifyingKey::from_bytes(&[0; 64]).is_err());
        assert!(VerifyingKey::from_bytes(&xy[..63]).is_err());
    }

    #[test]
    fn one_changed_bit_is_seen() {
        let key = SigningKey::from_label(b"RHC-TEST-SM2-ROOT").unwrap();
        let good = key.sign_message(b"message").unwrap();
        for at in [0, 31, 32, 63] {
            let mut bad = good;
            bad[at] ^= 1;
            assert_eq!(
                key.verifying_key().verify_message(b"message", &bad),
                Err(Sm2Error::Signature)
            );
        }
        let verify = |m: &[u8], s: &[u8]| key.verifying_key().verify_message(m, s);
        assert!(verify(b"messagf", &good).is_err());
        assert!(verify(b"message", &good[..63]).is_err());
        assert!(verify(b"message", &[0; 64]).is_err());
        assert!(verify(b"message", &[0xFF; 64]).is_err());
        verify(b"message", &good).unwrap();
    }

    /// A digest signature and a message signature are different things.
    #[test]
    fn digest_signature_has_no_identity() {
        let key = SigningKey::from_label(b"RHC-TEST-SM2-ISSUER-41").unwrap();
        let e = sm3::digest(b"record");
        let over_digest = key.sign_digest(&e).unwrap();
        key.verifying_key().verify_digest(&e, &over_digest).unwrap();
        assert!(
            key.verifying_key()
                .verify_message(b"record", &over_digest)
                .is_err()
        );
    }

    #[test]
    fn generation_repeats_bad_draws() {
        let mut draws = vec![[0u8; 32], [0xFF; 32], [7; 32]].into_iter();
        let key = SigningKey::generate(|buffer| {
            buffer.copy_from_slice(&draws.next().ok_or("source is empty")?);
            Ok::<(), &str>(())
        })
        .unwrap();
        assert_eq!(*key.to_bytes(), [7; 32]);
        assert!(SigningKey::generate(|_| Err::<(), &str>("broken")).is_err());
    }
}
