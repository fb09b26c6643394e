//! Runs a plan on a bench: orientation on each sample, attempts and repeats, progress, and the tally.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::bench::Bench;
use crate::engine::settle::settle;
use crate::engine::symbols::Known;
use crate::engine::talk::{Limits, Talk};
use crate::engine::{self, Outcome};
use crate::evidence::record::{CaseEnd, CaseHead, Facts, Record, Sink, Verdict};
use crate::hierarchy::Preset;
use crate::orient::orient;
use crate::plan::{Plan, Planned};
use crate::suite::{Case, Covers, Kind};

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Manner {
    pub preset: Preset,
    pub kind: Kind,
    /// Given by a server, or drawn.
    pub seed: String,
    /// How often each case without scar runs; above 1 it shows unstable products.
    pub repeats: u32,
    pub limits: Limits,
}

/// How many of each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub pass: usize,
    pub fail: usize,
    pub inconclusive: usize,
    pub skipped: usize,
}

impl Tally {
    pub fn count(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fail => &mut self.fail,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Skipped => &mut self.skipped,
        } += 1;
    }
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{0}")]
    Bench(String),
    #[error(
        "{0} cases in a row came to no verdict, the last: {1}. See to reader and product, then give the same order again: it goes on from here"
    )]
    Lost(usize, String),
    #[error(
        "the product did not come back: {0}. See to reader and product, then give the same order again: it goes on from here"
    )]
    Gone(String),
}

/// A product that is mute or gone costs the longest time of a command with each case: after so many the run stops.
pub const PATIENCE: usize = 10;

/// Told after each case.
pub type Progress<'a> = dyn FnMut(&CaseEnd, usize, usize) + 'a;

/// Runs the plan; cases named in `done` were run before the interruption and are left out.
///
/// # Errors
/// [`RunError`] when the bench is gone for good.
pub fn run(
    plan: &Plan<'_>,
    manner: &Manner,
    bench: &mut dyn Bench,
    sink: &mut dyn Sink,
    done: &BTreeSet<String>,
    progress: &mut Progress<'_>,
) -> Result<Vec<CaseEnd>, RunError> {
    let began = Instant::now();
    let mut ends = Vec::new();
    let mut current = 0;
    let mut known = None;
    let mut lost = 0;
    for (at, planned) in plan.cases.iter().enumerate() {
        if done.contains(&planned.case.id) {
            continue;
        }
        let end = match planned.skip {
            Some(skip) => skipped(planned.case, sink, began, skip.text()),
            None => {
                if planned.sample != current {
                    current = planned.sample;
                    bench.sample(current).map_err(RunError::Bench)?;
                    known = Some(orient(manner, bench, sink, current)?);
                }
                match &mut known {
                    Some((known, facts)) => {
                        attempts(planned, manner, known, facts, bench, sink, began)?
                    }
                    None => skipped(planned.case, sink, began, "no sample"),
                }
            }
        };
        sink.note(&Record::Verdict(end.clone()));
        progress(&end, at + 1, plan.cases.len());
        match end.verdict {
            Verdict::Inconclusive => lost += 1,
            Verdict::Pass | Verdict::Fail => lost = 0,
            Verdict::Skipped => {}
        }
        if lost >= PATIENCE {
            return Err(RunError::Lost(lost, end.reason.unwrap_or_default()));
        }
        ends.push(end);
    }
    Ok(ends)
}

fn skipped(case: &Case, sink: &mut dyn Sink, began: Instant, why: &str) -> CaseEnd {
    sink.note(&Record::Case(Box::new(head(case, 1, began))));
    CaseEnd {
        id: case.id.clone(),
        verdict: Verdict::Skipped,
        unstable: false,
        reason: Some(why.to_owned()),
        finding: None,
        commands: 0,
        ms: 0,
    }
}

fn head(case: &Case, attempt: u32, began: Instant) -> CaseHead {
    CaseHead {
        id: case.id.clone(),
        group: case.group.clone(),
        group_title: case.group_title.clone(),
        title: case.title.clone(),
        purpose: case.purpose.clone(),
        clause: case.clause.clone(),
        covers: case
            .covers
            .iter()
            .cloned()
            .map(|covers: Covers| covers.into())
            .collect(),
        severity: case.severity,
        destructive: case.is_destructive(),
        attempt,
        at_ms: millis(began),
    }
}

/// Attempts: one; as many as asked for where the case leaves no scar; after a failure or trouble once or twice more, to tell
/// an unstable product from a wrong one. A case with a scar has one attempt: the second would meet another product.
///
/// # Errors
/// [`RunError::Gone`].
fn attempts(
    planned: &Planned<'_>,
    manner: &Manner,
    known: &mut Known,
    facts: &Facts,
    bench: &mut dyn Bench,
    sink: &mut dyn Sink,
    began: Instant,
) -> Result<CaseEnd, RunError> {
    let case = planned.case;
    if case.needs.iter().any(|need| need == "raw-t0") && facts.reader_fetches {
        let why = "the reader fetches waiting bytes itself, so 61xx cannot be seen";
        return Ok(skipped(case, sink, began, why));
    }
    if case.needs.iter().any(|need| need == "cut") && !bench.can_cut() {
        return Ok(skipped(
            case,
            sink,
            began,
            "the power cannot be cut inside a command on this bench",
        ));
    }
    if case.needs.iter().any(|need| need == "sam") && facts.sam_atr.is_none() {
        return Ok(skipped(case, sink, began, "no SAM (--sam-reader)"));
    }
    let started = Instant::now();
    let (mut commands, mut outcomes) = (0, Vec::<Outcome>::new());
    let wanted = if case.is_destructive() {
        1
    } else {
        manner.repeats.max(1)
    };
    let mut attempt = 1;
    loop {
        sink.note(&Record::Case(Box::new(head(case, attempt, began))));
        // A failure is tried again with the same chance, so that what differs is the product's doing.
        known.place = format!(
            "{}#{}",
            case.id,
            1 + outcomes
                .iter()
                .filter(|o| o.verdict == Verdict::Pass)
                .count()
        );
        let mut talk = Talk::new(bench, sink, manner.limits);
        let outcome = engine::run(case, known, &mut talk);
        commands += talk.sent;
        if outcome.verdict == Verdict::Inconclusive {
            if let Err(cause) = bench.recover() {
                let what = cause.to_string();
                sink.note(&Record::Trouble { what: what.clone() });
                return Err(RunError::Gone(what));
            }
            let mut talk = Talk::new(bench, sink, manner.limits);
            settle(manner.kind, known, &mut talk);
            commands += talk.sent;
        }
        let troubled = outcomes
            .iter()
            .filter(|o| o.verdict != Verdict::Pass)
            .count();
        let again = match outcome.verdict {
            Verdict::Pass | Verdict::Skipped => attempt < wanted,
            Verdict::Fail | Verdict::Inconclusive => troubled < 1 || attempt < wanted,
        };
        outcomes.push(outcome);
        if !again || case.is_destructive() {
            break;
        }
        attempt += 1;
    }
    Ok(conclude(case, &outcomes, commands, started))
}

/// One verdict of several attempts. The environment's trouble does not count where another attempt went through.
fn conclude(case: &Case, outcomes: &[Outcome], commands: usize, started: Instant) -> CaseEnd {
    let of = |verdict| outcomes.iter().filter(move |o| o.verdict == verdict);
    let failed = of(Verdict::Fail).next();
    let passed = of(Verdict::Pass).next();
    let unstable = failed.is_some() && passed.is_some();
    let chosen = failed.or(passed).or(outcomes.last());
    let reason = chosen.and_then(|o| o.reason.clone());
    // What a card does after it was lost in the middle of the same case may come from what it had done unseen.
    if let (Some(lost), Some(_)) = (of(Verdict::Inconclusive).next(), failed) {
        let (lost, after) = (lost.reason.clone(), reason.unwrap_or_default());
        return CaseEnd {
            id: case.id.clone(),
            verdict: Verdict::Inconclusive,
            unstable: false,
            reason: Some(format!("{}; thereafter {after}", lost.unwrap_or_default())),
            finding: None,
            commands,
            ms: millis(started),
        };
    }
    CaseEnd {
        id: case.id.clone(),
        verdict: chosen.map_or(Verdict::Skipped, |o| o.verdict),
        unstable,
        reason: if unstable {
            reason.map(|r| format!("unstable, another attempt passed; {r}"))
        } else {
            reason
        },
        finding: chosen.and_then(|o| o.finding.clone()),
        commands,
        ms: millis(started),
    }
}

fn millis(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
