//! Officers and other HSMs.

use super::Planned;
use crate::state::{Event, Peer, State, shown};
use hsm_wire::info::fingerprint;
use hsm_wire::officer::{OrderDone, PeerKind};
use hsm_wire::{ErrorCode, Hex, HsmError, gm, valid_name};

const MAX_OFFICERS: usize = 64;
const MAX_PEERS: usize = 1024;

pub(super) fn enrol_officer(state: &State, name: String, key: Hex<64>) -> Planned {
    if !valid_name(&name) {
        return Err(HsmError::about(ErrorCode::BadName, "officer"));
    }
    gm::check_public_key(&key)
        .map_err(|e| HsmError::about(ErrorCode::BadAttributes, &e.to_string()))?;
    // One person under two names would be two officers.
    if state.officers.contains_key(&name) || state.officers.values().any(|other| *other == key) {
        return Err(HsmError::about(ErrorCode::OfficerExists, &name));
    }
    if state.officers.len() >= MAX_OFFICERS {
        return Err(HsmError::about(ErrorCode::TooLarge, "officers"));
    }
    Ok((vec![Event::OfficerAdded(name, key)], OrderDone::Done))
}

pub(super) fn remove_officer(state: &State, name: String) -> Planned {
    if !state.officers.contains_key(&name) {
        return Err(HsmError::about(ErrorCode::NoSuchOfficer, &shown(&name)));
    }
    if state.officers.len() <= 2 {
        return Err(ErrorCode::TooFewOfficers.into());
    }
    Ok((vec![Event::OfficerRemoved(name)], OrderDone::Done))
}

pub(super) fn enrol_peer(
    state: &State,
    name: String,
    kind: PeerKind,
    (signing_key, encryption_key): (Hex<64>, Hex<64>),
    confirmed: Hex<32>,
) -> Planned {
    if !valid_name(&name) {
        return Err(HsmError::about(ErrorCode::BadName, "peer"));
    }
    for key in [&signing_key, &encryption_key] {
        gm::check_public_key(key)
            .map_err(|e| HsmError::about(ErrorCode::BadAttributes, &e.to_string()))?;
    }
    if fingerprint(&signing_key, &encryption_key) != confirmed || confirmed == state.id() {
        return Err(HsmError::about(
            ErrorCode::BadAttributes,
            "fingerprint is not that of these keys, or is our own",
        ));
    }
    if state.peers.contains_key(&name) || state.peers.values().any(|p| p.fingerprint == confirmed) {
        return Err(HsmError::about(ErrorCode::PeerExists, &name));
    }
    if state.peers.len() >= MAX_PEERS {
        return Err(HsmError::about(ErrorCode::TooLarge, "peers"));
    }
    let peer = Peer {
        kind,
        fingerprint: confirmed,
        signing_key,
        encryption_key,
        sent: 0,
        sent_hash: Hex([0; 32]),
        last_package: None,
        received: 0,
        received_hash: Hex([0; 32]),
    };
    let info = peer.info(&name);
    Ok((
        vec![Event::PeerAdded(name, Box::new(peer))],
        OrderDone::Peer(Box::new(info)),
    ))
}

pub(super) fn remove_peer(state: &State, name: String) -> Planned {
    state.peer(&name)?;
    Ok((vec![Event::PeerRemoved(name)], OrderDone::Done))
}
