//! False alarms: sound products of every profile, and sound products in odd readers. None may fail a case.

use std::collections::BTreeSet;

use serde::Serialize;

use super::odd::Oddity;
use super::spread;
use crate::app::announced;
use crate::bench::Bench;
use crate::bench::virtual_product::{Recipe, VirtualBench};
use crate::engine::talk::Limits;
use crate::evidence::record::{NoSink, Verdict};
use crate::hierarchy::{PRESETS, Preset};
use crate::plan::{Choice, plan};
use crate::run::{Manner, run};
use crate::suite::{Kind, Suites};
use crate::words::say;

/// One sound product in one reader.
#[derive(Debug, Clone, Copy)]
struct Place {
    preset: Preset,
    kind: Kind,
    oddity: Option<Oddity>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Quiet {
    profile: &'static str,
    suite: Kind,
    reader: Option<(&'static str, &'static str)>,
    passed: usize,
    skipped: usize,
    /// The reader's trouble: no verdict on the card.
    inconclusive: usize,
    /// Cases that failed, each with its reason.
    alarms: Vec<String>,
}

/// All of them.
#[derive(Debug, Serialize)]
pub struct Alarms(Vec<Quiet>);

impl Alarms {
    /// How many cases failed on a sound product.
    #[must_use]
    pub fn raised(&self) -> usize {
        self.0.iter().map(|quiet| quiet.alarms.len()).sum()
    }

    /// For people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let ran: usize = self.0.iter().map(Quiet::ran).sum();
        let head = format!(
            "{} {} {} {ran} {}",
            say("false alarms:", "误报："),
            self.raised(),
            say("of", "/"),
            say("cases on sound products", "次合格产品用例")
        );
        std::iter::once(head)
            .chain(self.0.iter().flat_map(Quiet::lines))
            .collect()
    }
}

impl Quiet {
    fn ran(&self) -> usize {
        self.passed + self.inconclusive + self.alarms.len()
    }

    fn lines(&self) -> Vec<String> {
        let reader = self.reader.map_or("", |(en, zh)| say(en, zh));
        let suite = self.suite.word();
        let mut head = format!(
            "  {:<16} {suite:<10} {reader:<18} {} {} {}",
            self.profile,
            self.passed,
            say("passed of", "通过，共"),
            self.ran()
        );
        if self.inconclusive > 0 {
            let told = say("without verdict: the card was lost", "无结论：卡片失联");
            head += &format!(", {} {told}", self.inconclusive);
        }
        let alarms = self.alarms.iter();
        std::iter::once(head)
            .chain(alarms.map(|alarm| format!("    {} {alarm}", say("false alarm:", "误报："))))
            .collect()
    }
}

/// Runs all cases on sound products: every profile, then every odd reader.
///
/// # Errors
/// A virtual product cannot be made, or a run cannot go on.
pub fn look(suites: &Suites, seed: &str) -> Result<Alarms, String> {
    let kinds = [Kind::UserCard, Kind::Sam];
    let sound = PRESETS
        .into_iter()
        .flat_map(|preset| kinds.map(|kind| (preset, kind, None)));
    let odd = Oddity::ALL
        .into_iter()
        .flat_map(|oddity| kinds.map(|kind| (PRESETS[0], kind, Some(oddity))));
    let places: Vec<Place> = sound
        .chain(odd)
        .map(|(preset, kind, oddity)| Place {
            preset,
            kind,
            oddity,
        })
        .collect();
    let bar = announced(places.len(), true);
    spread::each(&places, &bar, |place| one(place, suites, seed)).map(Alarms)
}

fn one(place: &Place, suites: &Suites, seed: &str) -> Result<Quiet, String> {
    let choice = Choice {
        preset: place.preset.name.to_owned(),
        cases: Vec::new(),
        destructive: true,
    };
    let plan = plan(suites, place.kind, &choice);
    let recipe = Recipe::sound(place.preset, 1)?;
    let mut bench: Box<dyn Bench> = match place.oddity {
        None => Box::new(VirtualBench::sound(recipe, true)?),
        Some(oddity) => oddity.bench(recipe, place.kind)?,
    };
    let manner = Manner {
        preset: place.preset,
        kind: place.kind,
        seed: seed.to_owned(),
        repeats: 1,
        limits: Limits::default(),
    };
    let mut quiet = Quiet {
        profile: place.preset.name,
        suite: place.kind,
        reader: place.oddity.map(Oddity::words),
        passed: 0,
        skipped: 0,
        inconclusive: 0,
        alarms: Vec::new(),
    };
    let ends = run(
        &plan,
        &manner,
        bench.as_mut(),
        &mut NoSink,
        &BTreeSet::new(),
        &mut |_, _, _| {},
    )
    .map_err(|cause| format!("{} {}: {cause}", place.preset.name, place.kind.word()))?;
    for end in ends {
        match end.verdict {
            Verdict::Pass => quiet.passed += 1,
            Verdict::Skipped => quiet.skipped += 1,
            Verdict::Inconclusive if place.oddity == Some(Oddity::Restarting) => {
                quiet.inconclusive += 1;
            }
            // A sound product in a sound reader owes a verdict.
            Verdict::Fail | Verdict::Inconclusive => {
                let reason = end.reason.unwrap_or_default();
                quiet.alarms.push(format!("{}: {reason}", end.id));
            }
        }
    }
    Ok(quiet)
}
