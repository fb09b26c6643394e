//! A key object: its bytes and what is known of it; which attributes make sense together.

use crate::cipher::{BlockKey, Sm4Key};
use crate::control::{Control, enforced};
pub(crate) use crate::material::Material;
use crate::sm2key::Sm2Key;
use crate::state::Event;
pub(crate) use crate::uses::Uses;
use hsm_wire::attributes::{Hold, KeyInfo, Origin};
use hsm_wire::{Algorithm, ErrorCode, HsmError, KeyAttributes, Mark, Usage, valid_name};
use serde::{Deserialize, Serialize};

/// Deepest diversification that any profile knows, with room.
pub(crate) const MAX_DEPTH: u8 = 8;
/// Longest label of a test key.
pub(crate) const MAX_LABEL: usize = 128;

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
    /// Kept beside the key: keys of older stores have none.
    #[serde(skip)]
    pub(crate) hold: Hold,
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
        if attributes.not_after.is_some_and(|end| end <= created) {
            return Err(HsmError::about(
                ErrorCode::KeyExpired,
                "not_after lies in the past",
            ));
        }
        let info = KeyInfo {
            id: id.to_owned(),
            attributes,
            mark,
            check_value: material.check_value()?,
            public_key: material.public_key()?,
            origin,
            created,
            used: 0,
        };
        Ok(Self {
            info,
            material,
            hold: Hold::Free,
        })
    }

    /// The SM4 bytes; `NotPermitted` for another algorithm.
    pub(crate) fn sm4(&self) -> Result<&Sm4Key, HsmError> {
        match &self.material {
            Material::Sm4(key) => Ok(key),
            _ => Err(HsmError::about(ErrorCode::NotPermitted, &self.info.id)),
        }
    }

    /// The SM2 key; `NotPermitted` for another algorithm.
    pub(crate) fn sm2(&self) -> Result<&Sm2Key, HsmError> {
        match &self.material {
            Material::Sm2(key) => Ok(key),
            _ => Err(HsmError::about(ErrorCode::NotPermitted, &self.info.id)),
        }
    }

    /// The block cipher's key; `NotPermitted` for a key pair.
    pub(crate) fn block(&self) -> Result<BlockKey, HsmError> {
        self.material
            .block()
            .ok_or_else(|| HsmError::about(ErrorCode::NotPermitted, &self.info.id))
    }

    pub(crate) fn usage(&self) -> Usage {
        self.info.attributes.usage
    }

    /// Uses that are left after `planned` further ones; `None`: as many as wanted.
    pub(crate) fn uses_left(&self, planned: u64) -> Option<u64> {
        let quota = self.info.attributes.quota?;
        Some(quota.saturating_sub(self.info.used.saturating_add(planned)))
    }

    /// Whether it may be used now, when `planned` uses of the same call come before. A use that is made is counted with
    /// [`Key::use_event`].
    pub(crate) fn check_usable(&self, now: u64, planned: u64) -> Result<(), HsmError> {
        match self.hold {
            Hold::Free => {}
            Hold::Suspended => {
                return Err(HsmError::about(ErrorCode::KeySuspended, &self.info.id));
            }
            Hold::Barred => return Err(HsmError::about(ErrorCode::KeyBarred, &self.info.id)),
        }
        if self.info.attributes.not_after.is_some_and(|end| now > end) {
            return Err(HsmError::about(ErrorCode::KeyExpired, &self.info.id));
        }
        if self.uses_left(planned) == Some(0) && enforced(Control::Quota) {
            return Err(HsmError::about(ErrorCode::KeyUsedUp, &self.info.id));
        }
        Ok(())
    }

    /// What counts a use, of a key with a quota.
    pub(crate) fn use_event(&self) -> Option<Event> {
        let counted = self.info.attributes.quota.is_some();
        counted.then(|| Event::KeyUsed(self.info.id.clone()))
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
    if attributes.quota == Some(0) {
        return refuse("a quota of no use");
    }
    let stays = !loaded && attributes.depth == 0;
    match (attributes.algorithm.is_block_cipher(), attributes.usage) {
        (true, Usage::Derive) => Ok(()),
        (true, Usage::SessionBase(class)) if class.is_master() || !loaded => Ok(()),
        (true, Usage::SessionBase(_)) => refuse("a transport key is never loaded"),
        (true, Usage::Mac) if stays => Ok(()),
        (true, Usage::Mac) => refuse("a MAC key stays in HSMs, undiversified"),
        (true, Usage::KeyEncryption) if stays && attributes.algorithm == Algorithm::Sm4 => Ok(()),
        (true, Usage::KeyEncryption) => {
            refuse("a key encryption key is for SM4 and stays in HSMs, undiversified")
        }
        (true, Usage::Sign | Usage::SignByOrder | Usage::Decrypt) => {
            refuse("a block cipher's key neither signs nor opens envelopes")
        }
        (false, Usage::Sign | Usage::SignByOrder) if stays => Ok(()),
        (false, Usage::Decrypt) if stays && attributes.algorithm == Algorithm::Sm2 => Ok(()),
        (false, _) => refuse("a key pair signs (SM2: or decrypts), and stays in HSMs"),
    }
}

/// Longest catalogue name.
const MAX_NAME_BYTES: usize = hsm_wire::MAX_NAME;
