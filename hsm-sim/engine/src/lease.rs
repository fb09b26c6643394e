//! Leases (`hsm_wire::lease`): terms that two officers set above, leases signed within them, and what a lower HSM does no
//! more when its lease has run out, was suspended or revoked, or does not cover a key or a further chip.

use crate::state::{Event, State, shown};
use hsm_wire::lease::{
    FORMAT, LEASE_SECONDS, LeaseBody, LeaseFile, LeaseStatus, MAX_WITHDRAWN, RECEIPT_FORMAT,
    ReceiptBody, Standing, Terms,
};
use hsm_wire::officer::PeerKind;
use hsm_wire::{ErrorCode, Hex, HsmError, gm, valid_name};
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};
use std::collections::BTreeMap;

/// A clock may be set back by so much before a lease counts no more.
const CLOCK_SLACK: u64 = 60;
/// A sender's clock may run ahead by so much.
const AHEAD: u64 = 300;

/// Both sides of all leases of a store.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Leases {
    /// By the lower HSM's name here.
    pub(crate) given: BTreeMap<String, Given>,
    /// By the upper HSM's name here.
    pub(crate) taken: BTreeMap<String, Taken>,
}

/// What a lower HSM is given.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Given {
    pub(crate) terms: Terms,
    pub(crate) sequence: u64,
}

/// What this HSM keeps to.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) sequence: u64,
    pub(crate) taken: u64,
    pub(crate) not_after: u64,
    pub(crate) standing: Standing,
    pub(crate) withdrawn: Vec<String>,
    pub(crate) quota: Option<u64>,
    pub(crate) spent: u64,
}

/// One change.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum LeaseEvent {
    TermsSet(String, Terms),
    Issued(String),
    Taken(String, Taken),
}

impl Leases {
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty() && self.taken.is_empty()
    }

    pub(crate) fn apply(&mut self, event: LeaseEvent) {
        match event {
            LeaseEvent::TermsSet(peer, terms) => {
                let sequence = self.given.get(&peer).map_or(0, |given| given.sequence);
                self.given.insert(peer, Given { terms, sequence });
            }
            LeaseEvent::Issued(peer) => {
                if let Some(given) = self.given.get_mut(&peer) {
                    given.sequence += 1;
                }
            }
            LeaseEvent::Taken(peer, taken) => drop(self.taken.insert(peer, taken)),
        }
    }

    /// So many further chips were filled.
    pub(crate) fn spend(&mut self, chips: u64) {
        for taken in self.taken.values_mut() {
            taken.spent += chips;
        }
    }

    /// A peer that is enrolled no more has no lease.
    pub(crate) fn forget(&mut self, peer: &str) {
        self.given.remove(peer);
        self.taken.remove(peer);
    }

    pub(crate) fn list(&self) -> Vec<LeaseStatus> {
        let given = self.given.iter().map(|(peer, given)| LeaseStatus {
            peer: peer.clone(),
            given: true,
            standing: given.terms.standing,
            sequence: given.sequence,
            lease_seconds: Some(given.terms.lease_seconds),
            not_after: None,
            withdrawn: given.terms.withdrawn.clone(),
            quota: given.terms.quota,
            spent: 0,
        });
        let taken = self.taken.iter().map(|(peer, taken)| LeaseStatus {
            peer: peer.clone(),
            given: false,
            standing: taken.standing,
            sequence: taken.sequence,
            lease_seconds: None,
            not_after: Some(taken.not_after),
            withdrawn: taken.withdrawn.clone(),
            quota: taken.quota,
            spent: taken.spent,
        });
        given.chain(taken).collect()
    }
}

/// Officers set terms for a lower HSM.
pub(crate) fn set_terms(state: &State, peer: String, terms: Terms) -> Result<Event, HsmError> {
    if state.peer(&peer)?.kind != PeerKind::Lower {
        return Err(HsmError::about(ErrorCode::WrongPeerKind, &peer));
    }
    if !LEASE_SECONDS.contains(&terms.lease_seconds) || terms.withdrawn.len() > MAX_WITHDRAWN {
        return Err(HsmError::about(
            ErrorCode::BadAttributes,
            "a lease lasts 1 second to 31 days and withdraws at most 1024 keys",
        ));
    }
    if !terms.withdrawn.iter().all(|id| valid_name(id)) {
        return Err(HsmError::about(ErrorCode::BadName, "withdrawn key"));
    }
    let known = state.leases.given.get(&peer);
    if known.is_some_and(|given| given.terms.standing == Standing::Revoked) {
        return Err(HsmError::about(ErrorCode::TierRevoked, &peer));
    }
    Ok(Event::Lease(Box::new(LeaseEvent::TermsSet(peer, terms))))
}

/// Signs a lease for a lower HSM, within the terms: as long as they say, and no working one for who is suspended.
pub(crate) fn issue(state: &State, now: u64, peer: &str) -> Result<(Event, String), HsmError> {
    let receiver = state.peer(peer)?.fingerprint;
    let given = state
        .leases
        .given
        .get(peer)
        .ok_or_else(|| HsmError::about(ErrorCode::NoTerms, &shown(peer)))?;
    let terms = &given.terms;
    let working = terms.standing == Standing::Active;
    if working {
        // Who must stop lets nobody else go on; nor for longer than itself.
        check(state, now, 0, std::iter::empty())?;
    }
    let own = state.leases.taken.values().map(|taken| taken.not_after);
    let latest = own.min().unwrap_or(u64::MAX);
    let body = LeaseBody {
        format: FORMAT.to_owned(),
        mark: state.mark,
        sender: state.id(),
        receiver,
        sequence: given.sequence + 1,
        issued: now,
        not_after: if working {
            now.saturating_add(terms.lease_seconds).min(latest)
        } else {
            now
        },
        standing: terms.standing,
        withdrawn: terms.withdrawn.clone(),
        quota: terms.quota,
    };
    let text = signed(state, &body)?;
    let event = Event::Lease(Box::new(LeaseEvent::Issued(peer.to_owned())));
    Ok((event, text))
}

/// Body and signature as one file.
fn signed(state: &State, body: &impl Serialize) -> Result<String, HsmError> {
    let body = serde_json::to_string(body).map_err(|_| ErrorCode::Internal)?;
    let signature = state.signing.sign(body.as_bytes())?;
    let file = LeaseFile { body, signature };
    Ok(serde_json::to_string(&file).map_err(|_| ErrorCode::Internal)?)
}

/// Takes a lease of an upper HSM: genuine, ours, newer than the last.
pub(crate) fn take(state: &State, now: u64, text: &str) -> Result<Event, HsmError> {
    let refused = |what: &str| HsmError::about(ErrorCode::LeaseRefused, what);
    let file: LeaseFile = serde_json::from_str(text).map_err(|_| refused("not a lease"))?;
    // One text for one lease.
    if serde_json::to_string(&file).ok().as_deref() != Some(text.trim_end()) {
        return Err(refused("not as a sender writes it"));
    }
    let body: LeaseBody = serde_json::from_str(&file.body).map_err(|_| refused("not a lease"))?;
    if body.receiver != state.id() {
        return Err(ErrorCode::PackageNotForUs.into());
    }
    let (name, peer) = state
        .peers
        .iter()
        .find(|(_, peer)| peer.fingerprint == body.sender)
        .ok_or(ErrorCode::UnknownPeer)?;
    if peer.kind != PeerKind::Upper {
        return Err(HsmError::about(ErrorCode::WrongPeerKind, name));
    }
    gm::verify(&peer.signing_key, file.body.as_bytes(), &file.signature)
        .map_err(|_| refused("signature"))?;
    if body.mark != state.mark {
        return Err(ErrorCode::MarkMismatch.into());
    }
    if body.format != FORMAT || body.withdrawn.len() > MAX_WITHDRAWN {
        return Err(refused("format"));
    }
    if body.issued > now + AHEAD {
        return Err(refused("issued in the future: compare the clocks"));
    }
    let known = state.leases.taken.get(name);
    if known.is_some_and(|known| body.sequence <= known.sequence) {
        return Err(refused("an older one, or the same again"));
    }
    let taken = Taken {
        sequence: body.sequence,
        taken: now,
        not_after: body.not_after,
        standing: body.standing,
        withdrawn: body.withdrawn,
        quota: body.quota,
        spent: known.map_or(0, |known| known.spent),
    };
    Ok(Event::Lease(Box::new(LeaseEvent::Taken(
        name.clone(),
        taken,
    ))))
}

/// The lease that comes with the first package of an upper HSM; it prolongs none that there is.
pub(crate) fn with_package(state: &State, now: u64, peer: &str, seconds: u64) -> Option<Event> {
    if state.leases.taken.contains_key(peer) {
        return None;
    }
    let taken = Taken {
        sequence: 0,
        taken: now,
        not_after: now.saturating_add(seconds),
        standing: Standing::Active,
        withdrawn: Vec::new(),
        quota: None,
        spent: 0,
    };
    Some(Event::Lease(Box::new(LeaseEvent::Taken(
        peer.to_owned(),
        taken,
    ))))
}

/// How long a package's receiver may work at first; a suspended one gets no package.
pub(crate) fn for_package(state: &State, peer: &str) -> Result<Option<u64>, HsmError> {
    match state.leases.given.get(peer).map(|given| &given.terms) {
        None => Ok(None),
        Some(terms) => {
            standing(terms.standing)?;
            Ok(Some(terms.lease_seconds))
        }
    }
}

fn standing(standing: Standing) -> Result<(), HsmError> {
    match standing {
        Standing::Active => Ok(()),
        Standing::Suspended => Err(ErrorCode::TierSuspended.into()),
        Standing::Revoked => Err(ErrorCode::TierRevoked.into()),
    }
}

/// Whether this HSM may work with these keys now, and fill so many further chips.
pub(crate) fn check<'a>(
    state: &State,
    now: u64,
    new_chips: u64,
    keys: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), HsmError> {
    for taken in state.leases.taken.values() {
        standing(taken.standing)?;
        if now > taken.not_after || now.saturating_add(CLOCK_SLACK) < taken.taken {
            return Err(ErrorCode::LeaseExpired.into());
        }
        if let Some(id) = keys
            .clone()
            .find(|id| taken.withdrawn.iter().any(|w| w == id))
        {
            return Err(HsmError::about(ErrorCode::KeyWithdrawn, &shown(id)));
        }
        if taken
            .quota
            .is_some_and(|quota| taken.spent + new_chips > quota)
        {
            return Err(ErrorCode::QuotaUsedUp.into());
        }
    }
    Ok(())
}

/// What is said of a package that was taken in.
pub(crate) fn receipt(
    state: &State,
    now: u64,
    sender: Hex<32>,
    (sequence, body): (u64, &str),
    keys: usize,
) -> Result<String, HsmError> {
    let body = ReceiptBody {
        format: RECEIPT_FORMAT.to_owned(),
        mark: state.mark,
        sender: state.id(),
        receiver: sender,
        sequence,
        package: Hex(Sm3::digest(body).into()),
        keys: u32::try_from(keys).unwrap_or(u32::MAX),
        taken: now,
    };
    signed(state, &body)
}
