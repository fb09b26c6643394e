//! Keys of chips outside a script: one into a session key, or many wrapped. Both cost a card ticket one count for each
//! distinct last factor, as a fill does, and give only what may leave to a card: diversified as deeply as the key's
//! attributes ask.

use super::pairs::wrapper;
use super::persistent::DeviceEvent;
use super::session::session_key;
use super::{DeviceSession, Effect, Planned, too_large};
use crate::algorithms::Cipher;
use crate::cipher::{Block, Sm4Key, diversify_all};
use crate::keys::Key;
use crate::lease;
use crate::state::{Event, State};
use crate::uses::Uses;
use crate::world::World;
use hsm_wire::device::{DeviceAnswer, MAX_CHAINS, MAX_PARENTS};
use hsm_wire::fill::Factor;
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Hex, HsmError, Usage};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Deepest chain.
const MAX_LEVELS: usize = 4;
/// Most wrapped keys of one answer, which must fit a frame.
const MAX_RESULTS: usize = 32_768;

type Done = Result<(Vec<Event>, Effect, DeviceAnswer), HsmError>;

fn planned(done: Done) -> Planned {
    match done {
        Ok((events, effect, answer)) => (events, Ok((effect, answer))),
        Err(error) => (Vec::new(), Err(error)),
    }
}

pub(super) fn diversify(
    state: &State,
    world: &mut World,
    session: &DeviceSession,
    ticket: &str,
    key: &str,
    factors: &[Factor],
) -> Planned {
    let work = || {
        let handle = session.next()?;
        check_chain(factors)?;
        let parent = parent(state, key, factors.len())?;
        let now = world.clock.now();
        let mut uses = Uses::default();
        uses.take(parent, now)?;
        let mut events = uses.into_events();
        let (event, new) = spend(state, now, ticket, [factors])?;
        lease::check(state, now, new, std::iter::once(key))?;
        events.push(event);
        let made = parent.sm4()?.diversify(factors);
        let answer = DeviceAnswer::Diversified(handle, made.check_value());
        Ok((events, Effect::Key(session_key(made.expose())), answer))
    };
    planned(work())
}

pub(super) fn derive_and_wrap(
    state: &State,
    world: &mut World,
    ticket: &str,
    kek: u32,
    keys: &[String],
    chains: &[Vec<Factor>],
) -> Planned {
    let work = || {
        if !(1..=MAX_PARENTS).contains(&keys.len())
            || !(1..=MAX_CHAINS).contains(&chains.len())
            || keys.len() * chains.len() > MAX_RESULTS
        {
            return Err(too_large("1 to 64 keys, 1 to 1024 chains, 32768 results"));
        }
        let levels = chains.first().map_or(0, Vec::len);
        for chain in chains {
            check_chain(chain)?;
            if chain.len() != levels {
                return Err(HsmError::about(
                    ErrorCode::BadRequest,
                    "chains of one call are equally long",
                ));
            }
        }
        let now = world.clock.now();
        let mut uses = Uses::default();
        let wrapper = wrapper(state, kek)?;
        uses.take(wrapper, now)?;
        let mut parents = Vec::with_capacity(keys.len());
        for id in keys {
            let key = parent(state, id, levels)?;
            for _ in chains {
                uses.take(key, now)?;
            }
            parents.push(key.sm4()?);
        }
        let mut events = uses.into_events();
        let chained = chains.iter().map(Vec::as_slice);
        let (event, new) = spend(state, now, ticket, chained)?;
        lease::check(state, now, new, keys.iter().map(String::as_str))?;
        events.push(event);
        let answer = DeviceAnswer::Derived(wrap_all(wrapper.sm4()?, &parents, chains));
        Ok((events, Effect::None, answer))
    };
    planned(work())
}

/// Every parent by every chain, side by side, and all under the wrapping key.
fn wrap_all(
    wrapper: &Sm4Key,
    parents: &[&Sm4Key],
    chains: &[Vec<Factor>],
) -> Vec<(Hex<16>, Hex<3>)> {
    let work: Vec<(&Block, &[Factor])> = chains
        .iter()
        .flat_map(|chain| {
            parents
                .iter()
                .map(move |key| (key.expose(), chain.as_slice()))
        })
        .collect();
    let made = diversify_all(Cipher::Sm4, &work);
    let mut blocks: Zeroizing<Vec<[u8; 16]>> =
        Zeroizing::new(made.iter().map(|(key, _)| *key.expose()).collect());
    wrapper.schedule().encrypt_each(&mut blocks);
    let wrapped = blocks.iter().map(|block| Hex(*block));
    wrapped.zip(made.iter().map(|(_, check)| *check)).collect()
}

fn check_chain(factors: &[Factor]) -> Result<(), HsmError> {
    if (1..=MAX_LEVELS).contains(&factors.len()) {
        Ok(())
    } else {
        Err(too_large("a chain has 1 to 4 factors"))
    }
}

/// A key that may go to a card after so many further diversifications.
fn parent<'a>(state: &'a State, id: &str, levels: usize) -> Result<&'a Key, HsmError> {
    let key = state.key(id)?;
    let attributes = &key.info.attributes;
    let (Usage::Derive, Some(minimum)) = (attributes.usage, attributes.leaves.card) else {
        return Err(HsmError::about(ErrorCode::NotPermitted, id));
    };
    if usize::from(attributes.depth) + levels < usize::from(minimum) {
        return Err(HsmError::about(ErrorCode::DepthTooSmall, id));
    }
    Ok(key)
}

/// The ticket allows every last factor once more.
fn spend<'a>(
    state: &State,
    now: u64,
    id: &str,
    chains: impl IntoIterator<Item = &'a [Factor]>,
) -> Result<(Event, u64), HsmError> {
    let ticket = state.ticket(id)?;
    let factors: BTreeSet<Factor> = chains
        .into_iter()
        .filter_map(|chain| chain.last().copied())
        .collect();
    let spec = &ticket.spec;
    let refused = |code: ErrorCode| Err(HsmError::from(code));
    if ticket.closed {
        return refused(ErrorCode::TicketClosed);
    }
    if now > spec.not_after {
        return refused(ErrorCode::TicketExpired);
    }
    if spec.kind != Target::Card {
        return refused(ErrorCode::TicketKind);
    }
    let mut new = 0_u64;
    for factor in &factors {
        match ticket.factors.get(factor) {
            Some(attempts) if *attempts >= spec.max_attempts_per_factor => {
                return refused(ErrorCode::TooManyAttempts);
            }
            Some(_) => {}
            None => new += 1,
        }
    }
    if ticket.used + new > spec.count {
        return refused(ErrorCode::TicketEmpty);
    }
    let event = Event::Device(DeviceEvent::Derived {
        ticket: id.to_owned(),
        factors: factors.into_iter().collect(),
    });
    Ok((event, new))
}
