//! The key pairs of an index: public halves, signatures.

use super::{DeviceSession, Effect, Outcome, local};
use crate::keys::Key;
use crate::sm2key::Sm2Key;
use crate::state::State;
use crate::world::World;
use hsm_wire::device::{DeviceAnswer, Pair, Secret, encryption_key, kek, sign_key};
use hsm_wire::{Algorithm, ErrorCode, Hex, HsmError, Usage};

/// The key of an index, if it is what an index of this kind must be.
fn indexed<'a>(
    state: &'a State,
    id: &str,
    algorithm: Algorithm,
    usage: Usage,
) -> Result<&'a Key, HsmError> {
    let key = state.key(id)?;
    let attributes = &key.info.attributes;
    if attributes.algorithm != algorithm || attributes.usage != usage {
        return Err(HsmError::about(ErrorCode::KeyTypeMismatch, id));
    }
    Ok(key)
}

pub(super) fn signer(state: &State, index: u32) -> Result<&Key, HsmError> {
    indexed(state, &sign_key(index), Algorithm::Sm2, Usage::Sign)
}

pub(super) fn decrypter(state: &State, index: u32) -> Result<&Key, HsmError> {
    indexed(
        state,
        &encryption_key(index),
        Algorithm::Sm2,
        Usage::Decrypt,
    )
}

pub(super) fn wrapper(state: &State, index: u32) -> Result<&Key, HsmError> {
    indexed(state, &kek(index), Algorithm::Sm4, Usage::KeyEncryption)
}

/// X ‖ Y of a key pair.
pub(super) fn public_half(key: &Key) -> Result<Hex<64>, HsmError> {
    key.info
        .public_key
        .ok_or_else(|| ErrorCode::Internal.into())
}

pub(super) fn public_key(state: &State, index: u32, pair: Pair) -> Outcome {
    let key = match pair {
        Pair::Sign => signer(state, index),
        Pair::Encrypt => decrypter(state, index),
    }?;
    Ok((Effect::None, DeviceAnswer::Public(public_half(key)?)))
}

/// A pair that the caller takes away; no key of the HSM.
pub(super) fn generate(world: &mut World) -> Outcome {
    let key = Sm2Key::random(world)?;
    let private = Secret(key.expose().to_vec());
    Ok((Effect::None, DeviceAnswer::Pair(key.public_key()?, private)))
}

pub(super) fn sign(state: &State, session: &DeviceSession, index: u32, e: &Hex<32>) -> Outcome {
    let key = signer(state, index)?;
    session.may_use(index)?;
    let signature = key.sm2()?.sign_digest(&e.0)?;
    Ok((Effect::None, DeviceAnswer::Signature(signature)))
}

pub(super) fn verify(state: &State, index: u32, e: &Hex<32>, signature: &Hex<64>) -> Outcome {
    local::verify_with(&public_half(signer(state, index)?)?, e, signature)
}
