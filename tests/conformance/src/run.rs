//! Runs a plan on a bench: orientation on each sample, attempts and repeats, progress, and the tally.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::engine::settle::settle;
use crate::engine::symbols::Known;
use crate::engine::talk::{Answer, Limits, Talk, Trouble};
use crate::engine::{self, Outcome};
use crate::evidence::record::{CaseEnd, CaseHead, Facts, Record, Sink, Verdict};
use crate::hierarchy::{Home, Preset};
use crate::plan::{Plan, Planned};
use crate::step::Which;
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

/// Reads from a new sample what the formulas need: factor (ATR), area (free record 57 or the SAM's 0015), the reader's manners.
fn orient(
    manner: &Manner,
    bench: &mut dyn Bench,
    sink: &mut dyn Sink,
    number: u32,
) -> Result<(Known, Facts), RunError> {
    let mut last = None;
    for _ in 0..3 {
        match look(manner, bench, sink) {
            Ok((home, facts)) => {
                sink.note(&Record::Sample {
                    number,
                    facts: facts.clone(),
                });
                let known = Known {
                    preset: manner.preset,
                    home,
                    seed: manner.seed.clone(),
                    place: String::new(),
                    challenge: None,
                    old: None,
                    reader_fetches: facts.reader_fetches,
                    last_ms: 0,
                    saved: std::collections::BTreeMap::new(),
                    challenges: BTreeSet::new(),
                };
                return Ok((known, facts));
            }
            Err(Trouble::Environment(what) | Trouble::Product(what) | Trouble::Case(what)) => {
                sink.note(&Record::Trouble { what: what.clone() });
                last = Some(what);
                bench
                    .recover()
                    .map_err(|e| RunError::Bench(e.to_string()))?;
            }
        }
    }
    Err(RunError::Bench(last.unwrap_or_default()))
}

fn look(
    manner: &Manner,
    bench: &mut dyn Bench,
    sink: &mut dyn Sink,
) -> Result<(Home, Facts), Trouble> {
    let has = |bench: &mut dyn Bench, which| bench.chip(which).map(|chip| chip.is_some());
    let (card, sam) = (has(bench, Which::Card)?, has(bench, Which::Sam)?);
    let main = manner.kind.main_chip();
    let missing = if main == Which::Card { !card } else { !sam };
    if missing {
        return Err(Trouble::Environment(format!(
            "the {} suite needs a {}",
            manner.kind.word(),
            main.word()
        )));
    }
    let mut talk = Talk::new(
        bench,
        sink,
        Limits {
            commands: 100,
            time: Duration::from_secs(120),
        },
    );
    let mut facts = Facts::default();
    // Products without a readable factor or area are tested too: their cases fail, one by one.
    let mut home = Home {
        factor: [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88],
        area: [0x41, 0x01],
    };
    if sam {
        facts.sam_atr = Some(hex::encode_upper(talk.reset(Which::Sam)?));
        if main == Which::Sam {
            facts.reader_fetches = fetches(&mut talk, Which::Sam)?;
        }
        let select = [0x00, 0xA4, 0x00, 0x0C, 0x02, 0x00, 0x15];
        tolerated(talk.ask(Which::Sam, &select))?;
        let info = tolerated(talk.ask(Which::Sam, &[0x00, 0xB0, 0x00, 0x00, 0x0E]))?;
        if let Some(area) = info.data.first_chunk::<2>() {
            home.area = *area;
        }
    }
    if card {
        let atr = talk.reset(Which::Card)?;
        if let Some(factor) = atr.get(4..12).and_then(|bytes| bytes.first_chunk::<8>()) {
            home.factor = *factor;
        }
        facts.card_atr = Some(hex::encode_upper(&atr));
        if main == Which::Card {
            facts.reader_fetches = fetches(&mut talk, Which::Card)?;
        }
        let name = [&[0x00, 0xA4, 0x04, 0x0C, 0x0C][..], b"WS.SYS.DDF01"].concat();
        tolerated(talk.ask(Which::Card, &name))?;
        let select = [0x00, 0xA4, 0x00, 0x0C, 0x02, 0xEF, 0x05];
        tolerated(talk.ask(Which::Card, &select))?;
        let area = tolerated(talk.ask(Which::Card, &[0x00, 0xB2, 57, 0x00, 0x00]))?;
        if let Some(area) = area
            .data
            .get(2..4)
            .and_then(|bytes| bytes.first_chunk::<2>())
        {
            home.area = *area;
        }
    }
    talk.close();
    facts.area = hex::encode(home.area);
    facts.factor = hex::encode_upper(home.factor);
    Ok((home, facts))
}

/// A product that breaks the protocol tells nothing of itself; its cases fail, one by one.
fn tolerated(answer: Result<Answer, Trouble>) -> Result<Answer, Trouble> {
    match answer {
        Err(Trouble::Product(_)) => Ok(Answer {
            data: Vec::new(),
            status: 0x6F00,
        }),
        other => other,
    }
}

/// Whether `61 L` never arrives: SELECT with FCI comes with its data at once.
fn fetches(talk: &mut Talk<'_>, which: Which) -> Result<bool, Trouble> {
    let select = talk.exactly(which, &[0x00, 0xA4, 0x00, 0x00, 0x02, 0x3F, 0x00]);
    let select = tolerated(select)?;
    Ok(select.status == 0x9000 && !select.data.is_empty())
}

fn millis(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
