//! Which case catches a mutant: the cases of its clauses first (that is what they are for), then all.

use std::collections::BTreeSet;

use super::Mutant;
use crate::bench::virtual_product::{Make, Recipe, VirtualBench};
use crate::engine::talk::Limits;
use crate::evidence::record::{NoSink, Verdict};
use crate::plan::{Plan, Planned};
use crate::run::{Manner, run};
use crate::suite::{Case, Suites};

/// How a hunt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunt {
    /// The case that failed on the mutant; none: it survived.
    pub killer: Option<String>,
    pub reason: Option<String>,
    /// Cases run.
    pub tried: usize,
}

/// The cases of a mutant's clauses, destructive ones last.
#[must_use]
pub fn cases_of<'a>(mutant: &Mutant, suites: &'a Suites) -> Vec<&'a Case> {
    let concerns = |case: &&Case| {
        let covered = |clause: &String| case.covers.iter().any(|c| c.requirement == *clause);
        mutant.clauses.iter().any(covered)
    };
    let mut cases: Vec<&Case> = suites.of(mutant.kind).filter(concerns).collect();
    cases.sort_by_key(|case| (case.is_destructive(), case.steps.len()));
    cases
}

/// Runs cases on fresh samples of the mutant until one fails.
///
/// # Errors
/// The mutant cannot be made.
pub fn hunt<'a>(
    mutant: &Mutant,
    cases: impl IntoIterator<Item = &'a Case>,
    seed: &str,
) -> Result<Hunt, String> {
    let recipe = Recipe::sound(crate::hierarchy::PRESETS[0], 1)?;
    let mut tried = 0;
    for case in cases {
        if !case.is_for(recipe.preset.name) {
            continue;
        }
        tried += 1;
        let end = one(mutant, &recipe, case, seed)?;
        if let Some((verdict, reason)) = end
            && verdict == Verdict::Fail
        {
            return Ok(Hunt {
                killer: Some(case.id.clone()),
                reason,
                tried,
            });
        }
    }
    Ok(Hunt {
        killer: None,
        reason: None,
        tried,
    })
}

/// The first user-card case that fails on a card changed by chance; those in `first` are tried first.
///
/// # Errors
/// The changed card cannot be made.
pub fn hunt_changed(
    change: &super::generate::Change,
    suites: &Suites,
    seed: &str,
    first: &BTreeSet<String>,
) -> Result<Option<String>, String> {
    let recipe = Recipe::sound(crate::hierarchy::PRESETS[0], 1)?;
    let mut cases: Vec<&Case> = suites
        .of(crate::suite::Kind::UserCard)
        .filter(|case| case.is_for(recipe.preset.name))
        .collect();
    cases.sort_by_key(|case| (case.is_destructive(), case.steps.len()));
    // Broad cases before narrow ones: what catches one change often catches the next.
    cases.sort_by_key(|case| {
        (
            !first.contains(&case.id),
            case.group != "sequences",
            case.group != "files",
        )
    });
    for case in cases {
        if falls(change, case, seed)? {
            return Ok(Some(case.id.clone()));
        }
    }
    Ok(None)
}

/// Whether a card changed by chance fails a user-card case, on a sample of its own.
///
/// # Errors
/// The changed card cannot be made.
fn falls(change: &super::generate::Change, case: &Case, seed: &str) -> Result<bool, String> {
    let recipe = Recipe::sound(crate::hierarchy::PRESETS[0], 1)?;
    let own = change.clone();
    let faulty: Make = Box::new(move || Ok(Box::new(super::generate::Changed::make(&own)?)));
    let sam: Make = Box::new(move || Ok(Box::new(recipe.sam()?)));
    let with_sam = case.needs.iter().any(|need| need == "sam");
    let mut bench = VirtualBench::new("mutant", Some(faulty), with_sam.then_some(sam))?;
    let kind = crate::suite::Kind::UserCard;
    let end = on_bench(case, &recipe, kind, &mut bench, seed)?;
    Ok(end.is_some_and(|(verdict, _)| verdict == Verdict::Fail))
}

/// A mutant's verdict on one case, on a sample of its own.
fn one(
    mutant: &Mutant,
    recipe: &Recipe,
    case: &Case,
    seed: &str,
) -> Result<Option<(Verdict, Option<String>)>, String> {
    let (own, recipe) = (mutant.clone(), *recipe);
    let faulty: Make = Box::new(move || own.make(&recipe));
    let with_sam = case.needs.iter().any(|need| need == "sam");
    let mut bench = match mutant.kind {
        crate::suite::Kind::Sam => VirtualBench::new("mutant", None, Some(faulty))?,
        _ => {
            let sam: Make = Box::new(move || Ok(Box::new(recipe.sam()?)));
            VirtualBench::new("mutant", Some(faulty), with_sam.then_some(sam))?
        }
    };
    on_bench(case, &recipe, mutant.kind, &mut bench, seed)
}

fn on_bench(
    case: &Case,
    recipe: &Recipe,
    kind: crate::suite::Kind,
    bench: &mut VirtualBench,
    seed: &str,
) -> Result<Option<(Verdict, Option<String>)>, String> {
    let plan = Plan {
        cases: vec![Planned {
            case,
            sample: 1,
            skip: None,
        }],
        samples: 1,
    };
    let manner = Manner {
        preset: recipe.preset,
        kind,
        seed: seed.to_owned(),
        repeats: 1,
        limits: Limits::default(),
    };
    let ends = run(
        &plan,
        &manner,
        bench,
        &mut NoSink,
        &BTreeSet::new(),
        &mut |_, _, _| {},
    )
    .map_err(|e| e.to_string())?;
    Ok(ends.into_iter().next().map(|end| (end.verdict, end.reason)))
}
