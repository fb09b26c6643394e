//! Keys from components: each custodian enters one, none knows another's, the XOR of all is the key.

use super::open_entry;
use crate::keys::{Key, Material};
use crate::orders::Planned;
use crate::orders::keys::check_new;
use crate::state::{Event, State, shown};
use hsm_wire::attributes::Origin;
use hsm_wire::custody::{CombinedKey, Confided, Entry};
use hsm_wire::officer::OrderDone;
use hsm_wire::{Algorithm, ErrorCode, Hex, HsmError};
use std::collections::BTreeSet;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Most keys of one order.
const MAX_KEYS: usize = 256;
/// Most custodians of one key.
const MAX_PARTS: usize = 16;

/// Combines all keys, or none. Each custodian gives one component of each key, with its check value.
pub(crate) fn combine(
    state: &State,
    now: u64,
    ceremony: Hex<32>,
    keys: Vec<CombinedKey>,
    entries: &[Entry],
) -> Planned {
    let names: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry.custodian.as_str())
        .collect();
    if entries.len() < 2 || entries.len() > MAX_PARTS || names.len() != entries.len() {
        return Err(ErrorCode::BadComponents.into());
    }
    if keys.is_empty() || keys.len() > MAX_KEYS {
        return Err(HsmError::about(ErrorCode::TooLarge, "keys"));
    }
    let confided = entries
        .iter()
        .map(|entry| open_entry(state, ceremony, entry))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut events, mut infos, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    for wanted in keys {
        let key = combined(state, now, ceremony, wanted, &confided)?;
        check_new(state, &key.info.id)?;
        if !ids.insert(key.info.id.clone()) {
            return Err(HsmError::about(ErrorCode::KeyExists, &key.info.id));
        }
        infos.push(key.info.clone());
        events.push(Event::KeyAdded(Box::new(key)));
    }
    Ok((events, OrderDone::Keys(infos)))
}

fn combined(
    state: &State,
    now: u64,
    ceremony: Hex<32>,
    wanted: CombinedKey,
    confided: &[Confided],
) -> Result<Key, HsmError> {
    let algorithm = wanted.attributes.algorithm;
    let bad = || HsmError::about(ErrorCode::BadComponents, &shown(&wanted.id));
    if !algorithm.is_block_cipher() {
        return Err(bad());
    }
    let mut parts: Vec<Zeroizing<[u8; 16]>> = Vec::with_capacity(confided.len());
    for person in confided {
        let part = component(person, &wanted.id, algorithm)?;
        if parts
            .iter()
            .any(|other| bool::from(other[..].ct_eq(&part[..])))
        {
            return Err(bad());
        }
        parts.push(part);
    }
    let mut whole = Zeroizing::new([0; 16]);
    for part in &parts {
        for (byte, other) in whole.iter_mut().zip(part.iter()) {
            *byte ^= other;
        }
    }
    if bool::from(whole[..].ct_eq(&[0; 16])) {
        return Err(bad());
    }
    let material = Material::from_bytes(algorithm, &whole[..])?;
    let key = Key::new(
        &wanted.id,
        wanted.attributes,
        state.mark,
        material,
        Origin::Components(ceremony),
        now,
    )?;
    if wanted
        .check_value
        .is_some_and(|known| known != key.info.check_value)
    {
        return Err(HsmError::about(ErrorCode::CheckValueMismatch, &key.info.id));
    }
    Ok(key)
}

/// One person's component of one key, if it is what its check value says.
fn component(
    person: &Confided,
    id: &str,
    algorithm: Algorithm,
) -> Result<Zeroizing<[u8; 16]>, HsmError> {
    let place = || format!("{} of {}", shown(id), shown(&person.custodian));
    let mut found = person.components.iter().filter(|part| part.key == id);
    let (Some(part), None) = (found.next(), found.next()) else {
        return Err(HsmError::about(ErrorCode::BadComponents, &place()));
    };
    let mut bytes = Zeroizing::new([0; 16]);
    hex::decode_to_slice(&part.bytes, &mut bytes[..])
        .map_err(|_| HsmError::about(ErrorCode::BadComponents, &place()))?;
    if Material::from_bytes(algorithm, &bytes[..])?.check_value()? != part.check_value {
        return Err(HsmError::about(ErrorCode::CheckValueMismatch, &place()));
    }
    Ok(bytes)
}
