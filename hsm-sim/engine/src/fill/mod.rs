//! `fill_card` and `fill_sam`: the two operations of the HSM port, with its rules.
//!
//! The order of checks: mark and mechanism · sizes · a repeated request id · ticket · base key and slots · each step
//! against the skeleton policy. Nothing is answered before quota and audit are durable (the engine sees to that).

mod build;
mod keys;

use crate::control::{Control, enforced};
use crate::keys::Uses;
use crate::lease;
use crate::scp::{self, Session};
use crate::state::{Event, State, Ticket};
use crate::world::World;
use hsm_wire::fill::{
    Factor, FillAnswer, FillRequest, MECHANISM, ScriptStep, Segment, Step, script_digest,
};
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Hex, HsmError, valid_name};
use keys::SlotKeys;
use sm3::{Digest, Sm3};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

const MAX_STEPS: usize = 1024;
const MAX_SLOTS: usize = 512;
const MAX_TEXTS: usize = 16;
const MAX_MESSAGE: usize = 256;
const MAX_SEGMENTS: usize = 8;
const MAX_FACTORS: usize = 4;

/// What a fill gives, and what must be durable before it is given (nothing, for a stored answer).
pub(crate) type Planned = Result<(Vec<Event>, FillAnswer), HsmError>;

/// Plans one fill.
pub(crate) fn plan(
    state: &State,
    world: &mut World,
    target: Target,
    request: &FillRequest,
) -> Planned {
    let mut planned = plan_all(state, world, target, std::slice::from_ref(request));
    planned
        .pop()
        .unwrap_or_else(|| Err(ErrorCode::Internal.into()))
}

/// Plans the fills of a batch, each with its own outcome, in order: a ticket's last count goes to whoever comes first.
/// Their sessions are sealed together.
pub(crate) fn plan_all(
    state: &State,
    world: &mut World,
    target: Target,
    requests: &[FillRequest],
) -> Vec<Planned> {
    let mut batch = Batch::default();
    let mut sessions = Vec::new();
    let drafted: Vec<Result<Drafted<'_>, HsmError>> = requests
        .iter()
        .map(|request| {
            let drafted = batch.draft(state, world, target, request)?;
            Ok(match drafted {
                Drafted::New {
                    fill,
                    sessions: own,
                } => {
                    let count = own.len();
                    sessions.extend(own);
                    Drafted::Sealing { fill, count }
                }
                stored => stored,
            })
        })
        .collect();
    let mut sealed = scp::seal(sessions).into_iter();
    drafted
        .into_iter()
        .map(|drafted| match drafted? {
            Drafted::Stored(answer) => Ok((Vec::new(), *answer)),
            Drafted::Sealing { fill, count } => {
                Ok(fill.finish(sealed.by_ref().take(count).flatten().collect()))
            }
            Drafted::New { .. } => Err(ErrorCode::Internal.into()),
        })
        .collect()
}

/// One fill on its way.
enum Drafted<'a> {
    /// The request id was answered before.
    Stored(Box<FillAnswer>),
    New {
        fill: Fill<'a>,
        sessions: Vec<Session>,
    },
    /// Its sessions, so many, are being sealed with the others'.
    Sealing { fill: Fill<'a>, count: usize },
}

/// A fill that was checked, without its steps.
struct Fill<'a> {
    request: &'a FillRequest,
    content: Hex<32>,
    check_values: Vec<Hex<3>>,
    mac_texts: Vec<String>,
    quota_left: u64,
    policy: Hex<32>,
    uses: Uses,
}

impl Fill<'_> {
    fn finish(self, steps: Vec<ScriptStep>) -> (Vec<Event>, FillAnswer) {
        let answer = FillAnswer {
            request_id: self.request.request_id,
            digest: script_digest(&steps),
            steps,
            check_values: self.check_values,
            mac_texts: self.mac_texts,
            quota_left: self.quota_left,
            policy: self.policy,
        };
        let event = Event::Filled {
            ticket: self.request.ticket.clone(),
            factor: self.request.factor,
            content: self.content,
            answer: Box::new(answer.clone()),
        };
        let mut events = self.uses.into_events();
        events.push(event);
        (events, answer)
    }
}

/// What the fills of a batch that were planned already will change.
#[derive(Default)]
struct Batch {
    request_ids: BTreeSet<[u8; 16]>,
    /// Ticket and factor.
    factors: BTreeSet<(String, Factor)>,
    /// Counts that they take off each ticket.
    spent: BTreeMap<String, u64>,
    uses: Uses,
}

impl Batch {
    fn draft<'a>(
        &mut self,
        state: &State,
        world: &mut World,
        target: Target,
        request: &'a FillRequest,
    ) -> Result<Drafted<'a>, HsmError> {
        if request.mark != state.mark && enforced(Control::Mark) {
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
            return Ok(Drafted::Stored(Box::new(stored.answer.clone())));
        }
        let mine = (request.ticket.clone(), request.factor);
        if self.request_ids.contains(&request.request_id) || self.factors.contains(&mine) {
            return Err(ErrorCode::TwiceInBatch.into());
        }
        let ticket = state.ticket(&request.ticket)?;
        let spent = self.spent.get(&request.ticket).copied().unwrap_or(0);
        check_ticket(ticket, spent, world.clock.now(), target, request)?;
        let new = u64::from(!ticket.factors.contains_key(&request.factor));
        let planned: u64 = self.spent.values().sum();
        lease::check(state, world.clock.now(), planned + new, named(request))?;
        let mut uses = self.uses.clone();
        let now = world.clock.now();
        let keys = SlotKeys::derive(state, ticket, target, request, (now, &mut uses))?;
        let (policy, policy_hash) = state.policy.as_ref().ok_or(ErrorCode::NoPolicy)?;
        let sessions = build::draft(state, world, policy, target, request, &keys)?;
        let spent = spent + u64::from(!ticket.factors.contains_key(&request.factor));
        let fill = Fill {
            request,
            content,
            check_values: keys.check_values(),
            mac_texts: keys.mac_texts().to_vec(),
            quota_left: ticket.spec.count.saturating_sub(ticket.used + spent),
            policy: *policy_hash,
            uses: uses.since(&self.uses),
        };
        self.uses = uses;
        self.request_ids.insert(request.request_id);
        self.spent.insert(request.ticket.clone(), spent);
        self.factors.insert(mine);
        Ok(Drafted::New { fill, sessions })
    }
}

/// Every key that a request names.
fn named(request: &FillRequest) -> impl Iterator<Item = &str> + Clone {
    let slots = request.slots.iter().chain([&request.base]);
    slots
        .map(|derived| derived.key.as_str())
        .chain(request.mac_texts.iter().map(|text| text.key.as_str()))
}

/// An upper bound of what a request's answer takes on the wire: a batch whose answer would not fit is refused whole,
/// before anything is spent.
pub(crate) fn answer_bound(request: &FillRequest) -> usize {
    let steps = request.steps.iter().map(|step| match step {
        Step::Open { .. } => 80,
        Step::Command { segments, .. } => {
            let data = segments.iter().map(|segment| match segment {
                Segment::Literal(bytes) => bytes.len(),
                _ => 32,
            });
            // Header, Lc, padding, MAC, status word, lengths.
            40 + data.sum::<usize>()
        }
    });
    128 + steps.sum::<usize>() + 3 * request.slots.len() + 16 * request.mac_texts.len()
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
    spent: u64,
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
        None if ticket.used + spent >= ticket.spec.count && enforced(Control::Quota) => {
            Err(ErrorCode::TicketEmpty.into())
        }
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
