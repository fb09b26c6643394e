//! Orders of two officers: who signed what, and what it does.

pub(crate) mod keys;
mod packages;
mod people;
mod seal;

use crate::control::{Control, enforced};
use crate::custody;
use crate::device::persistent::DeviceEvent;
use crate::lease;
use crate::policy;
use crate::state::{Event, State, shown};
use crate::world::World;
use hsm_wire::officer::{OrderDone, OrderOp};
use hsm_wire::order::{Body, Order};
use hsm_wire::ticket::{TicketSpec, TicketStatus};
use hsm_wire::{ErrorCode, Hex, HsmError, gm, valid_name};
use std::collections::BTreeMap;

/// Most signatures that are looked at.
const MAX_SIGNATURES: usize = 8;
/// Longest time that an order may be valid from now.
const MAX_VALIDITY: u64 = 30 * 24 * 3600;
const MAX_COUNT: u64 = 100_000_000;
const MAX_ATTEMPTS: u32 = 100;
const MAX_BASE_KEYS: usize = 32;

/// What an operation wants: changes and an answer.
pub(crate) type Planned = Result<(Vec<Event>, OrderDone), HsmError>;

/// An order whose signatures, number, receiver and time are right.
pub(crate) struct Authentic {
    /// `officers:A+B`
    pub(crate) actor: String,
    pub(crate) op: OrderOp,
}

/// Checks everything about an order but what it asks for.
pub(crate) fn authenticate(state: &State, now: u64, order: &Order) -> Result<Authentic, HsmError> {
    let actor = check_signatures(&state.officers, order)?;
    let body: Body = serde_json::from_str(&order.body).map_err(|e| {
        HsmError::about(
            ErrorCode::BadRequest,
            &format!("order body, column {}", e.column()),
        )
    })?;
    if body.hsm != state.id() {
        return Err(ErrorCode::WrongHsm.into());
    }
    if body.sequence != state.next_order {
        return Err(ErrorCode::OrderReplayed.into());
    }
    if now > body.expires || body.expires - now > MAX_VALIDITY {
        return Err(HsmError::about(
            ErrorCode::OrderExpired,
            "expires lies in the past, or more than 30 days ahead",
        ));
    }
    Ok(Authentic { actor, op: body.op })
}

fn check_signatures(
    officers: &BTreeMap<String, Hex<64>>,
    order: &Order,
) -> Result<String, HsmError> {
    if order.signatures.len() > MAX_SIGNATURES {
        return Err(HsmError::about(ErrorCode::TooLarge, "signatures"));
    }
    let mut signers: Vec<&str> = Vec::new();
    for signature in &order.signatures {
        let name = signature.officer.as_str();
        let key = officers
            .get(name)
            .ok_or_else(|| HsmError::about(ErrorCode::NoSuchOfficer, &shown(name)))?;
        gm::verify(key, order.body.as_bytes(), &signature.signature)
            .map_err(|_| HsmError::about(ErrorCode::BadSignature, &shown(name)))?;
        if signers.contains(&name) {
            return Err(HsmError::about(ErrorCode::SameOfficer, &shown(name)));
        }
        signers.push(name);
    }
    if signers.len() < 2 && enforced(Control::Role) {
        return Err(ErrorCode::NeedTwoOfficers.into());
    }
    signers.sort_unstable();
    Ok(format!("officers:{}", signers.join("+")))
}

/// Plans what an authentic order asks for.
pub(crate) fn plan(state: &State, world: &mut World, op: OrderOp) -> Planned {
    match op {
        OrderOp::GenerateKey {
            id,
            attributes,
            source,
        } => keys::generate(state, world, &id, attributes, &source),
        OrderOp::ImportRaw {
            id,
            attributes,
            bytes,
        } => keys::import_raw(state, world, &id, attributes, bytes),
        OrderOp::DestroyKey { id } => keys::destroy(state, id),
        OrderOp::HoldKey { id, hold } => keys::hold(state, id, hold),
        OrderOp::Sign { key, message } => keys::sign(state, world.clock.now(), &key, &message),
        OrderOp::EnrolOfficer { name, public_key } => {
            people::enrol_officer(state, name, public_key)
        }
        OrderOp::RemoveOfficer { name } => people::remove_officer(state, name),
        OrderOp::EnrolPeer {
            name,
            kind,
            signing_key,
            encryption_key,
            fingerprint,
        } => people::enrol_peer(
            state,
            name,
            kind,
            (signing_key, encryption_key),
            fingerprint,
        ),
        OrderOp::RemovePeer { name } => people::remove_peer(state, name),
        OrderOp::SetIndexPassword { index, verifier } => Ok((
            vec![Event::Device(DeviceEvent::PasswordSet { index, verifier })],
            OrderDone::Done,
        )),
        OrderOp::CombineKeys {
            ceremony,
            keys,
            components,
        } => custody::combine(state, world.clock.now(), ceremony, keys, &components),
        OrderOp::BackUpKeys {
            ceremony,
            keys,
            custody,
        } => custody::back_up(state, world, ceremony, &keys, &custody),
        OrderOp::RestoreKeys {
            ceremony,
            backup,
            shares,
        } => custody::restore(state, world.clock.now(), ceremony, &backup, &shares),
        OrderOp::ReshareKeys {
            ceremony,
            backup,
            shares,
            custody,
        } => custody::reshare(state, world, ceremony, &backup, &shares, &custody),
        OrderOp::SetTerms { peer, terms } => {
            lease::set_terms(state, peer, terms).map(|event| (vec![event], OrderDone::Done))
        }
        OrderOp::SealTranscript {
            ceremony,
            previous,
            transcript,
        } => seal::seal(state, world.clock.now(), ceremony, previous, transcript),
        OrderOp::SetAuditor { secret_hash } => {
            Ok((vec![Event::AuditorSet(secret_hash)], OrderDone::Done))
        }
        OrderOp::SetOperator { secret_hash } => {
            Ok((vec![Event::OperatorSet(secret_hash)], OrderDone::Done))
        }
        OrderOp::LoadPolicy { policy } => {
            policy::check(&policy, state.mark)?;
            let hash = policy::hash(&policy)?;
            Ok((
                vec![Event::PolicySet(Some((policy, hash)))],
                OrderDone::Policy(hash),
            ))
        }
        OrderOp::RemovePolicy => Ok((vec![Event::PolicySet(None)], OrderDone::Done)),
        OrderOp::CreateTicket { ticket } => create_ticket(state, world.clock.now(), ticket),
        OrderOp::CloseTicket { id } => {
            state.ticket(&id)?;
            Ok((vec![Event::TicketClosed(id)], OrderDone::Done))
        }
        OrderOp::ExportPackage {
            receiver,
            purpose,
            entries,
            payload,
        } => packages::export(state, world, &receiver, purpose, &entries, payload),
        OrderOp::ImportPackage { package } => packages::import(state, world.clock.now(), &package),
    }
}

/// What an operation is about, for the audit.
pub(crate) fn object(op: &OrderOp) -> String {
    match op {
        OrderOp::GenerateKey { id, .. }
        | OrderOp::ImportRaw { id, .. }
        | OrderOp::DestroyKey { id }
        | OrderOp::CloseTicket { id } => shown(id),
        OrderOp::Sign { key, .. } => shown(key),
        OrderOp::HoldKey { id, hold } => format!("{} {hold:?}", shown(id)),
        OrderOp::EnrolOfficer { name, .. }
        | OrderOp::RemoveOfficer { name }
        | OrderOp::EnrolPeer { name, .. }
        | OrderOp::RemovePeer { name } => shown(name),
        OrderOp::LoadPolicy { policy } => {
            let hash = policy::hash(policy)
                .map(|h| h.to_string())
                .unwrap_or_default();
            format!("{} {hash}", shown(&policy.name))
        }
        OrderOp::CreateTicket { ticket } => {
            format!("{} {:?} {}", shown(&ticket.id), ticket.kind, ticket.count)
        }
        OrderOp::ExportPackage {
            receiver, entries, ..
        } => format!("{} {} keys", shown(receiver), entries.len()),
        OrderOp::ImportPackage { package } => {
            use sm3::{Digest, Sm3};
            format!("SM3 {}", Hex::<32>(Sm3::digest(package).into()))
        }
        OrderOp::SetIndexPassword { index, .. } => format!("index {index}"),
        OrderOp::CombineKeys { ceremony, keys, .. } => {
            format!("{} keys, ceremony {ceremony}", keys.len())
        }
        OrderOp::BackUpKeys { ceremony, keys, .. } => {
            format!("{} keys, ceremony {ceremony}", keys.len())
        }
        OrderOp::RestoreKeys { ceremony, .. } | OrderOp::ReshareKeys { ceremony, .. } => {
            format!("ceremony {ceremony}")
        }
        OrderOp::SetTerms { peer, terms } => {
            format!(
                "{} {:?} {} s",
                shown(peer),
                terms.standing,
                terms.lease_seconds
            )
        }
        OrderOp::SealTranscript { transcript, .. } => format!("transcript {transcript}"),
        OrderOp::RemovePolicy | OrderOp::SetOperator { .. } | OrderOp::SetAuditor { .. } => {
            String::new()
        }
    }
}

fn create_ticket(state: &State, now: u64, spec: TicketSpec) -> Planned {
    let refuse = |what: &str| Err(HsmError::about(ErrorCode::BadAttributes, what));
    if !valid_name(&spec.id) {
        return Err(HsmError::about(ErrorCode::BadName, "ticket"));
    }
    if state.tickets.contains_key(&spec.id) {
        return Err(HsmError::about(ErrorCode::TicketExists, &spec.id));
    }
    if spec.count == 0 || spec.count > MAX_COUNT {
        return refuse("count");
    }
    if spec.max_attempts_per_factor == 0 || spec.max_attempts_per_factor > MAX_ATTEMPTS {
        return refuse("max_attempts_per_factor is 1 to 100");
    }
    if spec.not_after <= now {
        return refuse("not_after lies in the past");
    }
    if spec.base_keys.is_empty()
        || spec.base_keys.len() > MAX_BASE_KEYS
        || !spec.base_keys.iter().all(|k| valid_name(k))
    {
        return refuse("base_keys names 1 to 32 keys");
    }
    let status = TicketStatus {
        spec: spec.clone(),
        used: 0,
        answers: 0,
        closed: false,
        created: now,
    };
    Ok((
        vec![Event::TicketAdded(spec, now)],
        OrderDone::Ticket(Box::new(status)),
    ))
}
