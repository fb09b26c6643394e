//! The algorithms behind the usages, in one place: two block ciphers in their modes, two kinds of key pair.
//!
//! SM4 is the constant-time core of [`crate::sm4`]; AES-128, P-256 and SM2 are RustCrypto's crates. Nothing here knows of
//! keys with attributes: who may use what is decided in the layers above. `tests/engine/oracles.rs` compares all of it
//! with OpenSSL and two other implementations.

mod block;
pub mod modes;
pub(crate) mod p256key;

pub use block::{Cipher, ManyKeys, Schedule, encrypt_own, encrypt_two};

use crate::world::World;
use hsm_wire::{Hex, HsmError};
use p256key::P256Key;
use zeroize::Zeroizing;

/// `04 ‖ C1 ‖ C3 ‖ C2` for X ‖ Y.
///
/// # Errors
/// The key is no point, or the random source failed.
pub fn sm2_encrypt(
    world: &mut World,
    receiver: &Hex<64>,
    plain: &[u8],
) -> Result<Vec<u8>, HsmError> {
    crate::sm2key::encrypt(world, receiver, plain)
}

/// The plain text of `04 ‖ C1 ‖ C3 ‖ C2`; `None` unless it is genuine.
#[must_use]
pub fn sm2_decrypt(d: &[u8; 32], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    crate::sm2key::Sm2Key::new(d).ok()?.decrypt(sealed)
}

/// X ‖ Y of a P-256 key.
///
/// # Errors
/// d is out of range; so for the next two.
pub fn p256_public(d: &[u8; 32]) -> Result<Hex<64>, HsmError> {
    P256Key::new(d)?.public_key()
}

/// ECDSA over P-256 with SHA-256: r ‖ s.
///
/// # Errors
/// See [`p256_public`].
pub fn p256_sign(d: &[u8; 32], message: &[u8]) -> Result<Hex<64>, HsmError> {
    P256Key::new(d)?.sign(message)
}

/// ECDH over P-256: the X coordinate both sides have.
///
/// # Errors
/// See [`p256_public`]; or the other side's key is no point.
pub fn p256_agree(d: &[u8; 32], peer: &Hex<64>) -> Result<Zeroizing<[u8; 32]>, HsmError> {
    P256Key::new(d)?.agree(peer)
}

/// Whether r ‖ s is this P-256 key's over a message.
#[must_use]
pub fn p256_verify(public_key: &Hex<64>, message: &[u8], signature: &Hex<64>) -> bool {
    p256key::verify(public_key, message, signature)
}
