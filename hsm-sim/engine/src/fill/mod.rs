//! `fill_card` and `fill_sam`: the two operations of the HSM port, with its rules.
//!
//! The order of checks: mark and mechanism · sizes · a repeated request id · ticket · base key and slots · each step
//! against the skeleton policy. Nothing is answered before quota and audit are durable (the engine sees to that).

mod build;
mod keys;

use crate::state::{Event, State, Ticket};
use crate::world::World;
use hsm_wire::fill::{FillAnswer, FillRequest, MECHANISM, Segment, Step, script_digest};
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Hex, HsmError, valid_name};
use keys::SlotKeys;
use sm3::{Digest, Sm3};
use zeroize::Zeroizing;

const MAX_STEPS: usize = 1024;
const MAX_SLOTS: usize = 512;
const MAX_TEXTS: usize = 16;
const MAX_MESSAGE: usize = 256;
const MAX_SEGMENTS: usize = 8;
const MAX_FACTORS: usize = 4;

/// Plans one fill: the answer, and what must be durable before it is given.
pub(crate) fn plan(
    state: &State,
    world: &mut World,
    target: Target,
    request: &FillRequest,
) -> Result<(Vec<Event>, FillAnswer), HsmError> {
    if request.mark != state.mark {
        return Err(ErrorCode::MarkMismatch.into());
    }
    if request.mechanism != MECHANISM {
        return Err(ErrorCode::UnknownMechanism.into());
    }
    check_sizes(request)?;
    let content = content_hash(target, request)?;
    if let Some(stored) = state
        .answers
        .iter()
        .find(|a| a.answer.request_id == request.request_id)
    {
        if stored.content != content {
            return Err(ErrorCode::RepeatedScript.into());
        }
        return Ok((Vec::new(), stored.answer.clone()));
    }
    let ticket = state.ticket(&request.ticket)?;
    check_ticket(ticket, world.clock.now(), target, request)?;
    let keys = SlotKeys::derive(state, ticket, target, request)?;
    let (policy, policy_hash) = state.policy.as_ref().ok_or(ErrorCode::NoPolicy)?;
    let steps = build::script(state, world, policy, target, request, &keys)?;
    let first = !ticket.factors.contains_key(&request.factor);
    let answer = FillAnswer {
        request_id: request.request_id,
        digest: script_digest(&steps),
        steps,
        check_values: keys.check_values(),
        mac_texts: keys.mac_texts().to_vec(),
        quota_left: (ticket.spec.count - ticket.used).saturating_sub(u64::from(first)),
        policy: *policy_hash,
    };
    let event = Event::Filled {
        ticket: request.ticket.clone(),
        factor: request.factor,
        content,
        answer: Box::new(answer.clone()),
    };
    Ok((vec![event], answer))
}

/// Rule 6: every field has a limit. (Command data have theirs where they are put together.)
fn check_sizes(request: &FillRequest) -> Result<(), HsmError> {
    let too_large = |what: &str| HsmError::about(ErrorCode::TooLarge, what);
    if request.steps.is_empty() || request.steps.len() > MAX_STEPS {
        return Err(too_large("1 to 1024 steps"));
    }
    if request.slots.len() > MAX_SLOTS || request.mac_texts.len() > MAX_TEXTS {
        return Err(too_large("slots or texts"));
    }
    let lists = request.slots.iter().chain([&request.base]);
    if lists
        .clone()
        .any(|derived| derived.factors.len() > MAX_FACTORS)
    {
        return Err(too_large("factors"));
    }
    let texts = &request.mac_texts;
    if texts
        .iter()
        .any(|t| t.message.len() > MAX_MESSAGE || !(1..=8).contains(&t.digits))
    {
        return Err(too_large("MAC text"));
    }
    let mut names = lists
        .map(|derived| &derived.key)
        .chain(texts.iter().map(|t| &t.key))
        .chain([&request.ticket]);
    if !names.all(|name| valid_name(name)) {
        return Err(ErrorCode::BadName.into());
    }
    for (number, step) in request.steps.iter().enumerate() {
        if let Step::Command { segments, .. } = step
            && (segments.len() > MAX_SEGMENTS
                || segments
                    .iter()
                    .any(|s| matches!(s, Segment::Literal(b) if b.len() > 255)))
        {
            return Err(too_large("command").at(number));
        }
    }
    Ok(())
}

fn check_ticket(
    ticket: &Ticket,
    now: u64,
    target: Target,
    request: &FillRequest,
) -> Result<(), HsmError> {
    if ticket.closed {
        return Err(ErrorCode::TicketClosed.into());
    }
    if now > ticket.spec.not_after {
        return Err(ErrorCode::TicketExpired.into());
    }
    if ticket.spec.kind != target {
        return Err(ErrorCode::TicketKind.into());
    }
    if ticket.requests.contains(&request.request_id) {
        return Err(ErrorCode::AnswerExpired.into());
    }
    match ticket.factors.get(&request.factor) {
        Some(&attempts) if attempts >= ticket.spec.max_attempts_per_factor => {
            Err(ErrorCode::TooManyAttempts.into())
        }
        None if ticket.used >= ticket.spec.count => Err(ErrorCode::TicketEmpty.into()),
        _ => Ok(()),
    }
}

fn content_hash(target: Target, request: &FillRequest) -> Result<Hex<32>, HsmError> {
    let length =
        postcard::experimental::serialized_size(request).map_err(|_| ErrorCode::Internal)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    postcard::to_slice(request, &mut bytes).map_err(|_| ErrorCode::Internal)?;
    let mut hash = Sm3::new();
    hash.update([target as u8]);
    hash.update(&bytes);
    Ok(Hex(hash.finalize().into()))
}
