//! A back-up: keys sealed with SM4-GCM under a fresh key, bound to a label that names them, the HSM, the mark and the
//! ceremony. The fresh key exists in shares only.

use super::{custodians, refusal};
use crate::cipher::Sm4Key;
use crate::keys::{Key, Material};
use crate::orders::Planned;
use crate::orders::keys::check_new;
use crate::shares::{self, BACKUP_FORMAT, Secret, ShareFile};
use crate::state::{Event, State, shown};
use crate::world::World;
use hsm_wire::attributes::{KeyInfo, Origin};
use hsm_wire::custody::{BackedUp, Custody};
use hsm_wire::officer::OrderDone;
use hsm_wire::{ErrorCode, Hex, HsmError, KeyAttributes, Mark};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const FORMAT: &str = "rhc-hsm-backup-1";
const MAX_KEYS: usize = 1024;

/// What is bound into the seal.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    format: String,
    hsm: Hex<32>,
    mark: Mark,
    ceremony: Hex<32>,
    splitting: Hex<16>,
    threshold: u8,
    custodians: Vec<String>,
    keys: Vec<Kept>,
}

/// A key of a back-up, but for its bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    id: String,
    attributes: KeyAttributes,
    check_value: Hex<3>,
}

/// The back-up's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    label: Label,
    nonce: Hex<12>,
    /// Ciphertext ‖ tag, hexadecimal.
    sealed: String,
}

/// Keys on their way into a back-up or out of one.
pub(super) struct Keys(Vec<(Kept, Material)>);

/// The keys of these ids. One with a quota stays: restored, it would have uses back that are spent.
pub(super) fn chosen(state: &State, ids: &[String]) -> Result<Keys, HsmError> {
    let different: BTreeSet<&String> = ids.iter().collect();
    if ids.is_empty() || ids.len() > MAX_KEYS || different.len() != ids.len() {
        return Err(HsmError::about(ErrorCode::BadRequest, "keys of a back-up"));
    }
    let keys = ids.iter().map(|id| {
        let key = state.key(id)?;
        if key.info.attributes.quota.is_some() {
            return Err(HsmError::about(ErrorCode::NotPermitted, id));
        }
        let kept = Kept {
            id: id.clone(),
            attributes: key.info.attributes.clone(),
            check_value: key.info.check_value,
        };
        Ok((kept, key.material.clone()))
    });
    keys.collect::<Result<_, _>>().map(Keys)
}

/// Seals keys under a fresh key and deals this to the custodians.
pub(super) fn seal(
    state: &State,
    world: &mut World,
    ceremony: Hex<32>,
    Keys(keys): Keys,
    custody: &Custody,
) -> Result<BackedUp, HsmError> {
    let (named, memory_kib) = custodians(state, ceremony, custody)?;
    let fresh = Sm4Key::new(*world.secret()?);
    let secret = Secret {
        format: BACKUP_FORMAT,
        of: ceremony,
        bytes: fresh.expose(),
        memory_kib,
    };
    let files = shares::deal(&secret, custody.threshold, &named, world).map_err(refusal)?;
    let splitting = files.first().ok_or(ErrorCode::BadCustody)?.splitting();
    let label = Label {
        format: FORMAT.to_owned(),
        hsm: state.id(),
        mark: state.mark,
        ceremony,
        splitting,
        threshold: custody.threshold,
        custodians: named.iter().map(|(name, _)| name.clone()).collect(),
        keys: keys.iter().map(|(kept, _)| kept.clone()).collect(),
    };
    let materials: Vec<&Material> = keys.iter().map(|(_, material)| material).collect();
    let plain = packed(&materials)?;
    let nonce = world.random()?;
    let sealed = fresh
        .seal(&nonce, &bound(&label)?, &plain)
        .ok_or(ErrorCode::Internal)?;
    let file = File {
        label,
        nonce: Hex(nonce),
        sealed: hex::encode_upper(sealed),
    };
    let text = |file: &ShareFile| {
        let text = file.to_json().map_err(refusal)?;
        let text = String::from_utf8(text).map_err(|_| ErrorCode::Internal)?;
        Ok((file.custodian().to_owned(), text))
    };
    Ok(BackedUp {
        backup: serde_json::to_string_pretty(&file).map_err(|_| ErrorCode::Internal)?,
        shares: files.iter().map(text).collect::<Result<_, HsmError>>()?,
    })
}

/// In a buffer of its full size at once: a growing one would leave copies behind.
fn packed(materials: &[&Material]) -> Result<Zeroizing<Vec<u8>>, HsmError> {
    let length = postcard::experimental::serialized_size(materials)
        .map_err(|_| HsmError::from(ErrorCode::Internal))?;
    let mut plain = Zeroizing::new(vec![0; length]);
    postcard::to_slice(materials, &mut plain).map_err(|_| HsmError::from(ErrorCode::Internal))?;
    Ok(plain)
}

fn bound(label: &Label) -> Result<Vec<u8>, HsmError> {
    serde_json::to_vec(label).map_err(|_| ErrorCode::Internal.into())
}

/// Opens a back-up of this mark with enough shares of its own.
pub(super) fn open(
    state: &State,
    text: &str,
    parts: &[(ShareFile, Zeroizing<Vec<u8>>)],
) -> Result<Keys, HsmError> {
    let altered = || HsmError::from(ErrorCode::BackupAltered);
    let file: File = serde_json::from_str(text).map_err(|_| altered())?;
    let label = &file.label;
    if label.format != FORMAT || label.keys.len() > MAX_KEYS {
        return Err(altered());
    }
    if label.mark != state.mark {
        return Err(ErrorCode::MarkMismatch.into());
    }
    if let Some((foreign, _)) = parts.iter().find(|(s, _)| s.splitting() != label.splitting) {
        let name = shown(foreign.custodian());
        return Err(HsmError::about(ErrorCode::ForeignShare, &name));
    }
    let (of, bytes) = shares::gather(BACKUP_FORMAT, parts).map_err(refusal)?;
    let key: [u8; 16] = bytes.as_slice().try_into().map_err(|_| altered())?;
    let key = Sm4Key::new(key);
    let sealed = hex::decode(&file.sealed).map_err(|_| altered())?;
    let plain = key
        .open(&file.nonce.0, &bound(label)?, &sealed)
        .ok_or_else(altered)?;
    let materials: Vec<Material> = postcard::from_bytes(&plain).map_err(|_| altered())?;
    if materials.len() != label.keys.len() || of != label.ceremony {
        return Err(altered());
    }
    Ok(Keys(label.keys.iter().cloned().zip(materials).collect()))
}

/// Keys that are here already, the same, stay as they are: a restore that was cut off goes on.
pub(super) fn restore(
    state: &State,
    now: u64,
    ceremony: Hex<32>,
    text: &str,
    parts: &[(ShareFile, Zeroizing<Vec<u8>>)],
) -> Planned {
    let Keys(keys) = open(state, text, parts)?;
    let (mut events, mut infos): (Vec<Event>, Vec<KeyInfo>) = (Vec::new(), Vec::new());
    for (kept, material) in keys {
        if let Ok(here) = state.key(&kept.id) {
            let same = here.info.check_value == kept.check_value
                && here.info.attributes == kept.attributes
                && bool::from(here.material.bytes().ct_eq(material.bytes()));
            if !same {
                return Err(HsmError::about(ErrorCode::KeyExists, &kept.id));
            }
            infos.push(here.info.clone());
            continue;
        }
        check_new(state, &kept.id)?;
        let origin = Origin::Restored(ceremony);
        let key = Key::new(&kept.id, kept.attributes, state.mark, material, origin, now)?;
        if key.info.check_value != kept.check_value {
            return Err(HsmError::about(ErrorCode::CheckValueMismatch, &kept.id));
        }
        infos.push(key.info.clone());
        events.push(Event::KeyAdded(Box::new(key)));
    }
    Ok((events, OrderDone::Keys(infos)))
}
