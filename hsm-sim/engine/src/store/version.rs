//! Contents of older stores. What is written has version 3: a snapshot's plain text begins with [`TAG`] and ends with the
//! chain of ceremonies. Version 2 began with [`TAG_TWO`] and knew no ceremonies; version 1 had no tag, and began with the
//! mark (0, 1 or 2). A journal is of the version of its snapshot; those of 2 and 3 are the same.
//!
//! Version 1 is frozen here where it differs from today's types; `tests/fixtures/store-1` was written by it, and
//! notices when one of the types that are shared with today changes.

use super::files::{decode, encode_secret};
use super::{StoreError, Zeroizing};
use crate::device::persistent::DeviceState;
use crate::keys::{Key, Material};
use crate::lease::Leases;
use crate::parts::{Answered, Ceremonies, Event, Peer, Ticket};
use crate::sm2key::Sm2Key;
use crate::state::State;
use hsm_wire::attributes::{Hold, KeyInfo, Origin};
use hsm_wire::fill::{Factor, FillAnswer};
use hsm_wire::info::{AuditHead, AuditRecord};
use hsm_wire::policy::Policy;
use hsm_wire::ticket::TicketSpec;
use hsm_wire::{Algorithm, Hex, KeyAttributes, Leaves, Mark, Usage};
use serde::Deserialize;
use std::collections::{BTreeMap, VecDeque};

/// First byte of a snapshot of today.
const TAG: u8 = 0xF4;
/// First byte of a snapshot with leases: they follow, then a snapshot as without them.
const TAG_LEASES: u8 = 0xF5;
/// First byte of a snapshot of version 2.
const TAG_TWO: u8 = 0xF2;
/// First byte of a snapshot in which keys are out of use: which, then a snapshot as without them.
const TAG_HOLDS: u8 = 0xF6;

/// How snapshot and journal of one generation are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A state as it is written today.
pub(super) fn encode_state(state: &State) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let (holds, leases, today) = (
        state.keys.holds(),
        &state.leases,
        (TAG, state, &state.ceremonies),
    );
    // Before the rest, so that whatever follows keeps its own form.
    match (holds.is_empty(), leases.is_empty()) {
        (true, true) => encode_secret(&today),
        (true, false) => encode_secret(&(TAG_LEASES, leases, today)),
        (false, true) => encode_secret(&(TAG_HOLDS, holds, today)),
        (false, false) => encode_secret(&(TAG_HOLDS, holds, (TAG_LEASES, leases, today))),
    }
}

/// A state of any version.
pub(super) fn decode_state(plain: &[u8]) -> Option<(State, Version)> {
    match plain {
        [TAG_HOLDS, rest @ ..] => {
            type Holds = Vec<(String, Hold)>;
            let (holds, rest): (Holds, &[u8]) = postcard::take_from_bytes(rest).ok()?;
            let (mut state, version) = decode_state(rest)?;
            for (id, hold) in holds {
                state.keys.hold(&id, hold);
            }
            Some((state, version))
        }
        [TAG_LEASES, rest @ ..] => {
            let (leases, rest): (Leases, &[u8]) = postcard::take_from_bytes(rest).ok()?;
            let (mut state, version) = decode_state(rest)?;
            state.leases = leases;
            Some((state, version))
        }
        [TAG, rest @ ..] => {
            let (mut state, ceremonies): (State, Ceremonies) = decode(rest)?;
            state.ceremonies = ceremonies;
            Some((state, Version::Two))
        }
        [TAG_TWO, rest @ ..] => decode(rest).map(|state| (state, Version::Two)),
        _ => decode::<StateOne>(plain).map(|state| (state.into(), Version::One)),
    }
}

/// A journal's record of any version.
pub(super) fn decode_events(version: Version, plain: &[u8]) -> Option<Vec<Event>> {
    match version {
        Version::Two => decode(plain),
        Version::One => {
            let events: Vec<EventOne> = decode(plain)?;
            Some(events.into_iter().map(Event::from).collect())
        }
    }
}

#[derive(Deserialize)]
struct AttributesOne {
    algorithm: Algorithm,
    name: String,
    version: u8,
    usage: Usage,
    leaves: Leaves,
    depth: u8,
}

#[derive(Deserialize)]
struct InfoOne {
    id: String,
    attributes: AttributesOne,
    mark: Mark,
    check_value: Hex<3>,
    public_key: Option<Hex<64>>,
    origin: Origin,
    created: u64,
}

#[derive(Deserialize)]
struct KeyOne {
    info: InfoOne,
    material: Material,
}

impl From<KeyOne> for Key {
    fn from(old: KeyOne) -> Self {
        let attributes = old.info.attributes;
        Self {
            info: KeyInfo {
                id: old.info.id,
                attributes: KeyAttributes {
                    algorithm: attributes.algorithm,
                    name: attributes.name,
                    version: attributes.version,
                    usage: attributes.usage,
                    leaves: attributes.leaves,
                    depth: attributes.depth,
                    quota: None,
                    not_after: None,
                },
                mark: old.info.mark,
                check_value: old.info.check_value,
                public_key: old.info.public_key,
                origin: old.info.origin,
                created: old.info.created,
                used: 0,
            },
            material: old.material,
            hold: Hold::Free,
        }
    }
}

#[derive(Deserialize)]
struct StateOne {
    mark: Mark,
    signing: Sm2Key,
    encryption: Sm2Key,
    signing_public: Hex<64>,
    encryption_public: Hex<64>,
    operator_hash: Hex<32>,
    next_order: u64,
    officers: BTreeMap<String, Hex<64>>,
    keys: BTreeMap<String, KeyOne>,
    peers: BTreeMap<String, Peer>,
    policy: Option<(Policy, Hex<32>)>,
    tickets: BTreeMap<String, Ticket>,
    answers: VecDeque<Answered>,
    audit: AuditHead,
    audit_recent: Vec<AuditRecord>,
}

impl From<StateOne> for State {
    fn from(old: StateOne) -> Self {
        let keys = old.keys.into_iter();
        Self {
            mark: old.mark,
            signing: old.signing,
            encryption: old.encryption,
            signing_public: old.signing_public,
            encryption_public: old.encryption_public,
            operator_hash: old.operator_hash,
            auditor_hash: None,
            epoch: 0,
            next_order: old.next_order,
            officers: old.officers,
            keys: keys.map(|(_, key)| Key::from(key)).collect(),
            peers: old.peers,
            policy: old.policy,
            tickets: old.tickets,
            answers: old.answers,
            audit: old.audit,
            audit_recent: old.audit_recent,
            device: DeviceState::default(),
            ceremonies: Ceremonies::default(),
            leases: Leases::default(),
        }
    }
}

#[derive(Deserialize)]
enum EventOne {
    OrderSpent,
    OperatorSet(Hex<32>),
    OfficerAdded(String, Hex<64>),
    OfficerRemoved(String),
    KeyAdded(Box<KeyOne>),
    KeyRemoved(String),
    PeerAdded(String, Box<Peer>),
    PeerRemoved(String),
    PolicySet(Option<(Policy, Hex<32>)>),
    TicketAdded(TicketSpec, u64),
    TicketClosed(String),
    PackageSent {
        peer: String,
        hash: Hex<32>,
        text: String,
    },
    PackageTaken {
        peer: String,
        hash: Hex<32>,
    },
    Filled {
        ticket: String,
        factor: Factor,
        content: Hex<32>,
        answer: Box<FillAnswer>,
    },
    Audit(AuditRecord),
}

impl From<EventOne> for Event {
    fn from(old: EventOne) -> Self {
        match old {
            EventOne::OrderSpent => Self::OrderSpent,
            EventOne::OperatorSet(hash) => Self::OperatorSet(hash),
            EventOne::OfficerAdded(name, key) => Self::OfficerAdded(name, key),
            EventOne::OfficerRemoved(name) => Self::OfficerRemoved(name),
            EventOne::KeyAdded(key) => Self::KeyAdded(Box::new((*key).into())),
            EventOne::KeyRemoved(id) => Self::KeyRemoved(id),
            EventOne::PeerAdded(name, peer) => Self::PeerAdded(name, peer),
            EventOne::PeerRemoved(name) => Self::PeerRemoved(name),
            EventOne::PolicySet(policy) => Self::PolicySet(policy),
            EventOne::TicketAdded(spec, created) => Self::TicketAdded(spec, created),
            EventOne::TicketClosed(id) => Self::TicketClosed(id),
            EventOne::PackageSent { peer, hash, text } => Self::PackageSent { peer, hash, text },
            EventOne::PackageTaken { peer, hash } => Self::PackageTaken { peer, hash },
            EventOne::Filled {
                ticket,
                factor,
                content,
                answer,
            } => Self::Filled {
                ticket,
                factor,
                content,
                answer,
            },
            EventOne::Audit(record) => Self::Audit(record),
        }
    }
}
