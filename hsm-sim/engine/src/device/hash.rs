//! A hash that is fed piece by piece.

use super::{Outcome, too_large};
use crate::device::Effect;
use crate::exchange::identity_hash;
use hsm_wire::device::{DeviceAnswer, Hash, MAX_DATA, Secret};
use hsm_wire::{ErrorCode, Hex, HsmError, gm};
use sha2::Sha256;
use sm3::{Digest, Sm3};

/// A hash that was begun.
#[derive(Clone)]
pub(crate) enum Running {
    Sm3(Sm3),
    Sha256(Sha256),
}

impl Running {
    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Sm3(hash) => hash.update(data),
            Self::Sha256(hash) => hash.update(data),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sm3(hash) => hash.finalize().to_vec(),
            Self::Sha256(hash) => hash.finalize().to_vec(),
        }
    }
}

/// A hash that was running is given up.
pub(super) fn begin(hash: Hash, signer: Option<&(Hex<64>, Secret)>) -> Outcome {
    let mut running = match hash {
        Hash::Sm3 => Running::Sm3(Sm3::new()),
        Hash::Sha256 => Running::Sha256(Sha256::new()),
    };
    if let Some((public_key, identity)) = signer {
        if hash != Hash::Sm3 {
            return Err(HsmError::about(ErrorCode::BadRequest, "ZA is of SM3"));
        }
        gm::check_public_key(public_key).map_err(|_| ErrorCode::BadPublicKey)?;
        let za = identity_hash(&identity.0, public_key).map_err(|_| too_large("identity"))?;
        running.update(&za);
    }
    Ok((Effect::Hash(Some(running)), DeviceAnswer::Done))
}

pub(super) fn update(running: Option<&Running>, data: &[u8]) -> Outcome {
    if data.len() > MAX_DATA {
        return Err(too_large("data"));
    }
    let mut running = running.ok_or(ErrorCode::OutOfStep)?.clone();
    running.update(data);
    Ok((Effect::Hash(Some(running)), DeviceAnswer::Done))
}

pub(super) fn finish(running: Option<&Running>) -> Outcome {
    let running = running.ok_or(ErrorCode::OutOfStep)?.clone();
    let digest = Secret(running.finish());
    Ok((Effect::Hash(None), DeviceAnswer::Bytes(digest)))
}
