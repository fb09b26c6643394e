//! The password that opens the private keys of an index for one connection. Officers set it; wrong ones are counted
//! durably, and after ten in a row none is right until officers set a new one.

use super::persistent::DeviceEvent;
use super::{Effect, Planned};
use crate::state::{Event, State};
use argon2::{Algorithm, Argon2, Params, Version};
use hsm_wire::device::{DeviceAnswer, MAX_WRONG_PASSWORDS, encryption_key, sign_key};
use hsm_wire::{ErrorCode, Hex, HsmError};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password has so many bytes.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;
/// Cost of a try: the verifier lies in the sealed store, and tries are counted.
const MEMORY_KIB: u32 = 1024;
const PASSES: u32 = 2;

/// `salt ‖ argon2id(password)`, what officers put into their order; `None`: not 8 to 128 bytes.
#[must_use]
pub fn index_password_verifier(password: &[u8], salt: [u8; 16]) -> Option<Hex<48>> {
    if !LENGTH.contains(&password.len()) {
        return None;
    }
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).ok()?;
    let mut verifier = [0; 48];
    verifier[..16].copy_from_slice(&salt);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, &salt, &mut verifier[16..])
        .ok()?;
    Some(Hex(verifier))
}

pub(super) fn access(state: &State, index: u32, password: &[u8]) -> Planned {
    let ids = [sign_key(index), encryption_key(index)];
    if !ids.iter().any(|id| state.keys.contains_key(id)) {
        let missing = HsmError::about(ErrorCode::NoSuchKey, &format!("index {index}"));
        return (Vec::new(), Err(missing));
    }
    let about = || HsmError::about(ErrorCode::WrongPassword, &format!("index {index}"));
    let Some(known) = state.device.password(index) else {
        return (Vec::new(), Err(about()));
    };
    if known.wrong >= MAX_WRONG_PASSWORDS {
        return (Vec::new(), Err(about()));
    }
    let mut salt = [0; 16];
    salt.copy_from_slice(&known.verifier.0[..16]);
    let given = index_password_verifier(password, salt).map(|given| Zeroizing::new(given.0));
    let right = given.is_some_and(|given| bool::from(given.ct_eq(&known.verifier.0)));
    let tried = |right| vec![Event::Device(DeviceEvent::PasswordTried { index, right })];
    match right {
        // Nothing to forget: no change.
        true if known.wrong == 0 => (Vec::new(), Ok((Effect::Grant(index), DeviceAnswer::Done))),
        true => (tried(true), Ok((Effect::Grant(index), DeviceAnswer::Done))),
        false => (tried(false), Err(about())),
    }
}
