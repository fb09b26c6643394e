//! The bytes of a key by algorithm, and what each algorithm does with them.

use crate::algorithms::Cipher;
use crate::algorithms::p256key::{self, P256Key};
use crate::cipher::{AesKey, BlockKey, Sm4Key};
use crate::keys::check_test_label;
use crate::sm2key::{self, Sm2Key};
use crate::world::World;
use hsm_wire::fill::Factor;
use hsm_wire::officer::KeySource;
use hsm_wire::operator::SignInput;
use hsm_wire::{Algorithm, ErrorCode, Hex, HsmError, Mark};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sm3::Sm3;
use zeroize::Zeroizing;

/// Key bytes by algorithm. New variants go to the end: their place is their number in the store.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Material {
    Sm4(Sm4Key),
    Sm2(Sm2Key),
    Aes128(AesKey),
    P256(P256Key),
}

impl Material {
    /// From bytes of the algorithm's length.
    pub(crate) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, HsmError> {
        let wrong = |_| HsmError::about(ErrorCode::BadAttributes, "key length");
        Ok(match algorithm {
            Algorithm::Sm4 => Self::Sm4(Sm4Key::new(bytes.try_into().map_err(wrong)?)),
            Algorithm::Aes128 => Self::Aes128(AesKey::new(bytes.try_into().map_err(wrong)?)),
            Algorithm::Sm2 => Self::Sm2(Sm2Key::new(bytes.try_into().map_err(wrong)?)?),
            Algorithm::P256 => Self::P256(P256Key::new(bytes.try_into().map_err(wrong)?)?),
        })
    }

    pub(crate) fn make(
        world: &mut World,
        mark: Mark,
        algorithm: Algorithm,
        source: &KeySource,
    ) -> Result<Self, HsmError> {
        match source {
            KeySource::Random => Ok(match algorithm {
                Algorithm::Sm4 => Self::Sm4(Sm4Key::new(*world.secret()?)),
                Algorithm::Aes128 => Self::Aes128(AesKey::new(*world.secret()?)),
                Algorithm::Sm2 => Self::Sm2(Sm2Key::random(world)?),
                Algorithm::P256 => Self::P256(P256Key::random(world)?),
            }),
            KeySource::TestFormula(label) => {
                check_test_label(mark, label)?;
                let digest: Zeroizing<[u8; 32]> = Zeroizing::new(match algorithm {
                    Algorithm::Sm4 => Sm3::digest(label.as_bytes()).into(),
                    Algorithm::Aes128 => Sha256::digest(label.as_bytes()).into(),
                    Algorithm::Sm2 => *sm2key::test_scalar(label),
                    Algorithm::P256 => *p256key::test_scalar(label),
                });
                // D31, D32, D34: the first 16 bytes of the hash.
                let length = if algorithm.is_block_cipher() { 16 } else { 32 };
                Self::from_bytes(algorithm, &digest[..length])
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Sm4(key) => key.expose(),
            Self::Aes128(key) => key.expose(),
            Self::Sm2(key) => key.expose(),
            Self::P256(key) => key.expose(),
        }
    }

    /// The block cipher's key; `None` for a key pair.
    pub(crate) fn block(&self) -> Option<BlockKey> {
        match self {
            Self::Sm4(key) => Some(BlockKey::new(Cipher::Sm4, *key.expose())),
            Self::Aes128(key) => Some(BlockKey::new(Cipher::Aes128, *key.expose())),
            Self::Sm2(_) | Self::P256(_) => None,
        }
    }

    /// This key diversified; a key pair only without factors.
    pub(crate) fn diversified(&self, factors: &[Factor]) -> Option<Self> {
        Some(match (self, self.block()) {
            (Self::Sm4(_), Some(key)) => Self::Sm4(Sm4Key::new(*key.diversify(factors).expose())),
            (Self::Aes128(_), Some(key)) => {
                Self::Aes128(AesKey::new(*key.diversify(factors).expose()))
            }
            (pair, _) if factors.is_empty() => pair.clone(),
            _ => return None,
        })
    }

    pub(crate) fn public_key(&self) -> Result<Option<Hex<64>>, HsmError> {
        match self {
            Self::Sm4(_) | Self::Aes128(_) => Ok(None),
            Self::Sm2(key) => key.public_key().map(Some),
            Self::P256(key) => key.public_key().map(Some),
        }
    }

    pub(crate) fn check_value(&self) -> Result<Hex<3>, HsmError> {
        let digest: [u8; 32] = match self {
            Self::Sm4(_) | Self::Aes128(_) => {
                return Ok(self.block().ok_or(ErrorCode::Internal)?.check_value());
            }
            Self::Sm2(key) => Sm3::digest(key.public_key()?.0).into(),
            Self::P256(key) => Sha256::digest(key.public_key()?.0).into(),
        };
        let [a, b, c, ..] = digest;
        Ok(Hex([a, b, c]))
    }

    /// r ‖ s over each message, or each *e*; many are made on all cores. `NotPermitted` for a block cipher.
    pub(crate) fn sign_all(&self, inputs: &[SignInput]) -> Result<Vec<Hex<64>>, HsmError> {
        let digests: Vec<[u8; 32]> = match self {
            Self::Sm2(key) => key.digests(inputs)?,
            Self::P256(_) => inputs.iter().map(sha256).collect(),
            Self::Sm4(_) | Self::Aes128(_) => return Err(ErrorCode::NotPermitted.into()),
        };
        let part = |digests: &[[u8; 32]]| match self {
            Self::Sm2(key) => key.sign_digests(digests),
            Self::P256(key) => digests.iter().map(|e| key.sign_digest(e)).collect(),
            Self::Sm4(_) | Self::Aes128(_) => Err(ErrorCode::NotPermitted.into()),
        };
        if digests.len() < WORTH_THREADS {
            return part(&digests);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let size = digests.len().div_ceil(cores);
        std::thread::scope(|scope| {
            let parts: Vec<_> = digests
                .chunks(size)
                .map(|digests| scope.spawn(|| part(digests)))
                .collect();
            let mut all = Vec::with_capacity(inputs.len());
            for made in parts {
                all.extend(made.join().map_err(|_| ErrorCode::Internal)??);
            }
            Ok(all)
        })
    }
}

/// Fewer signatures than this are made faster than threads start.
const WORTH_THREADS: usize = 16;

fn sha256(input: &SignInput) -> [u8; 32] {
    match input {
        SignInput::Message(message) => Sha256::digest(message).into(),
        SignInput::Digest(e) => *e,
    }
}
