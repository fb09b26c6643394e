//! `run --suite terminal`: the cases one after the other, with evidence, reports and signature as for the other suites. An
//! interrupted run goes on behind the last case that ended: the next has chips of its own.

use std::path::Path;
use std::time::Duration;

use sm3::{Digest, Sm3};

use super::case::{self, TerminalCase};
use super::chips::Rig;
use super::drive::{self, Target};
use crate::app::record::{self, Open, Subject};
use crate::app::{Failure, announced, environment, resumed, show};
use crate::bench::virtual_product::Recipe;
use crate::cli;
use crate::evidence::record::{CaseEnd, Facts, Record, Sink, Verdict};
use crate::hierarchy::Preset;
use crate::random::Chance;
use crate::run::{self, RunError};
use crate::suite::Kind;
use crate::words::say;

/// Longest time of one call, where the order says nothing shorter.
const CALL_LIMIT: u64 = 60;

/// How long the daemon may take to notice the chips.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the suite; the exit code.
///
/// # Errors
/// [`Failure`].
pub fn execute(order: &cli::Run, preset: Preset) -> Result<u8, Failure> {
    let suite = case::suite().map_err(Failure::Usage)?;
    let chosen: Vec<&TerminalCase> = suite
        .cases
        .iter()
        .filter(|one| is_chosen(one, &order.case))
        .collect();
    let (Some(library), Some(card), Some(sam)) =
        (&order.library, &order.card_vpcd, &order.sam_vpcd)
    else {
        return Err(Failure::Usage(
            say(
                "the terminal suite needs --library, --card-vpcd and --sam-vpcd",
                "终端检测需要 --library、--card-vpcd 和 --sam-vpcd",
            )
            .to_owned(),
        ));
    };
    if chosen.is_empty() {
        let no_case = say("no such case", "没有此用例");
        return Err(Failure::Usage(no_case.to_owned()));
    }
    let signer = record::signer(order)?;
    let target = Target {
        program: std::env::current_exe().map_err(environment)?,
        library: library.clone(),
        config: order.library_config.clone(),
        limit: Duration::from_secs(order.case_limit.clamp(1, CALL_LIMIT)),
    };
    let recipe = Recipe::sound(preset, 1).map_err(Failure::Environment)?;
    let mut rig = Rig::plug(recipe, card, sam).map_err(Failure::Environment)?;
    drive::ready(&target, PATIENCE).map_err(Failure::Environment)?;
    let subject = Subject {
        suite: Kind::Terminal,
        edition: suite.digest.clone(),
        preset: preset.name.to_owned(),
        bench: described(library, order.library_verifies)?,
        planned: chosen.len(),
        samples: 1,
    };
    let mut open = record::open(order, subject, signer)?;
    // What the chips draw follows from the seed, so that no terminal can know it.
    rig.reseed(Chance::of(&open.head.seed, "chips").draw());
    let ends = all(order, &chosen, &target, &rig, &mut open)?;
    open.close(order, &ends)
}

/// Runs what was not run before an interruption.
fn all(
    order: &cli::Run,
    chosen: &[&TerminalCase],
    target: &Target,
    rig: &Rig,
    open: &mut Open,
) -> Result<Vec<CaseEnd>, Failure> {
    if open.before.is_empty() {
        open.writer.note(&Record::Sample {
            number: 1,
            facts: Facts::default(),
        });
    }
    let done = open.done();
    let bar = announced(chosen.len(), order.json);
    resumed(&bar, done.len());
    let mut ends = Vec::new();
    let mut lost = 0;
    for one in chosen.iter().filter(|one| !done.contains(&one.id)) {
        let end = if one.needs_verifying && !order.library_verifies {
            drive::skip(one, &mut open.writer)
        } else {
            drive::run(one, target, rig, None, &mut open.writer).map_err(Failure::Environment)?
        };
        show(&bar, &end);
        match end.verdict {
            Verdict::Inconclusive => lost += 1,
            Verdict::Pass | Verdict::Fail => lost = 0,
            Verdict::Skipped => {}
        }
        if lost >= run::PATIENCE {
            bar.finish_and_clear();
            let reason = end.reason.unwrap_or_default();
            return Err(environment(RunError::Lost(lost, reason)));
        }
        ends.push(end);
    }
    bar.finish_and_clear();
    Ok(ends)
}

/// Which library it is, to the byte, and what its maker says of it: a run goes on with no other.
fn described(library: &Path, verifies: bool) -> Result<String, Failure> {
    let told = |e: std::io::Error| environment(format!("{}: {e}", library.display()));
    let digest = Sm3::digest(std::fs::read(library).map_err(told)?);
    let name = library.file_name().unwrap_or(library.as_os_str());
    Ok(format!(
        "C interface of {}, SM3 {}{}; virtual chips in vpcd readers",
        name.to_string_lossy(),
        hex::encode(digest),
        if verifies {
            ", verifies signatures"
        } else {
            ""
        }
    ))
}

/// A case's id, a group, or a beginning with `*`; nothing named: all.
fn is_chosen(one: &TerminalCase, named: &[String]) -> bool {
    let group = one.id.split('.').next().unwrap_or_default();
    named.is_empty()
        || named.iter().any(|name| match name.strip_suffix('*') {
            Some(beginning) => one.id.starts_with(beginning),
            None => one.id == *name || group == name,
        })
}
