//! Packages: keys from one HSM to another (D27, format in `hsm_wire::package`).

use super::Planned;
use super::keys::check_new;
use crate::cipher::Sm4Key;
use crate::control::{Control, enforced};
use crate::keys::{Key, Material, Uses};
use crate::lease;
use crate::sm2key;
use crate::state::{Event, Peer, State, shown};
use crate::world::World;
use hsm_wire::attributes::{KeyInfo, Origin};
use hsm_wire::officer::{ExportEntry, ImportReport, OrderDone, PeerKind};
use hsm_wire::package::{EntryHeader, FORMAT, PackageBody, PackageEntry, PackageFile, read};
use hsm_wire::{BaseClass, ErrorCode, Hex, HsmError, KeyAttributes, Usage, gm, valid_name};
use sm3::{Digest, Sm3};
use std::collections::BTreeSet;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const MAX_ENTRIES: usize = 1024;
const MAX_FACTORS: usize = 4;
const MAX_PAYLOAD: usize = 65_536;
const MAX_PURPOSE: usize = 256;

/// Makes a package for a lower HSM.
pub(super) fn export(
    state: &State,
    world: &mut World,
    receiver: &str,
    purpose: String,
    entries: &[ExportEntry],
    payload: String,
) -> Planned {
    let peer = state.peer(receiver)?;
    if peer.kind != PeerKind::Lower {
        return Err(HsmError::about(ErrorCode::WrongPeerKind, receiver));
    }
    if entries.is_empty()
        || entries.len() > MAX_ENTRIES
        || purpose.len() > MAX_PURPOSE
        || payload.len() > 2 * MAX_PAYLOAD
    {
        return Err(HsmError::about(
            ErrorCode::TooLarge,
            "entries, purpose or payload",
        ));
    }
    hex::decode(&payload)
        .map_err(|_| HsmError::about(ErrorCode::BadRequest, "payload is hexadecimal"))?;
    // Who must stop hands nothing on either.
    lease::check(
        state,
        world.clock.now(),
        0,
        entries.iter().map(|e| e.key.as_str()),
    )?;
    let envelope_key = Sm4Key::new(*world.secret()?);
    let envelope = sm2key::encrypt(world, &peer.encryption_key, envelope_key.expose())?;
    let mut uses = Uses::default();
    let wrapped = entries
        .iter()
        .map(|entry| wrap(state, world, &envelope_key, entry, &mut uses))
        .collect::<Result<_, _>>()?;
    let body = PackageBody {
        format: FORMAT.to_owned(),
        mark: state.mark,
        sender: state.id(),
        receiver: peer.fingerprint,
        purpose,
        sequence: peer.sent + 1,
        previous: peer.sent_hash,
        created: world.clock.now(),
        envelope: hex::encode_upper(envelope),
        entries: wrapped,
        payload,
        lease: lease::for_package(state, receiver)?,
    };
    let body = serde_json::to_string(&body).map_err(|_| ErrorCode::Internal)?;
    let hash = Hex(Sm3::digest(&body).into());
    let signature = state.signing.sign(body.as_bytes())?;
    let text =
        serde_json::to_string(&PackageFile { body, signature }).map_err(|_| ErrorCode::Internal)?;
    let event = Event::PackageSent {
        peer: receiver.to_owned(),
        hash,
        text: text.clone(),
    };
    let mut events = uses.into_events();
    events.push(event);
    Ok((events, OrderDone::Package(text)))
}

/// One key: may it leave at this depth, and with which attributes; then under the envelope key, bound to its header.
fn wrap(
    state: &State,
    world: &mut World,
    envelope: &Sm4Key,
    entry: &ExportEntry,
    uses: &mut Uses,
) -> Result<PackageEntry, HsmError> {
    let key = state.key(&entry.key)?;
    uses.take(key, world.clock.now())?;
    if entry.factors.len() > MAX_FACTORS || !valid_name(&entry.new_id) {
        return Err(HsmError::about(ErrorCode::BadName, &shown(&entry.new_id)));
    }
    let old = &key.info.attributes;
    let depth = old
        .depth
        .saturating_add(u8::try_from(entry.factors.len()).unwrap_or(u8::MAX));
    let minimum = match old.leaves.hsm {
        Some(minimum) => minimum,
        None if enforced(Control::Export) => {
            return Err(HsmError::about(ErrorCode::NotPermitted, &entry.key));
        }
        None => 0,
    };
    if depth < minimum {
        return Err(HsmError::about(ErrorCode::DepthTooSmall, &entry.key));
    }
    let leaves = entry.leaves.unwrap_or(old.leaves);
    if !leaves.within(old.leaves) {
        return Err(HsmError::about(ErrorCode::NotPermitted, &entry.key));
    }
    let attributes = KeyAttributes {
        depth,
        leaves,
        // What is left here, this hand-down counted.
        quota: key.uses_left(uses.of(&entry.key)),
        ..old.clone()
    };
    crate::keys::check_attributes(&attributes)?;
    let factors: Vec<_> = entry.factors.iter().map(|factor| factor.0).collect();
    let material = key
        .material
        .diversified(&factors)
        .ok_or_else(|| HsmError::about(ErrorCode::NotPermitted, &entry.key))?;
    let header = EntryHeader {
        id: entry.new_id.clone(),
        attributes,
        check_value: material.check_value()?,
    };
    let header = serde_json::to_string(&header).map_err(|_| ErrorCode::Internal)?;
    let nonce = world.random::<12>()?;
    let sealed = envelope
        .seal(&nonce, header.as_bytes(), material.bytes())
        .ok_or(ErrorCode::Internal)?;
    let wrapped = hex::encode_upper([&nonce[..], &sealed].concat());
    Ok(PackageEntry { header, wrapped })
}

/// Takes a package in: all of it, or nothing. The very package that was taken last is answered again and changes nothing:
/// an answer may be lost on its way. A key that is held already with the same bytes stays as it is held.
pub(super) fn import(state: &State, now: u64, text: &str) -> Planned {
    let (file, body) = read(text)
        .map_err(|_| HsmError::about(ErrorCode::PackageAltered, "not a package's text"))?;
    // One text for one package: case and white space outside the signed body are no free choice either.
    if serde_json::to_string(&file).ok().as_deref() != Some(text.trim_end()) {
        return Err(HsmError::about(
            ErrorCode::PackageAltered,
            "not as a sender writes it",
        ));
    }
    let hash = Hex(Sm3::digest(&file.body).into());
    let (name, peer, place) = check_body(state, &file, &body, hash)?;
    let altered = |what: &str| HsmError::about(ErrorCode::PackageAltered, what);
    let envelope = hex::decode(&body.envelope).map_err(|_| altered("envelope"))?;
    let envelope = state
        .encryption
        .decrypt(&envelope)
        .ok_or_else(|| altered("envelope"))?;
    let envelope: [u8; 16] = envelope
        .as_slice()
        .try_into()
        .map_err(|_| altered("envelope"))?;
    let envelope = Sm4Key::new(envelope);
    let mut events = Vec::new();
    let mut report: Vec<KeyInfo> = Vec::new();
    let mut ids = BTreeSet::new();
    for entry in &body.entries {
        let key = unwrap(state, now, peer, &envelope, entry)?;
        if !ids.insert(key.info.id.clone()) {
            return Err(HsmError::about(ErrorCode::KeyExists, &key.info.id));
        }
        if place == Place::Last {
            // It is answered again, not taken again: whatever went since stays away.
            report.extend(state.key(&key.info.id).ok().map(|held| held.info.clone()));
        } else if let Some(held) = held(state, &key)? {
            report.push(held);
        } else {
            report.push(key.info.clone());
            events.push(Event::KeyAdded(Box::new(key)));
        }
    }
    if place == Place::Next {
        events.push(Event::PackageTaken {
            peer: name.to_owned(),
            hash,
        });
        if let Some(seconds) = body.lease {
            events.extend(lease::with_package(state, now, name, seconds));
        }
    }
    let receipt = lease::receipt(
        state,
        now,
        body.sender,
        (body.sequence, &file.body),
        body.entries.len(),
    )?;
    let report = ImportReport {
        receipt,
        sender: name.to_owned(),
        sequence: body.sequence,
        purpose: body.purpose,
        keys: report,
        payload: hex::decode(&body.payload).map_err(|_| altered("payload"))?,
    };
    Ok((events, OrderDone::Imported(Box::new(report))))
}

/// Where a package stands in its sender's chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Next,
    /// The very one that was taken last.
    Last,
}

/// A key of this id that is held already, if it is the same key; another is never replaced.
fn held(state: &State, new: &Key) -> Result<Option<KeyInfo>, HsmError> {
    let id = &new.info.id;
    let Ok(old) = state.key(id) else {
        check_new(state, id)?;
        return Ok(None);
    };
    let (mine, theirs) = (&old.info.attributes, &new.info.attributes);
    let alike = mine.algorithm == theirs.algorithm
        && mine.usage == theirs.usage
        && mine.depth == theirs.depth
        && bool::from(old.material.bytes().ct_eq(new.material.bytes()));
    if alike {
        return Ok(Some(old.info.clone()));
    }
    Err(HsmError::about(ErrorCode::KeyExists, id))
}

/// Receiver, sender, signature, mark and place in the sender's chain.
fn check_body<'a>(
    state: &'a State,
    file: &PackageFile,
    body: &PackageBody,
    hash: Hex<32>,
) -> Result<(&'a str, &'a Peer, Place), HsmError> {
    if body.receiver != state.id() {
        return Err(ErrorCode::PackageNotForUs.into());
    }
    let (name, peer) = state
        .peers
        .iter()
        .find(|(_, peer)| peer.fingerprint == body.sender)
        .ok_or(ErrorCode::UnknownPeer)?;
    if peer.kind == PeerKind::Lower {
        return Err(HsmError::about(ErrorCode::WrongPeerKind, name));
    }
    gm::verify(&peer.signing_key, file.body.as_bytes(), &file.signature)
        .map_err(|_| HsmError::about(ErrorCode::PackageAltered, "signature"))?;
    if body.mark != state.mark {
        return Err(ErrorCode::MarkMismatch.into());
    }
    if body.format != FORMAT || body.entries.len() > MAX_ENTRIES {
        return Err(HsmError::about(ErrorCode::BadRequest, "package format"));
    }
    let next = body.sequence == peer.received + 1 && body.previous == peer.received_hash;
    let last = body.sequence == peer.received && hash == peer.received_hash;
    match (next, last) {
        (true, _) => Ok((name, peer, Place::Next)),
        (_, true) => Ok((name, peer, Place::Last)),
        _ => Err(ErrorCode::PackageOutOfSequence.into()),
    }
}

fn unwrap(
    state: &State,
    now: u64,
    peer: &Peer,
    envelope: &Sm4Key,
    entry: &PackageEntry,
) -> Result<Key, HsmError> {
    let altered = || HsmError::about(ErrorCode::PackageAltered, "entry");
    let header: EntryHeader = serde_json::from_str(&entry.header).map_err(|_| altered())?;
    let wrapped = hex::decode(&entry.wrapped).map_err(|_| altered())?;
    let (nonce, sealed) = wrapped.split_first_chunk::<12>().ok_or_else(altered)?;
    let bytes: Zeroizing<Vec<u8>> = envelope
        .open(nonce, entry.header.as_bytes(), sealed)
        .ok_or_else(altered)?;
    let transport = matches!(
        header.attributes.usage,
        Usage::SessionBase(BaseClass::CardTransport | BaseClass::SamTransport)
    );
    if peer.kind == PeerKind::Maker && !transport {
        return Err(HsmError::about(
            ErrorCode::NotPermitted,
            "a card maker sends transport keys only",
        ));
    }
    let material = Material::from_bytes(header.attributes.algorithm, &bytes)?;
    let key = Key::new(
        &header.id,
        header.attributes,
        state.mark,
        material,
        Origin::Package(peer.fingerprint),
        now,
    )?;
    if key.info.check_value != header.check_value {
        return Err(HsmError::about(ErrorCode::CheckValueMismatch, &key.info.id));
    }
    Ok(key)
}
