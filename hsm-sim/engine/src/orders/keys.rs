//! Making, loading, destroying and signing with keys.

use super::Planned;
use crate::keys::{Key, Material};
use crate::state::{Event, State};
use crate::world::World;
use hsm_wire::attributes::{Hold, Origin};
use hsm_wire::officer::{KeySource, OrderDone};
use hsm_wire::operator::SignInput;
use hsm_wire::{ErrorCode, HsmError, KeyAttributes, Mark, Usage};
use zeroize::Zeroizing;

const MAX_KEYS: usize = 1_000_000;
const MAX_MESSAGE: usize = 65_536;

pub(super) fn generate(
    state: &State,
    world: &mut World,
    id: &str,
    attributes: KeyAttributes,
    source: &KeySource,
) -> Planned {
    let material = Material::make(world, state.mark, attributes.algorithm, source)?;
    let origin = match source {
        KeySource::Random => Origin::Random,
        KeySource::TestFormula(label) => Origin::TestFormula(label.clone()),
    };
    added(
        state,
        Key::new(
            id,
            attributes,
            state.mark,
            material,
            origin,
            world.clock.now(),
        )?,
    )
}

/// Rule 4: raw only in TEST.
pub(super) fn import_raw(
    state: &State,
    world: &World,
    id: &str,
    attributes: KeyAttributes,
    bytes: String,
) -> Planned {
    let text = Zeroizing::new(bytes);
    if state.mark != Mark::Test {
        return Err(ErrorCode::TestOnly.into());
    }
    let bytes = hex::decode(text.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| HsmError::about(ErrorCode::BadRequest, "bytes are hexadecimal"))?;
    let material = Material::from_bytes(attributes.algorithm, &bytes)?;
    added(
        state,
        Key::new(
            id,
            attributes,
            state.mark,
            material,
            Origin::Raw,
            world.clock.now(),
        )?,
    )
}

fn added(state: &State, key: Key) -> Planned {
    check_new(state, &key.info.id)?;
    let info = key.info.clone();
    Ok((
        vec![Event::KeyAdded(Box::new(key))],
        OrderDone::Key(Box::new(info)),
    ))
}

/// Whether there is room for a key of this id.
pub(crate) fn check_new(state: &State, id: &str) -> Result<(), HsmError> {
    if state.keys.contains_key(id) {
        return Err(HsmError::about(ErrorCode::KeyExists, id));
    }
    if state.keys.len() >= MAX_KEYS {
        return Err(HsmError::about(ErrorCode::TooLarge, "keys"));
    }
    Ok(())
}

pub(super) fn destroy(state: &State, id: String) -> Planned {
    state.key(&id)?;
    Ok((vec![Event::KeyRemoved(id)], OrderDone::Done))
}

/// Out of use, or back; never back from barred.
pub(super) fn hold(state: &State, id: String, hold: Hold) -> Planned {
    let key = state.key(&id)?;
    if key.hold == Hold::Barred && hold != Hold::Barred {
        return Err(HsmError::about(ErrorCode::KeyBarred, &id));
    }
    Ok((vec![Event::KeyHeld(id, hold)], OrderDone::Done))
}

pub(super) fn sign(state: &State, now: u64, id: &str, message: &str) -> Planned {
    let key = state.key(id)?;
    if !matches!(key.usage(), Usage::Sign | Usage::SignByOrder) {
        return Err(HsmError::about(ErrorCode::NotPermitted, id));
    }
    key.check_usable(now, 0)?;
    if message.len() > 2 * MAX_MESSAGE {
        return Err(HsmError::about(ErrorCode::TooLarge, "message"));
    }
    let message = hex::decode(message)
        .map_err(|_| HsmError::about(ErrorCode::BadRequest, "message is hexadecimal"))?;
    let signatures = key.material.sign_all(&[SignInput::Message(message)])?;
    let signature = signatures.into_iter().next().ok_or(ErrorCode::Internal)?;
    Ok((
        key.use_event().into_iter().collect(),
        OrderDone::Signature(signature),
    ))
}
