//! SM2 key agreement (GM/T 0003.3) with the encryption key of an index; the agreed key becomes a session key.

use super::pairs::{decrypter, public_half};
use super::session::{Agreement, session_key};
use super::{DeviceSession, Effect, Outcome, too_large};
use crate::algorithms::Schedule;
use crate::exchange::{self, ExchangeError, Peer, Role};
use crate::sm2key::Sm2Key;
use crate::state::State;
use crate::world::World;
use hsm_wire::device::{AgreementPeer, DeviceAnswer, Handle, MAX_IDENTITY};
use hsm_wire::gm::PrivateKey;
use hsm_wire::{ErrorCode, HsmError};
use zeroize::Zeroizing;

fn check_identity(identity: &[u8]) -> Result<(), HsmError> {
    if identity.len() > MAX_IDENTITY {
        return Err(too_large("identity"));
    }
    Ok(())
}

/// The sponsor's first half.
pub(super) fn start(
    state: &State,
    world: &mut World,
    session: &DeviceSession,
    index: u32,
    identity: Vec<u8>,
) -> Outcome {
    check_identity(&identity)?;
    let key = decrypter(state, index)?;
    session.may_use(index)?;
    let handle = session.next()?;
    let temporary = Sm2Key::random(world)?;
    let answer = DeviceAnswer::Started {
        agreement: handle,
        public_key: public_half(key)?,
        temporary: temporary.public_key()?,
    };
    let agreement = Agreement {
        index,
        identity,
        temporary,
    };
    Ok((Effect::Agreement(Box::new(agreement)), answer))
}

/// The sponsor's second half; the agreement is spent when it succeeds.
pub(super) fn finish(
    state: &State,
    session: &DeviceSession,
    handle: Handle,
    peer: &AgreementPeer,
) -> Outcome {
    let Agreement {
        index,
        identity,
        temporary,
    } = session.agreement(handle)?;
    let own = decrypter(state, *index)?.sm2()?;
    session.may_use(*index)?;
    let made = session.next()?;
    let key = agree(Role::Sponsor, identity, own, temporary, peer)?;
    Ok((Effect::Agreed(handle, key), DeviceAnswer::Key(made)))
}

/// The responder's only step.
pub(super) fn answer(
    state: &State,
    world: &mut World,
    session: &DeviceSession,
    index: u32,
    identity: &[u8],
    peer: &AgreementPeer,
) -> Outcome {
    check_identity(identity)?;
    let key = decrypter(state, index)?;
    session.may_use(index)?;
    let handle = session.next()?;
    let temporary = Sm2Key::random(world)?;
    let agreed = agree(Role::Responder, identity, key.sm2()?, &temporary, peer)?;
    let answer = DeviceAnswer::Answered {
        key: handle,
        public_key: public_half(key)?,
        temporary: temporary.public_key()?,
    };
    Ok((Effect::Key(agreed), answer))
}

fn agree(
    role: Role,
    identity: &[u8],
    own: &Sm2Key,
    temporary: &Sm2Key,
    peer: &AgreementPeer,
) -> Result<Schedule, HsmError> {
    check_identity(&peer.identity)?;
    let private = |key: &Sm2Key| PrivateKey::from_bytes(key.expose());
    let own = private(own).map_err(|_| ErrorCode::Internal)?;
    let temporary = private(temporary).map_err(|_| ErrorCode::Internal)?;
    let other = Peer {
        identity: &peer.identity,
        public_key: &peer.public_key,
        temporary: &peer.temporary,
    };
    let agreed = exchange::agree(role, identity, &own, temporary, &other, 16).map_err(|error| {
        HsmError::from(match error {
            ExchangeError::PublicKey | ExchangeError::Infinity => ErrorCode::BadPublicKey,
            ExchangeError::Length => ErrorCode::TooLarge,
        })
    })?;
    let key: Zeroizing<[u8; 16]> =
        Zeroizing::new(agreed.key[..].try_into().map_err(|_| ErrorCode::Internal)?);
    Ok(session_key(&key))
}
