//! Everything the HSM holds, and the only ways it changes.
//!
//! An operation plans [`Event`]s on an unchanged state; the store makes them durable; only then are they applied.
//! Replaying the journal applies the same events, so memory and store cannot tell different stories.

use crate::device::persistent::{self, DeviceState};
use crate::keyring::Keyring;
use crate::keys::Key;
use crate::lease::Leases;
pub(crate) use crate::parts::{Answered, Ceremonies, Event, Peer, Ticket};
use crate::sm2key::Sm2Key;
use hsm_wire::fill::{Factor, FillAnswer};
use hsm_wire::info::{AuditHead, AuditRecord, HsmInfo, fingerprint};
use hsm_wire::policy::Policy;
use hsm_wire::ticket::TicketSpec;
use hsm_wire::{ErrorCode, Hex, HsmError, Mark};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Answers that a repeated request id still finds.
pub(crate) const ANSWERS_KEPT: usize = 256;

/// The whole content of a store.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) mark: Mark,
    pub(crate) signing: Sm2Key,
    pub(crate) encryption: Sm2Key,
    pub(crate) signing_public: Hex<64>,
    pub(crate) encryption_public: Hex<64>,
    pub(crate) operator_hash: Hex<32>,
    /// `None`: nobody is the auditor.
    pub(crate) auditor_hash: Option<Hex<32>>,
    /// How often the store was opened.
    pub(crate) epoch: u64,
    pub(crate) next_order: u64,
    pub(crate) officers: BTreeMap<String, Hex<64>>,
    pub(crate) keys: Keyring,
    pub(crate) peers: BTreeMap<String, Peer>,
    pub(crate) policy: Option<(Policy, Hex<32>)>,
    pub(crate) tickets: BTreeMap<String, Ticket>,
    pub(crate) answers: VecDeque<Answered>,
    pub(crate) audit: AuditHead,
    /// Records since the last compaction; older ones lie in sealed archives.
    pub(crate) audit_recent: Vec<AuditRecord>,
    /// User files and passwords of indexes.
    pub(crate) device: DeviceState,
    /// Written after the rest (`store::version`): older snapshots have none.
    #[serde(skip)]
    pub(crate) ceremonies: Ceremonies,
    /// Likewise.
    #[serde(skip)]
    pub(crate) leases: Leases,
}

impl State {
    /// A new HSM's, before its first audit record.
    pub(crate) fn new(
        mark: Mark,
        (signing, encryption): (Sm2Key, Sm2Key),
        officers: BTreeMap<String, Hex<64>>,
        operator_hash: Hex<32>,
    ) -> Result<Self, HsmError> {
        let (signing_public, encryption_public) = (signing.public_key()?, encryption.public_key()?);
        Ok(Self {
            mark,
            signing,
            encryption,
            signing_public,
            encryption_public,
            operator_hash,
            auditor_hash: None,
            epoch: 0,
            next_order: 1,
            officers,
            keys: Keyring::default(),
            peers: BTreeMap::new(),
            policy: None,
            tickets: BTreeMap::new(),
            answers: VecDeque::new(),
            audit: AuditHead::default(),
            audit_recent: Vec::new(),
            device: DeviceState::default(),
            ceremonies: Ceremonies::default(),
            leases: Leases::default(),
        })
    }

    pub(crate) fn id(&self) -> Hex<32> {
        fingerprint(&self.signing_public, &self.encryption_public)
    }

    pub(crate) fn info(&self) -> HsmInfo {
        HsmInfo {
            id: self.id(),
            mark: self.mark,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            signing_key: self.signing_public,
            encryption_key: self.encryption_public,
            next_order: self.next_order,
            officers: self.officers.keys().cloned().collect(),
            officer_keys: self.officers.values().copied().collect(),
            policy: self
                .policy
                .as_ref()
                .map(|(policy, hash)| (policy.name.clone(), *hash)),
            audit: self.audit,
            epoch: self.epoch,
            keys: u32::try_from(self.keys.len()).unwrap_or(u32::MAX),
            ceremonies: self.ceremony_head(),
            simulator: true,
        }
    }

    /// How many ceremonies, and the last one's transcript.
    pub(crate) fn ceremony_head(&self) -> AuditHead {
        let last = self.ceremonies.last.as_ref();
        AuditHead {
            count: self.ceremonies.count,
            hash: last.map(|sealed| sealed.transcript).unwrap_or_default(),
        }
    }

    pub(crate) fn key(&self, id: &str) -> Result<&Key, HsmError> {
        self.keys
            .get(id)
            .ok_or_else(|| HsmError::about(ErrorCode::NoSuchKey, &shown(id)))
    }

    pub(crate) fn ticket(&self, id: &str) -> Result<&Ticket, HsmError> {
        self.tickets
            .get(id)
            .ok_or_else(|| HsmError::about(ErrorCode::NoSuchTicket, &shown(id)))
    }

    pub(crate) fn peer(&self, name: &str) -> Result<&Peer, HsmError> {
        self.peers
            .get(name)
            .ok_or_else(|| HsmError::about(ErrorCode::UnknownPeer, &shown(name)))
    }

    /// The record that will follow, not yet applied.
    pub(crate) fn next_audit(
        &self,
        time: u64,
        actor: &str,
        operation: &str,
        object: &str,
        outcome: &str,
    ) -> AuditRecord {
        audit_after(&self.audit, time, actor, operation, object, outcome)
    }

    /// Applies a change that is durable.
    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::OrderSpent => self.next_order += 1,
            Event::OperatorSet(hash) => self.operator_hash = hash,
            Event::OfficerAdded(name, key) => drop(self.officers.insert(name, key)),
            Event::OfficerRemoved(name) => drop(self.officers.remove(&name)),
            Event::KeyAdded(key) => self.keys.insert(*key),
            Event::KeyRemoved(id) => self.keys.remove(&id),
            Event::KeyHeld(id, hold) => self.keys.hold(&id, hold),
            Event::PeerAdded(name, peer) => drop(self.peers.insert(name, *peer)),
            Event::PeerRemoved(name) => {
                self.leases.forget(&name);
                self.peers.remove(&name);
            }
            Event::Lease(event) => self.leases.apply(*event),
            Event::PolicySet(policy) => self.policy = policy,
            Event::TicketAdded(spec, created) => self.add_ticket(spec, created),
            Event::TicketClosed(id) => self.close_ticket(&id),
            Event::PackageSent { peer, hash, text } => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.sent += 1;
                    peer.sent_hash = hash;
                    peer.last_package = Some(text);
                }
            }
            Event::PackageTaken { peer, hash } => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.received += 1;
                    peer.received_hash = hash;
                }
            }
            Event::Device(event) => persistent::apply(self, event),
            Event::KeyUsed(id) => self.keys.used(&id),
            Event::Opened => self.epoch += 1,
            Event::AuditorSet(hash) => self.auditor_hash = Some(hash),
            Event::CeremonySealed(sealed) => {
                self.ceremonies.count += 1;
                self.ceremonies.last = Some(*sealed);
            }
            Event::Filled {
                ticket,
                factor,
                content,
                answer,
            } => self.fill(&ticket, factor, content, *answer),
            Event::Audit(record) => {
                self.audit = AuditHead {
                    count: record.number + 1,
                    hash: record.hash,
                };
                self.audit_recent.push(record);
            }
        }
    }

    fn add_ticket(&mut self, spec: TicketSpec, created: u64) {
        let ticket = Ticket {
            created,
            closed: false,
            used: 0,
            answers: 0,
            factors: BTreeMap::new(),
            requests: BTreeSet::new(),
            spec,
        };
        self.tickets.insert(ticket.spec.id.clone(), ticket);
    }

    fn close_ticket(&mut self, id: &str) {
        if let Some(ticket) = self.tickets.get_mut(id) {
            ticket.closed = true;
            ticket.factors.clear();
            ticket.requests.clear();
        }
    }

    fn fill(&mut self, ticket: &str, factor: Factor, content: Hex<32>, answer: FillAnswer) {
        if let Some(ticket) = self.tickets.get_mut(ticket) {
            let attempts = ticket.factors.entry(factor).or_insert(0);
            ticket.used += u64::from(*attempts == 0);
            self.leases.spend(u64::from(*attempts == 0));
            *attempts += 1;
            ticket.answers += 1;
            ticket.requests.insert(answer.request_id);
        }
        if self.answers.len() >= ANSWERS_KEPT {
            self.answers.pop_front();
        }
        self.answers.push_back(Answered { content, answer });
    }
}

/// The record that follows a head of the chain.
pub(crate) fn audit_after(
    head: &AuditHead,
    time: u64,
    actor: &str,
    operation: &str,
    object: &str,
    outcome: &str,
) -> AuditRecord {
    let mut record = AuditRecord {
        number: head.count,
        time,
        actor: actor.to_owned(),
        operation: operation.to_owned(),
        object: object.to_owned(),
        outcome: outcome.to_owned(),
        previous: head.hash,
        hash: Hex([0; 32]),
    };
    record.hash = record.compute_hash();
    record
}

/// A name from outside, cut so that it may stand in a message or the audit.
pub(crate) fn shown(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_graphic())
        .take(hsm_wire::MAX_NAME)
        .collect()
}
