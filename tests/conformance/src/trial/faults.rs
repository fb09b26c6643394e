//! Defective products hunted by cases: those of the table by the cases of their clause, those drawn by chance by all. A drawn one
//! counts only when a long conversation with a sound card at its side has shown a difference.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::spread;
use crate::app::announced;
use crate::cli;
use crate::hierarchy::PRESETS;
use crate::mutants::generate::{Change, change, differs};
use crate::mutants::hunt::{cases_of, hunt, hunt_changed};
use crate::mutants::{self, Mutant};
use crate::suite::{Case, Kind, Suites};
use crate::words::say;

/// Commands of the conversation that tells a drawn fault from none.
const CONVERSATION: usize = 10_000;
/// Of so many drawn at least one must differ, or the drawing itself is at fault.
const DRAWN_FOR_ONE: u32 = 20;

/// What became of one fault.
#[derive(Debug, Serialize)]
pub struct Fate {
    pub id: String,
    pub what: String,
    /// Cases that found it: the first, or all of them.
    pub found_by: Vec<String>,
    /// Whether one of them is a case of its clause.
    pub killed: bool,
    pub tried: usize,
}

/// What became of many.
#[derive(Debug, Serialize)]
pub struct Hunted {
    drawn: Option<u32>,
    pub wanted: usize,
    pub counted: usize,
    pub killed: usize,
    pub fates: Vec<Fate>,
}

impl Hunted {
    fn of(fates: Vec<Fate>, wanted: usize, drawn: Option<u32>) -> Self {
        Self {
            drawn,
            wanted,
            counted: fates.len(),
            killed: fates.iter().filter(|fate| fate.killed).count(),
            fates,
        }
    }

    /// For people: the count, survivors, and what found each where that was asked for.
    #[must_use]
    pub fn lines(&self, all: bool) -> Vec<String> {
        let (killed, counted) = (self.killed, self.counted);
        let percent = killed * 100 / counted.max(1);
        let head = match self.drawn {
            None => format!(
                "{} {killed} {} {counted} ({percent} %), {}",
                say("table mutants killed:", "表中缺陷检出："),
                say("of", "/"),
                say("each by a case of its clause", "每个均由其条款的用例检出")
            ),
            Some(drawn) => format!(
                "{} {killed} {} {counted} ({percent} %); {drawn} {} {CONVERSATION} {}",
                say("generated mutants killed:", "随机缺陷检出："),
                say("of", "/"),
                say("drawn, those counted that differ within", "个抽取，仅计在"),
                say("commands", "条命令内可区分者")
            ),
        };
        let survivors = self.fates.iter().filter(|fate| !fate.killed);
        let survivors = survivors.map(|fate| {
            let word = say("survivor", "未检出");
            format!("  {word} {}: {} [{}]", fate.id, fate.what, fate.tried)
        });
        let mut lines: Vec<String> = std::iter::once(head).chain(survivors).collect();
        if all && self.drawn.is_none() {
            lines.extend(self.fates.iter().map(Fate::line));
        }
        lines
    }
}

impl Fate {
    fn line(&self) -> String {
        let first = self.found_by.first().map_or("-", String::as_str);
        format!(
            "  {:<44} {} {:>3} {} {}, {first}",
            self.id,
            say("found by", "检出用例数"),
            self.found_by.len(),
            say("of", "/"),
            self.tried
        )
    }
}

/// The table's.
///
/// # Errors
/// A defective product cannot be made.
pub fn table(suites: &Suites, order: &cli::Trial, seed: &str) -> Result<Hunted, String> {
    let named = |mutant: &Mutant| {
        let wanted = order.fault.as_deref();
        wanted.is_none_or(|beginning| mutant.id.starts_with(beginning))
    };
    let faults: Vec<Mutant> = mutants::table().into_iter().filter(named).collect();
    let bar = announced(faults.len(), order.json);
    let fates = spread::each(&faults, &bar, |fault| {
        of_table(fault, suites, order.all, seed).map_err(|cause| format!("{}: {cause}", fault.id))
    });
    bar.finish_and_clear();
    let wanted = faults.len();
    Ok(Hunted::of(fates?, wanted, None))
}

fn of_table(fault: &Mutant, suites: &Suites, all: bool, seed: &str) -> Result<Fate, String> {
    let own = cases_of(fault, suites);
    let what = format!("{}: {}", fault.clauses.join(" "), fault.what);
    let id = fault.id.clone();
    if !all {
        let ended = hunt(fault, own, seed)?;
        return Ok(Fate {
            id,
            what,
            killed: ended.killer.is_some(),
            found_by: ended.killer.into_iter().collect(),
            tried: ended.tried,
        });
    }
    let mut found_by = Vec::new();
    let mut tried = 0;
    let rest = suites
        .of(fault.kind)
        .filter(|case| !own.iter().any(|one| one.id == case.id));
    for case in own.iter().copied().chain(rest) {
        let ended = hunt(fault, [case], seed)?;
        tried += ended.tried;
        found_by.extend(ended.killer);
    }
    Ok(Fate {
        id,
        what,
        killed: own.iter().any(|case| found_by.contains(&case.id)),
        found_by,
        tried,
    })
}

/// Those drawn by chance.
///
/// # Errors
/// A defective product cannot be made.
pub fn generated(suites: &Suites, order: &cli::Trial, seed: &str) -> Result<Hunted, String> {
    let (mut counted, mut drawn) = (Vec::new(), 0);
    let wanted = usize::try_from(order.generated).unwrap_or(usize::MAX);
    while counted.len() < wanted && drawn < DRAWN_FOR_ONE * order.generated {
        let numbers: Vec<u32> = (drawn + 1..=drawn + order.generated).collect();
        let bar = announced(numbers.len(), order.json);
        let tried = spread::each(&numbers, &bar, |number| {
            let change = change(seed, *number);
            // A change that leaves no card to be made is none that a product can have.
            let differs = differs(&change, seed, CONVERSATION).unwrap_or(false);
            Ok(differs.then_some((*number, change)))
        });
        bar.finish_and_clear();
        counted.extend(tried?.into_iter().flatten());
        drawn += order.generated;
    }
    counted.truncate(wanted);
    if let (true, Some((last, _))) = (counted.len() == wanted, counted.last()) {
        drawn = *last;
    }
    let bar = announced(counted.len(), order.json);
    let first = Mutex::new(BTreeSet::new());
    let fates = spread::each(&counted, &bar, |(number, change)| {
        of_chance(*number, change, suites, seed, &first)
    });
    bar.finish_and_clear();
    Ok(Hunted::of(fates?, wanted, Some(drawn)))
}

/// What found others is tried first: `first` is shared.
fn of_chance(
    number: u32,
    change: &Change,
    suites: &Suites,
    seed: &str,
    first: &Mutex<BTreeSet<String>>,
) -> Result<Fate, String> {
    let before = first.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let killer = hunt_changed(change, suites, seed, &before)?;
    if let Some(killer) = &killer {
        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
        first.insert(killer.clone());
    }
    let fits = |case: &&Case| case.is_for(PRESETS[0].name);
    Ok(Fate {
        id: format!("drawn {number}"),
        what: format!("{change:?}"),
        killed: killer.is_some(),
        found_by: killer.into_iter().collect(),
        tried: suites.of(Kind::UserCard).filter(fits).count(),
    })
}
