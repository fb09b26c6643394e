//! Applicant after applicant, card after card at one reader.

use std::collections::VecDeque;

use cardlib_reader::Card;
use issuance_application::Applicant;

use crate::engine::{Examiner, Outcome, Station};
use crate::fault::Fault;
use crate::ports::{Service, ServiceFault};

/// A reader into which somebody puts cards.
pub trait Slot {
    /// Waits for a card and powers it.
    ///
    /// # Errors
    /// None came in time, or the reader failed.
    fn card(&mut self) -> Result<Box<dyn Card>, Fault>;

    /// Waits until the card is taken out.
    ///
    /// # Errors
    /// It is still there, or the reader failed.
    fn removed(&mut self) -> Result<(), Fault>;
}

/// What somebody wants to hear while it goes on.
pub trait Listener {
    /// A card is waited for; so many were taken before.
    fn waiting(&mut self, taken: usize);
    /// A card is done with.
    fn done(&mut self, outcome: &Outcome);
}

/// What to do in one run.
pub struct Plan<'a> {
    /// Rows that may be issued.
    pub applicants: &'a [Applicant],
    /// Only finish what is half made.
    pub only_half_made: bool,
    /// Cards to take at most.
    pub cards: usize,
}

/// What a run came to.
#[derive(Default)]
pub struct Ended {
    /// Every card that was in the reader, in order.
    pub outcomes: Vec<Outcome>,
    /// Applicants whom the registry refuses a card, because they have one or another is being made for them.
    pub passed_over: Vec<(usize, ServiceFault)>,
    /// Applicants whose turn never came.
    pub not_reached: Vec<usize>,
    /// Cards registered without a card in the reader: read back earlier.
    pub settled: usize,
    /// Serials of such cards that the registry refuses.
    pub unsettled: Vec<(String, ServiceFault)>,
    /// Why the run ended before its time.
    pub fault: Option<Fault>,
}

/// Whether the registry refuses the person and not the card: the card can serve the next one.
fn refuses_the_person(fault: &ServiceFault) -> bool {
    fault.service == Service::Registry
        && fault
            .slug
            .as_deref()
            .is_some_and(|slug| slug.starts_with("person-"))
}

/// Works through the plan.
pub fn run(
    station: &mut Station<'_>,
    slot: &mut dyn Slot,
    examiner: &mut dyn Examiner,
    plan: &Plan<'_>,
    listener: &mut dyn Listener,
) -> Ended {
    let mut ended = Ended::default();
    match station.settle() {
        Ok((settled, refused)) => (ended.settled, ended.unsettled) = (settled, refused),
        Err(fault) => ended.fault = Some(fault),
    }
    let mut held = station.held(plan.applicants);
    let fresh = |at: &usize| !plan.only_half_made && !held.contains(at);
    let mut queue: VecDeque<usize> = (0..plan.applicants.len()).filter(fresh).collect();
    let mut taken = 0;
    while ended.fault.is_none() && taken < plan.cards && !(queue.is_empty() && held.is_empty()) {
        if taken > 0
            && let Err(fault) = slot.removed()
        {
            ended.fault = Some(fault);
            break;
        }
        listener.waiting(taken);
        let mut card = match slot.card() {
            Ok(card) => card,
            Err(fault) => {
                ended.fault = Some(fault);
                break;
            }
        };
        taken += 1;
        let passed = &mut ended.passed_over;
        let outcome = one(
            station,
            card.as_mut(),
            examiner,
            plan.applicants,
            &mut queue,
            passed,
        );
        drop(card);
        let Some(outcome) = outcome else { continue };
        if let (Some(at), true) = (outcome.applicant, outcome.serial.is_some()) {
            queue.retain(|other| *other != at);
            match outcome.result {
                Ok(_) => held.retain(|other| *other != at),
                // Half made now, unless the job was given up: then the person is not held by a card.
                Err(_) => held = station.held(plan.applicants),
            }
        }
        listener.done(&outcome);
        let stop = outcome.result.as_ref().is_err_and(Fault::ends_the_run);
        ended.outcomes.push(outcome);
        if stop {
            break;
        }
    }
    ended.not_reached = queue.into_iter().collect();
    ended
}

/// Makes one card. Persons whom the registry refuses are passed over and the card serves the next one; nothing when
/// nobody is left for it.
fn one(
    station: &mut Station<'_>,
    card: &mut dyn Card,
    examiner: &mut dyn Examiner,
    applicants: &[Applicant],
    queue: &mut VecDeque<usize>,
    passed_over: &mut Vec<(usize, ServiceFault)>,
) -> Option<Outcome> {
    loop {
        let next = queue.front().copied();
        let outcome = station.card(card, examiner, applicants, next);
        match outcome.result {
            Err(Fault::Service(fault)) if refuses_the_person(&fault) => {
                passed_over.push((outcome.applicant.or(next)?, fault));
                queue.pop_front();
                if queue.is_empty() {
                    return None;
                }
            }
            _ => return Some(outcome),
        }
    }
}
