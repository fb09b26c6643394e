//! What a state is made of besides keys: other HSMs, tickets, answers; and the events that change it.

use crate::device::persistent::DeviceEvent;
use crate::keys::Key;
use crate::lease::LeaseEvent;
use hsm_wire::Hex;
use hsm_wire::attributes::Hold;
use hsm_wire::custody::Seal;
use hsm_wire::fill::{Factor, FillAnswer};
use hsm_wire::info::AuditRecord;
use hsm_wire::officer::{PeerInfo, PeerKind};
use hsm_wire::policy::Policy;
use hsm_wire::ticket::{TicketSpec, TicketStatus};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Another HSM, and the two chains of packages with it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) kind: PeerKind,
    pub(crate) fingerprint: Hex<32>,
    pub(crate) signing_key: Hex<64>,
    pub(crate) encryption_key: Hex<64>,
    pub(crate) sent: u64,
    pub(crate) sent_hash: Hex<32>,
    pub(crate) last_package: Option<String>,
    pub(crate) received: u64,
    pub(crate) received_hash: Hex<32>,
}

impl Peer {
    pub(crate) fn info(&self, name: &str) -> PeerInfo {
        PeerInfo {
            name: name.to_owned(),
            kind: self.kind,
            fingerprint: self.fingerprint,
            signing_key: self.signing_key,
            encryption_key: self.encryption_key,
            sent: self.sent,
            received: self.received,
        }
    }
}

/// A ticket and what it was spent on.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) spec: TicketSpec,
    pub(crate) created: u64,
    pub(crate) closed: bool,
    pub(crate) used: u64,
    pub(crate) answers: u64,
    /// Answers given per factor; forgotten when the ticket is closed.
    pub(crate) factors: BTreeMap<Factor, u32>,
    /// Request ids ever answered; forgotten when the ticket is closed.
    pub(crate) requests: BTreeSet<[u8; 16]>,
}

impl Ticket {
    pub(crate) fn status(&self) -> TicketStatus {
        TicketStatus {
            spec: self.spec.clone(),
            used: self.used,
            answers: self.answers,
            closed: self.closed,
            created: self.created,
        }
    }
}

/// A fill that was answered.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// SM3 over target and request.
    pub(crate) content: Hex<32>,
    pub(crate) answer: FillAnswer,
}

/// One change. New variants go to the end: their place is their number in the store.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Event {
    OrderSpent,
    OperatorSet(Hex<32>),
    OfficerAdded(String, Hex<64>),
    OfficerRemoved(String),
    KeyAdded(Box<Key>),
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
    Device(DeviceEvent),
    /// A key with a quota was used.
    KeyUsed(String),
    /// The store was opened: the next epoch.
    Opened,
    AuditorSet(Hex<32>),
    CeremonySealed(Box<Sealed>),
    Lease(Box<LeaseEvent>),
    KeyHeld(String, Hold),
}

/// The last ceremony of a store, and how many there were.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Ceremonies {
    pub(crate) count: u64,
    pub(crate) last: Option<Sealed>,
}

/// A sealed transcript: kept, so that a lost answer can be asked for again.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) ceremony: Hex<32>,
    pub(crate) previous: Hex<32>,
    pub(crate) transcript: Hex<32>,
    pub(crate) seal: Seal,
}
