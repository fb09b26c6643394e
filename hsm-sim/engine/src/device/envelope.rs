//! SM2 envelopes of an index, and session keys in them or under a key encryption key.

use super::pairs::{decrypter, public_half, wrapper};
use super::session::session_key;
use super::{DeviceSession, Effect, Outcome, too_large};
use crate::sm2key;
use crate::state::State;
use crate::world::World;
use hsm_wire::device::{DeviceAnswer, Envelope, MAX_SM2_PLAIN, Secret};
use hsm_wire::{ErrorCode, Hex, HsmError, gm};
use zeroize::Zeroizing;

fn seal(world: &mut World, public_key: &Hex<64>, plain: &[u8]) -> Result<Envelope, HsmError> {
    if !(1..=MAX_SM2_PLAIN).contains(&plain.len()) {
        return Err(too_large("1 to 4096 bytes under an SM2 key"));
    }
    gm::check_public_key(public_key).map_err(|_| ErrorCode::BadPublicKey)?;
    let sealed = sm2key::encrypt(world, public_key, plain)?;
    let (point, rest) = sealed
        .strip_prefix(&[4])
        .and_then(<[u8]>::split_first_chunk::<64>)
        .ok_or(ErrorCode::Internal)?;
    let (check, cipher) = rest.split_first_chunk::<32>().ok_or(ErrorCode::Internal)?;
    Ok(Envelope {
        point: Hex(*point),
        check: Hex(*check),
        cipher: cipher.to_vec(),
    })
}

/// Opens an envelope with the private key of an index, to which the session has the right.
fn open(
    state: &State,
    session: &DeviceSession,
    index: u32,
    envelope: &Envelope,
) -> Result<Zeroizing<Vec<u8>>, HsmError> {
    let key = decrypter(state, index)?;
    session.may_use(index)?;
    if !(1..=MAX_SM2_PLAIN).contains(&envelope.cipher.len()) {
        return Err(ErrorCode::BadEnvelope.into());
    }
    let mut bytes = Vec::with_capacity(97 + envelope.cipher.len());
    bytes.push(4);
    bytes.extend_from_slice(&envelope.point.0);
    bytes.extend_from_slice(&envelope.check.0);
    bytes.extend_from_slice(&envelope.cipher);
    key.sm2()?
        .decrypt(&bytes)
        .ok_or_else(|| ErrorCode::BadEnvelope.into())
}

pub(super) fn encrypt_for_index(
    state: &State,
    world: &mut World,
    index: u32,
    plain: &[u8],
) -> Outcome {
    let public_key = public_half(decrypter(state, index)?)?;
    encrypt_for(world, &public_key, plain)
}

pub(super) fn encrypt_for(world: &mut World, public_key: &Hex<64>, plain: &[u8]) -> Outcome {
    let envelope = seal(world, public_key, plain)?;
    Ok((Effect::None, DeviceAnswer::Envelope(envelope)))
}

pub(super) fn decrypt(
    state: &State,
    session: &DeviceSession,
    index: u32,
    envelope: &Envelope,
) -> Outcome {
    let mut plain = open(state, session, index, envelope)?;
    let plain = Secret(std::mem::take(&mut *plain));
    Ok((Effect::None, DeviceAnswer::Bytes(plain)))
}

pub(super) fn generate_for_index(
    state: &State,
    world: &mut World,
    session: &DeviceSession,
    index: u32,
) -> Outcome {
    let public_key = public_half(decrypter(state, index)?)?;
    generate_for(world, session, &public_key)
}

pub(super) fn generate_for(
    world: &mut World,
    session: &DeviceSession,
    public_key: &Hex<64>,
) -> Outcome {
    let handle = session.next()?;
    let key = world.secret::<16>()?;
    let envelope = seal(world, public_key, &key[..])?;
    Ok((
        Effect::Key(session_key(&key)),
        DeviceAnswer::Enveloped(handle, envelope),
    ))
}

pub(super) fn import(
    state: &State,
    session: &DeviceSession,
    index: u32,
    envelope: &Envelope,
) -> Outcome {
    let handle = session.next()?;
    let plain = open(state, session, index, envelope)?;
    let key: Zeroizing<[u8; 16]> =
        Zeroizing::new(plain[..].try_into().map_err(|_| ErrorCode::BadEnvelope)?);
    Ok((Effect::Key(session_key(&key)), DeviceAnswer::Key(handle)))
}

pub(super) fn exchange(
    state: &State,
    world: &mut World,
    session: &DeviceSession,
    index: u32,
    public_key: &Hex<64>,
    envelope: &Envelope,
) -> Outcome {
    let plain = open(state, session, index, envelope)?;
    encrypt_for(world, public_key, &plain)
}

pub(super) fn generate_under_kek(
    state: &State,
    world: &mut World,
    session: &DeviceSession,
    kek: u32,
) -> Outcome {
    let wrapper = wrapper(state, kek)?.sm4()?;
    let handle = session.next()?;
    let key = world.secret::<16>()?;
    let wrapped = Hex(wrapper.encrypt(&key));
    Ok((
        Effect::Key(session_key(&key)),
        DeviceAnswer::Wrapped(handle, wrapped),
    ))
}

pub(super) fn import_under_kek(
    state: &State,
    session: &DeviceSession,
    kek: u32,
    wrapped: &Hex<16>,
) -> Outcome {
    let wrapper = wrapper(state, kek)?.sm4()?;
    let handle = session.next()?;
    let key = Zeroizing::new(wrapper.schedule().decrypt(&wrapped.0));
    Ok((Effect::Key(session_key(&key)), DeviceAnswer::Key(handle)))
}
