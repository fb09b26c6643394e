//! What one connection holds. Wiped when dropped.

use super::hash::Running;
use crate::algorithms::{Cipher, Schedule, modes};
use crate::cipher::Block;
use crate::device::Outcome;
use crate::sm2key::Sm2Key;
use hsm_wire::device::{DeviceAnswer, Handle, Mode};
use hsm_wire::{ErrorCode, HsmError};
use std::collections::{BTreeMap, BTreeSet};

/// Session keys and agreements of one connection together.
const MAX_HANDLES: usize = 4096;

/// A connection's own part of the HSM. No `Debug`.
#[derive(Default)]
pub struct DeviceSession {
    /// The last handle given out.
    last: Handle,
    keys: BTreeMap<Handle, Schedule>,
    agreements: BTreeMap<Handle, Agreement>,
    rights: BTreeSet<u32>,
    pub(super) hash: Option<Running>,
}

/// A key agreement that waits for the other side.
pub(crate) struct Agreement {
    pub(super) index: u32,
    pub(super) identity: Vec<u8>,
    pub(super) temporary: Sm2Key,
}

/// What a request changes in the session, once it is durable.
pub(crate) enum Effect {
    None,
    Key(Schedule),
    /// A key in the place of the agreement that it ends.
    Agreed(Handle, Schedule),
    Agreement(Box<Agreement>),
    Destroy(Handle),
    Grant(u32),
    Release(u32),
    Hash(Option<Running>),
}

impl DeviceSession {
    /// Holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Encrypts or decrypts whole blocks in place under a session key.
    ///
    /// # Errors
    /// No such key here, or no whole blocks; then nothing has changed.
    pub fn cipher(
        &self,
        key: Handle,
        mode: Mode,
        decrypt: bool,
        iv: &mut Block,
        data: &mut [u8],
    ) -> Result<(), HsmError> {
        let key = self.key(key)?;
        whole_blocks(data)?;
        match (mode, decrypt) {
            (Mode::Ecb, false) => modes::ecb_encrypt(key, data),
            (Mode::Ecb, true) => modes::ecb_decrypt(key, data),
            (Mode::Cbc, false) => modes::cbc_encrypt(key, iv, data),
            (Mode::Cbc, true) => modes::cbc_decrypt(key, iv, data),
            (Mode::Cfb, false) => {
                modes::cfb_encrypt(key, iv, data);
                Ok(())
            }
            (Mode::Cfb, true) => {
                modes::cfb_decrypt(key, iv, data);
                Ok(())
            }
            (Mode::Ofb, _) => {
                modes::ofb(key, iv, data);
                Ok(())
            }
        }
        .map_err(|_| ErrorCode::NotWholeBlocks.into())
    }

    /// CBC-MAC over whole blocks; afterwards the IV is the MAC.
    ///
    /// # Errors
    /// As [`DeviceSession::cipher`].
    pub fn mac(&self, key: Handle, iv: &mut Block, data: &[u8]) -> Result<(), HsmError> {
        let key = self.key(key)?;
        whole_blocks(data)?;
        modes::cbc_mac(key, iv, data)
            .map(|_| ())
            .map_err(|_| ErrorCode::NotWholeBlocks.into())
    }

    pub(super) fn key(&self, handle: Handle) -> Result<&Schedule, HsmError> {
        self.keys
            .get(&handle)
            .ok_or_else(|| ErrorCode::NoSuchHandle.into())
    }

    pub(super) fn agreement(&self, handle: Handle) -> Result<&Agreement, HsmError> {
        self.agreements
            .get(&handle)
            .ok_or_else(|| ErrorCode::NoSuchHandle.into())
    }

    /// The handle that the next key or agreement gets, if there is room.
    pub(super) fn next(&self) -> Result<Handle, HsmError> {
        if self.keys.len() + self.agreements.len() >= MAX_HANDLES {
            return Err(ErrorCode::SessionFull.into());
        }
        Ok(self.last + 1)
    }

    pub(super) fn may_use(&self, index: u32) -> Result<(), HsmError> {
        if self.rights.contains(&index) {
            Ok(())
        } else {
            Err(HsmError::about(
                ErrorCode::NoAccessRight,
                &format!("index {index}"),
            ))
        }
    }

    pub(super) fn destroy(&self, handle: Handle) -> Outcome {
        if self.keys.contains_key(&handle) || self.agreements.contains_key(&handle) {
            Ok((Effect::Destroy(handle), DeviceAnswer::Done))
        } else {
            Err(ErrorCode::NoSuchHandle.into())
        }
    }

    /// Applies what was planned on this very session.
    pub(crate) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Key(key) => {
                self.last += 1;
                self.keys.insert(self.last, key);
            }
            Effect::Agreed(agreement, key) => {
                self.agreements.remove(&agreement);
                self.last += 1;
                self.keys.insert(self.last, key);
            }
            Effect::Agreement(agreement) => {
                self.last += 1;
                self.agreements.insert(self.last, *agreement);
            }
            Effect::Destroy(handle) => {
                self.keys.remove(&handle);
                self.agreements.remove(&handle);
            }
            Effect::Grant(index) => drop(self.rights.insert(index)),
            Effect::Release(index) => drop(self.rights.remove(&index)),
            Effect::Hash(hash) => self.hash = hash,
        }
    }
}

/// A session key from its bytes.
pub(super) fn session_key(bytes: &Block) -> Schedule {
    Schedule::of(Cipher::Sm4, bytes)
}

fn whole_blocks(data: &[u8]) -> Result<(), HsmError> {
    if data.is_empty() || !data.len().is_multiple_of(16) {
        return Err(ErrorCode::NotWholeBlocks.into());
    }
    Ok(())
}
