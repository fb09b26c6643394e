//! What the operator may do with keys, besides filling.

use crate::fill;
use crate::keys::Uses;
use crate::lease;
use crate::state::{Event, State, shown};
use crate::world::World;
use hsm_wire::fill::FillRequest;
use hsm_wire::frame::MAX_FRAME;
use hsm_wire::operator::{MAX_BATCH, MAX_SIGNATURES, OperatorAnswer, OperatorRequest, SignInput};
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Hex, HsmError, Usage};

const MAX_RANDOM: u16 = 1024;
const MAX_MESSAGE: usize = 65_536;

/// What a request wants: changes and an answer.
pub(crate) type Planned = Result<(Vec<Event>, OperatorAnswer), HsmError>;

/// Reads that use no key and change nothing; they are not audited. `None`: not one of them.
pub(crate) fn read(
    state: &State,
    world: &mut World,
    request: &OperatorRequest,
) -> Option<Result<OperatorAnswer, HsmError>> {
    Some(match request {
        OperatorRequest::Info => Ok(OperatorAnswer::Info(Box::new(state.info()))),
        OperatorRequest::ListKeys => Ok(OperatorAnswer::Keys(state.keys.infos())),
        OperatorRequest::Key { id } => state
            .key(id)
            .map(|k| OperatorAnswer::Key(Box::new(k.info.clone()))),
        OperatorRequest::ListPeers => Ok(OperatorAnswer::Peers(
            state
                .peers
                .iter()
                .map(|(name, peer)| peer.info(name))
                .collect(),
        )),
        OperatorRequest::ListTickets => Ok(OperatorAnswer::Tickets(
            state
                .tickets
                .values()
                .map(crate::state::Ticket::status)
                .collect(),
        )),
        OperatorRequest::Ticket { id } => state
            .ticket(id)
            .map(|t| OperatorAnswer::Ticket(Box::new(t.status()))),
        OperatorRequest::Random { length } => random(world, *length),
        OperatorRequest::Leases => Ok(OperatorAnswer::Leases(state.leases.list())),
        OperatorRequest::LastPackage { peer } => {
            let package = state.peer(peer).map(|p| p.last_package.clone());
            package.and_then(|p| {
                p.map(OperatorAnswer::Package)
                    .ok_or_else(|| ErrorCode::NoSuchPackage.into())
            })
        }
        _ => return None,
    })
}

fn random(world: &mut World, length: u16) -> Result<OperatorAnswer, HsmError> {
    if !(1..=MAX_RANDOM).contains(&length) {
        return Err(HsmError::about(
            ErrorCode::TooLarge,
            "1 to 1024 random bytes",
        ));
    }
    let mut bytes = vec![0; usize::from(length)];
    world.entropy.fill(&mut bytes)?;
    Ok(OperatorAnswer::Random(bytes))
}

/// Plans a request that uses a key.
pub(crate) fn plan(state: &State, world: &mut World, request: &OperatorRequest) -> Planned {
    match request {
        OperatorRequest::Mac {
            key,
            message,
            length,
        } => mac(state, world.clock.now(), key, message, *length),
        OperatorRequest::Sm2Sign { key, input } => sign(state, world.clock.now(), key, input),
        OperatorRequest::Sm2SignMany { key, inputs } => {
            sign_many(state, world.clock.now(), key, inputs)
        }
        OperatorRequest::FillCard(request) => {
            fill_answer(fill::plan(state, world, Target::Card, request))
        }
        OperatorRequest::FillSam(request) => {
            fill_answer(fill::plan(state, world, Target::Sam, request))
        }
        OperatorRequest::IssueLease { peer } => {
            let (event, text) = lease::issue(state, world.clock.now(), peer)?;
            Ok((vec![event], OperatorAnswer::Lease(text)))
        }
        OperatorRequest::TakeLease { lease: text } => {
            let event = lease::take(state, world.clock.now(), text)?;
            Ok((vec![event], OperatorAnswer::LeaseTaken))
        }
        _ => Err(ErrorCode::BadRequest.into()),
    }
}

fn fill_answer(planned: fill::Planned) -> Planned {
    planned.map(|(events, answer)| (events, OperatorAnswer::Filled(Box::new(answer))))
}

/// What the audit says of a fill.
pub(crate) fn filled(request: &FillRequest) -> String {
    format!(
        "{} factor {} request {}",
        shown(&request.ticket),
        Hex(request.factor),
        Hex(request.request_id)
    )
}

/// What the audit says of a batch that was refused whole.
pub(crate) fn batch_of(requests: &[FillRequest]) -> String {
    format!("a batch of {}", requests.len())
}

/// Whether a batch may be looked at.
pub(crate) fn check_batch(requests: &[FillRequest]) -> Result<(), HsmError> {
    let answer: usize = requests.iter().map(fill::answer_bound).sum();
    if requests.is_empty() || requests.len() > MAX_BATCH || answer > MAX_FRAME - 1024 {
        return Err(HsmError::about(
            ErrorCode::TooLarge,
            "a batch of 1 to 64, whose answer fits a frame",
        ));
    }
    Ok(())
}

/// Name and object for the audit.
pub(crate) fn describe(request: &OperatorRequest) -> (&'static str, String) {
    match request {
        OperatorRequest::Mac { key, .. } => ("mac", shown(key)),
        OperatorRequest::Sm2Sign { key, .. } => ("sm2-sign", shown(key)),
        OperatorRequest::Sm2SignMany { key, inputs } => {
            ("sm2-sign", format!("{} {} times", shown(key), inputs.len()))
        }
        OperatorRequest::FillCard(request) => ("fill-card", filled(request)),
        OperatorRequest::FillSam(request) => ("fill-sam", filled(request)),
        OperatorRequest::FillCards(requests) => ("fill-card", batch_of(requests)),
        OperatorRequest::FillSams(requests) => ("fill-sam", batch_of(requests)),
        OperatorRequest::Info => ("info", String::new()),
        OperatorRequest::ListKeys => ("list-keys", String::new()),
        OperatorRequest::Key { id } => ("key", shown(id)),
        OperatorRequest::ListPeers => ("list-peers", String::new()),
        OperatorRequest::ListTickets => ("list-tickets", String::new()),
        OperatorRequest::Ticket { id } => ("ticket", shown(id)),
        OperatorRequest::Random { .. } => ("random", String::new()),
        OperatorRequest::LastPackage { peer } => ("last-package", shown(peer)),
        OperatorRequest::Audit { .. } => ("audit", String::new()),
        OperatorRequest::IssueLease { peer } => ("issue-lease", shown(peer)),
        OperatorRequest::TakeLease { lease } => ("take-lease", fingerprint_of(lease)),
        OperatorRequest::Leases => ("list-leases", String::new()),
        OperatorRequest::Device(_) => ("device", String::new()),
        OperatorRequest::Hello { .. } | OperatorRequest::HelloAuditor { .. } => {
            ("hello", String::new())
        }
    }
}

/// SM3 of a text from outside.
fn fingerprint_of(text: &str) -> String {
    use sm3::{Digest, Sm3};
    format!("SM3 {}", Hex::<32>(Sm3::digest(text).into()))
}

fn mac(state: &State, now: u64, id: &str, message: &[u8], length: u8) -> Planned {
    let key = state.key(id)?;
    if key.usage() != Usage::Mac {
        return Err(HsmError::about(ErrorCode::NotPermitted, id));
    }
    key.check_usable(now, 0)?;
    if message.len() > MAX_MESSAGE || !(1..=8).contains(&length) {
        return Err(HsmError::about(
            ErrorCode::TooLarge,
            "message, or MAC of 1 to 8 bytes",
        ));
    }
    let mac = key.block()?.cbc_mac(message);
    Ok((
        key.use_event().into_iter().collect(),
        OperatorAnswer::Mac(mac[..usize::from(length)].to_vec()),
    ))
}

fn sign(state: &State, now: u64, id: &str, input: &SignInput) -> Planned {
    let (events, signatures) = signatures(state, now, id, std::slice::from_ref(input))?;
    let signature = signatures.into_iter().next().ok_or(ErrorCode::Internal)?;
    Ok((events, OperatorAnswer::Signature(signature)))
}

fn sign_many(state: &State, now: u64, id: &str, inputs: &[SignInput]) -> Planned {
    if inputs.is_empty() || inputs.len() > MAX_SIGNATURES {
        return Err(HsmError::about(ErrorCode::TooLarge, "1 to 1024 signatures"));
    }
    let (events, signatures) = signatures(state, now, id, inputs)?;
    Ok((events, OperatorAnswer::Signatures(signatures)))
}

fn signatures(
    state: &State,
    now: u64,
    id: &str,
    inputs: &[SignInput],
) -> Result<(Vec<Event>, Vec<Hex<64>>), HsmError> {
    let key = state.key(id)?;
    // The key of an index wants its password (`device`).
    if key.usage() != Usage::Sign || hsm_wire::device::is_indexed(id) {
        return Err(HsmError::about(ErrorCode::NotPermitted, id));
    }
    let mut uses = Uses::default();
    for input in inputs {
        uses.take(key, now)?;
        if matches!(input, SignInput::Message(message) if message.len() > MAX_MESSAGE) {
            return Err(HsmError::about(ErrorCode::TooLarge, "message"));
        }
    }
    Ok((uses.into_events(), key.material.sign_all(inputs)?))
}
