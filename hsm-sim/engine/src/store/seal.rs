//! Sealing: SM4-GCM under a key that the unsealing secret gives, everything bound to its place.

use super::StoreError;
use crate::cipher::Sm4Key;
use crate::world::World;
use hsm_wire::Hex;
use sm3::{Digest, Sm3};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The secret that opens a store: 32 random bytes which never lie beside it. No `Debug`.
///
/// ```compile_fail
/// fn shows<T: std::fmt::Debug>() {}
/// shows::<hsm_engine::UnsealSecret>();
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct UnsealSecret([u8; 32]);

impl UnsealSecret {
    /// A fresh one.
    ///
    /// # Errors
    /// The random source failed.
    pub fn generate(world: &mut World) -> Result<Self, crate::world::EntropyError> {
        world.secret().map(|secret| Self(*secret))
    }

    /// From 64 hexadecimal digits, with or without a newline.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let mut secret = Self([0; 32]);
        hex::decode_to_slice(text.trim_ascii(), &mut secret.0).ok()?;
        Some(secret)
    }

    /// From the bytes themselves.
    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(*bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 hexadecimal digits and a newline.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(65));
        for byte in self.0 {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
            }
        }
        text.push('\n');
        text
    }

    fn derive(&self, purpose: &str, salt: &Hex<16>) -> Zeroizing<[u8; 32]> {
        let mut hash = Sm3::new();
        hash.update(purpose.as_bytes());
        hash.update([0]);
        hash.update(salt.0);
        hash.update(self.0);
        Zeroizing::new(hash.finalize().into())
    }

    /// The store's key.
    pub(super) fn store_key(&self, salt: &Hex<16>) -> Sm4Key {
        let digest = self.derive("rhc-hsm-store-key", salt);
        let mut key = Zeroizing::new([0; 16]);
        key.copy_from_slice(&digest[..16]);
        Sm4Key::new(*key)
    }

    /// Says whether it is this store's secret, without saying anything about it.
    pub(super) fn check(&self, salt: &Hex<16>) -> Hex<8> {
        let digest = self.derive("rhc-hsm-store-check", salt);
        let mut check = [0; 8];
        check.copy_from_slice(&digest[..8]);
        Hex(check)
    }
}

/// `nonce(12) ‖ ciphertext ‖ tag(16)`; the nonce is random, so that a record rewritten after a crash has another.
pub(super) fn seal(
    key: &Sm4Key,
    world: &mut World,
    place: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let nonce = world.random::<12>().map_err(|_| StoreError::Entropy)?;
    let sealed = key.seal(&nonce, place, plain).ok_or(StoreError::Seal)?;
    let mut out = Vec::with_capacity(12 + sealed.len());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// The inverse of [`seal`]; `None` unless every byte and the place are genuine.
pub(super) fn open(key: &Sm4Key, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<12>()?;
    key.open(nonce, place, rest)
}
