//! A key object: its bytes and what is known of it; which attributes make sense together.

use crate::cipher::Sm4Key;
use crate::sm2key::{self, Sm2Key};
use crate::world::World;
use hsm_wire::attributes::{KeyInfo, Origin};
use hsm_wire::officer::KeySource;
use hsm_wire::{Algorithm, ErrorCode, Hex, HsmError, KeyAttributes, Mark, Usage, valid_name};
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};
use zeroize::Zeroizing;

/// Deepest diversification that any profile knows, with room.
pub(crate) const MAX_DEPTH: u8 = 8;
/// Longest label of a test key.
pub(crate) const MAX_LABEL: usize = 128;

/// Key bytes by algorithm.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Material {
    Sm4(Sm4Key),
    Sm2(Sm2Key),
}

impl Material {
    /// From bytes of the algorithm's length.
    pub(crate) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, HsmError> {
        let wrong = || HsmError::about(ErrorCode::BadAttributes, "key length");
        match algorithm {
            Algorithm::Sm4 => Ok(Self::Sm4(Sm4Key::new(
                bytes.try_into().map_err(|_| wrong())?,
            ))),
            Algorithm::Sm2 => Ok(Self::Sm2(Sm2Key::new(
                bytes.try_into().map_err(|_| wrong())?,
            )?)),
        }
    }

    pub(crate) fn make(
        world: &mut World,
        mark: Mark,
        algorithm: Algorithm,
        source: &KeySource,
    ) -> Result<Self, HsmError> {
        match (source, algorithm) {
            (KeySource::Random, Algorithm::Sm4) => Ok(Self::Sm4(Sm4Key::new(*world.secret()?))),
            (KeySource::Random, Algorithm::Sm2) => Ok(Self::Sm2(Sm2Key::random(world)?)),
            (KeySource::TestFormula(label), algorithm) => {
                check_test_label(mark, label)?;
                Ok(match algorithm {
                    Algorithm::Sm4 => Self::Sm4(test_block(label)),
                    Algorithm::Sm2 => Self::Sm2(Sm2Key::new(&sm2key::test_scalar(label))?),
                })
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Sm4(key) => key.expose(),
            Self::Sm2(key) => key.expose(),
        }
    }

    fn public_key(&self) -> Result<Option<Hex<64>>, HsmError> {
        match self {
            Self::Sm4(_) => Ok(None),
            Self::Sm2(key) => key.public_key().map(Some),
        }
    }

    pub(crate) fn check_value(&self) -> Result<Hex<3>, HsmError> {
        Ok(match self {
            Self::Sm4(key) => key.check_value(),
            Self::Sm2(key) => {
                let digest: [u8; 32] = Sm3::digest(key.public_key()?.0).into();
                let [a, b, c, ..] = digest;
                Hex([a, b, c])
            }
        })
    }
}

/// First 16 bytes of SM3(label) (D31, D32, D34).
fn test_block(label: &str) -> Sm4Key {
    let digest: Zeroizing<[u8; 32]> = Zeroizing::new(Sm3::digest(label.as_bytes()).into());
    let mut block = Zeroizing::new([0; 16]);
    block.copy_from_slice(&digest[..16]);
    Sm4Key::new(*block)
}

/// A test formula works in a TEST store, on a label that says so.
pub(crate) fn check_test_label(mark: Mark, label: &str) -> Result<(), HsmError> {
    if mark != Mark::Test {
        return Err(ErrorCode::TestOnly.into());
    }
    if label.starts_with("RHC-TEST-") && label.len() <= MAX_LABEL {
        Ok(())
    } else {
        Err(HsmError::about(
            ErrorCode::BadName,
            "label of a test key, which begins with RHC-TEST-",
        ))
    }
}

/// A key of the store.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) info: KeyInfo,
    pub(crate) material: Material,
}

impl Key {
    pub(crate) fn new(
        id: &str,
        attributes: KeyAttributes,
        mark: Mark,
        material: Material,
        origin: Origin,
        created: u64,
    ) -> Result<Self, HsmError> {
        if !valid_name(id) {
            return Err(HsmError::about(ErrorCode::BadName, "key id"));
        }
        check_attributes(&attributes)?;
        let info = KeyInfo {
            id: id.to_owned(),
            attributes,
            mark,
            check_value: material.check_value()?,
            public_key: material.public_key()?,
            origin,
            created,
        };
        Ok(Self { info, material })
    }

    /// The SM4 bytes; `NotPermitted` for another algorithm.
    pub(crate) fn sm4(&self) -> Result<&Sm4Key, HsmError> {
        match &self.material {
            Material::Sm4(key) => Ok(key),
            Material::Sm2(_) => Err(HsmError::about(ErrorCode::NotPermitted, &self.info.id)),
        }
    }

    /// The SM2 key; `NotPermitted` for another algorithm.
    pub(crate) fn sm2(&self) -> Result<&Sm2Key, HsmError> {
        match &self.material {
            Material::Sm2(key) => Ok(key),
            Material::Sm4(_) => Err(HsmError::about(ErrorCode::NotPermitted, &self.info.id)),
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.info.attributes.usage
    }
}

/// Usage fits the algorithm; only keys that are loaded leave to cards and SAMs; depths are sane.
pub(crate) fn check_attributes(attributes: &KeyAttributes) -> Result<(), HsmError> {
    let refuse = |what: &str| Err(HsmError::about(ErrorCode::BadAttributes, what));
    if attributes.name.is_empty() || attributes.name.len() > MAX_NAME_BYTES {
        return refuse("name");
    }
    let leaves = attributes.leaves;
    let depths = [Some(attributes.depth), leaves.hsm, leaves.sam, leaves.card];
    if depths.into_iter().flatten().any(|depth| depth > MAX_DEPTH) {
        return refuse("depth");
    }
    if leaves.card == Some(0) {
        return refuse("a card never receives an undiversified key");
    }
    let loaded = leaves.sam.is_some() || leaves.card.is_some();
    match (attributes.algorithm, attributes.usage) {
        (Algorithm::Sm4, Usage::Derive) => Ok(()),
        (Algorithm::Sm4, Usage::SessionBase(class)) if class.is_master() || !loaded => Ok(()),
        (Algorithm::Sm4, Usage::SessionBase(_)) => refuse("a transport key is never loaded"),
        (Algorithm::Sm4, Usage::Mac) if !loaded && attributes.depth == 0 => Ok(()),
        (Algorithm::Sm4, Usage::Mac) => refuse("a MAC key stays in HSMs, undiversified"),
        (Algorithm::Sm2, Usage::Sign | Usage::SignByOrder) if !loaded && attributes.depth == 0 => {
            Ok(())
        }
        (Algorithm::Sm2, _) => refuse("an SM2 key signs, and stays in HSMs"),
        (Algorithm::Sm4, Usage::Sign | Usage::SignByOrder) => refuse("an SM4 key does not sign"),
    }
}

/// Longest catalogue name.
const MAX_NAME_BYTES: usize = hsm_wire::MAX_NAME;
