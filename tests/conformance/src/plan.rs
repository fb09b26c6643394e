//! Which cases run, in which order, on which sample. A case that leaves a scar (a key version without tries, an application
//! blocked for ever, a blocked card) comes after all that need the product whole; two cases that would scar the same part
//! go on two samples.

use std::collections::BTreeSet;

use crate::suite::{Case, Kind, Suites};

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    pub preset: String,
    /// Whole ids, groups, or beginnings that end in `*`; empty for all.
    pub cases: Vec<String>,
    pub destructive: bool,
}

/// One planned case.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    pub case: &'a Case,
    /// From 1.
    pub sample: u32,
    /// Why it does not run, if it does not.
    pub skip: Option<Skip>,
}

/// Why a case is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// It would change the product for ever.
    Destructive,
    /// It is not meant for this preset.
    Preset,
}

impl Skip {
    /// For the report.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Destructive => "destructive, and --destructive was not given",
            Self::Preset => "not for this preset",
        }
    }
}

/// The order of a run.
#[derive(Debug, Clone, Default)]
pub struct Plan<'a> {
    pub cases: Vec<Planned<'a>>,
    pub samples: u32,
}

/// Makes a plan.
#[must_use]
pub fn plan<'a>(suites: &'a Suites, kind: Kind, choice: &Choice) -> Plan<'a> {
    let wanted = |case: &&Case| {
        choice.cases.is_empty() || choice.cases.iter().any(|name| selects(name, case))
    };
    let mut chosen: Vec<&Case> = suites.of(kind).filter(wanted).collect();
    chosen.sort_by_key(|case| depth(case));
    let mut scars: Vec<BTreeSet<&str>> = vec![BTreeSet::new()];
    let cases = chosen
        .into_iter()
        .map(|case| {
            if !case.is_for(&choice.preset) {
                return Planned {
                    case,
                    sample: 1,
                    skip: Some(Skip::Preset),
                };
            }
            if case.is_destructive() && !choice.destructive {
                return Planned {
                    case,
                    sample: 1,
                    skip: Some(Skip::Destructive),
                };
            }
            let at = place(case, &mut scars);
            Planned {
                case,
                sample: u32::try_from(at + 1).unwrap_or(u32::MAX),
                skip: None,
            }
        })
        .collect::<Vec<_>>();
    let mut cases = cases;
    // A sample is taken out once only; within a sample the order by depth stays.
    cases.sort_by_key(|planned| planned.sample);
    let samples = cases
        .iter()
        .filter(|p| p.skip.is_none())
        .map(|p| p.sample)
        .max()
        .unwrap_or(1);
    Plan { cases, samples }
}

/// The first sample that is whole where the case needs it.
fn place<'a>(case: &'a Case, scars: &mut Vec<BTreeSet<&'a str>>) -> usize {
    let fits = |there: &BTreeSet<&str>| {
        !there.contains("card")
            && (case.scars.is_empty()
                || case.scars.iter().all(|scar| !there.contains(scar.as_str())))
    };
    let at = scars.iter().position(fits).unwrap_or(scars.len());
    if at == scars.len() {
        scars.push(BTreeSet::new());
    }
    // A risk is a scar on defective products only: any number of them fits one sample.
    scars[at].extend(
        case.scars
            .iter()
            .map(String::as_str)
            .filter(|scar| !scar.starts_with("risk ")),
    );
    at
}

/// 0 for what leaves no scar, more for deeper ones.
fn depth(case: &Case) -> u8 {
    let of = |scar: &String| match scar.split(' ').next() {
        Some("key" | "data") => 1,
        Some("pin") => 2,
        Some("app") => 3,
        Some("risk") => 4,
        _ => 5,
    };
    case.scars.iter().map(of).max().unwrap_or(0)
}

fn selects(name: &str, case: &Case) -> bool {
    match name.strip_suffix('*') {
        Some(beginning) => case.id.starts_with(beginning),
        None => case.id == name || case.group == name,
    }
}
