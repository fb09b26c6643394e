//! SM2 inside the HSM: keys, signatures (by `hsm_wire::gm`), envelopes, and the public test scalars.

use crate::world::{Entropy, EntropyError, World};
use hsm_wire::gm::{self, PrivateKey};
use hsm_wire::operator::SignInput;
use hsm_wire::{ErrorCode, Hex, HsmError};
use serde::{Deserialize, Serialize};
use sm2::dsa::signature::rand_core::{TryCryptoRng, TryRng};
use sm2::pke::{DecryptingKey, EncryptingKey};
use sm3::{Digest, Sm3};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The bytes of an SM2 private key. Wiped when dropped; no `Debug`; serialised into the sealed store only.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Sm2Key([u8; 32]);

impl Sm2Key {
    /// From d, checked.
    pub(crate) fn new(d: &[u8; 32]) -> Result<Self, HsmError> {
        PrivateKey::from_bytes(d)
            .map(|_| Self(*d))
            .map_err(|e| HsmError::about(ErrorCode::BadAttributes, &e.to_string()))
    }

    /// A fresh one.
    pub(crate) fn random(world: &mut World) -> Result<Self, HsmError> {
        for _ in 0..64 {
            let d = world.secret::<32>()?;
            if let Ok(key) = Self::new(&d) {
                return Ok(key);
            }
        }
        Err(ErrorCode::EntropyFailed.into())
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn private(&self) -> Result<PrivateKey, HsmError> {
        PrivateKey::from_bytes(&self.0).map_err(|_| ErrorCode::Internal.into())
    }

    /// X ‖ Y.
    pub(crate) fn public_key(&self) -> Result<Hex<64>, HsmError> {
        self.private()?
            .public_key()
            .map_err(|_| ErrorCode::Internal.into())
    }

    /// r ‖ s over a message with ZA.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Hex<64>, HsmError> {
        self.private()?
            .sign(message)
            .map_err(|_| ErrorCode::Internal.into())
    }

    /// r ‖ s over *e*.
    pub(crate) fn sign_digest(&self, e: &[u8; 32]) -> Result<Hex<64>, HsmError> {
        self.private()?
            .sign_digest(e)
            .map_err(|_| ErrorCode::Internal.into())
    }

    /// *e* of each input: ZA of the default identity goes before a message.
    pub(crate) fn digests(&self, inputs: &[SignInput]) -> Result<Vec<[u8; 32]>, HsmError> {
        let public = self.public_key()?;
        let digest = |input: &SignInput| match input {
            SignInput::Message(message) => gm::message_digest(&public, message),
            SignInput::Digest(e) => Ok(*e),
        };
        let digests = inputs.iter().map(digest).collect::<Result<_, _>>();
        digests.map_err(|_| ErrorCode::Internal.into())
    }

    /// r ‖ s over each *e*.
    pub(crate) fn sign_digests(&self, digests: &[[u8; 32]]) -> Result<Vec<Hex<64>>, HsmError> {
        self.private()?
            .sign_digests(digests)
            .map_err(|_| ErrorCode::Internal.into())
    }

    /// Opens an envelope (04 ‖ C1 ‖ C3 ‖ C2).
    pub(crate) fn decrypt(&self, envelope: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = DecryptingKey::from_slice(&self.0).ok()?;
        key.decrypt(envelope).ok().map(Zeroizing::new)
    }
}

/// Encrypts for X ‖ Y (04 ‖ C1 ‖ C3 ‖ C2).
pub(crate) fn encrypt(
    world: &mut World,
    receiver: &Hex<64>,
    plain: &[u8],
) -> Result<Vec<u8>, HsmError> {
    let mut sec1 = [4; 65];
    sec1[1..].copy_from_slice(&receiver.0);
    let key = EncryptingKey::from_sec1_bytes(&sec1).map_err(|_| ErrorCode::BadAttributes)?;
    key.encrypt(&mut Rng(world.entropy.as_mut()), plain)
        .map_err(|_| ErrorCode::EntropyFailed.into())
}

/// n − 1.
const N_MINUS_1: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0x72, 0x03, 0xDF, 0x6B, 0x21, 0xC6, 0x05, 0x2B, 0x53, 0xBB, 0xF4, 0x09, 0x39, 0xD5, 0x41, 0x22,
];

/// `SM3(label) mod (n−1) + 1` (D33, D36, D37, D42).
pub(crate) fn test_scalar(label: &str) -> Zeroizing<[u8; 32]> {
    let digest = Sm3::digest(label.as_bytes());
    reduced_scalar(Zeroizing::new(digest.into()), &N_MINUS_1)
}

/// `value mod (n−1) + 1` for an order n above 2^255.
pub(crate) fn reduced_scalar(
    mut value: Zeroizing<[u8; 32]>,
    n_minus_1: &[u8; 32],
) -> Zeroizing<[u8; 32]> {
    // n−1 > 2^255: one subtraction reduces.
    if *value >= *n_minus_1 {
        let mut borrow = false;
        for (byte, minus) in value.iter_mut().zip(n_minus_1).rev() {
            let (first, b1) = byte.overflowing_sub(*minus);
            let (second, b2) = first.overflowing_sub(u8::from(borrow));
            *byte = second;
            borrow = b1 || b2;
        }
    }
    // value ≤ n−2, so the carry ends inside.
    for byte in value.iter_mut().rev() {
        let (sum, carry) = byte.overflowing_add(1);
        *byte = sum;
        if !carry {
            break;
        }
    }
    value
}

/// Lets crate `sm2` draw from the engine's source.
struct Rng<'a>(&'a mut dyn Entropy);

impl TryRng for Rng<'_> {
    type Error = EntropyError;

    fn try_next_u32(&mut self) -> Result<u32, EntropyError> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, EntropyError> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(buffer)
    }
}

impl TryCryptoRng for Rng<'_> {}
