//! `run --suite terminal`: the cases one after the other, with evidence, reports and signature as for the other suites.

use std::time::Duration;

use super::case::{self, TerminalCase};
use super::chips::Rig;
use super::drive::{self, Target};
use crate::app::{Failure, announced, conclude, environment, now, show};
use crate::bench::virtual_product::Recipe;
use crate::cli;
use crate::evidence::chain::{self, Writer};
use crate::evidence::record::{Facts, Record, RunHead, Sink};
use crate::evidence::{key, package};
use crate::hierarchy::Preset;
use crate::report::{self, pdf};
use crate::run::Tally;
use crate::suite::{Kind, embedded};
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
    if chosen.is_empty() || order.out.join(chain::FILE).exists() {
        return Err(Failure::Usage(
            say(
                "no such case, or --out holds a run already",
                "没有此用例，或 --out 中已有检测记录",
            )
            .to_owned(),
        ));
    }
    let signer = match &order.key {
        Some(path) => key::read(path).map_err(environment)?,
        None => key::rehearsal().map_err(environment)?,
    };
    let target = Target {
        program: std::env::current_exe().map_err(environment)?,
        library: library.clone(),
        config: order.library_config.clone(),
        limit: Duration::from_secs(order.case_limit.clamp(1, CALL_LIMIT)),
    };
    let recipe = Recipe::sound(preset, 1).map_err(Failure::Environment)?;
    let rig = Rig::plug(recipe, card, sam).map_err(Failure::Environment)?;
    drive::ready(&target, PATIENCE).map_err(Failure::Environment)?;
    std::fs::create_dir_all(&order.out)
        .map_err(|e| environment(format!("{}: {e}", order.out.display())))?;
    let mut writer = Writer::create(&order.out).map_err(environment)?;
    writer.note(&Record::Run(head(order, preset, chosen.len())?));
    writer.note(&Record::Sample {
        number: 1,
        facts: Facts::default(),
    });
    let bar = announced(chosen.len(), order.json);
    let mut tally = Tally::default();
    for one in chosen {
        let end = if one.needs_verifying && !order.library_verifies {
            drive::skip(one, &mut writer)
        } else {
            drive::run(one, &target, &rig, None, &mut writer).map_err(Failure::Environment)?
        };
        tally.count(end.verdict);
        show(&bar, &end);
    }
    bar.finish_and_clear();
    writer.note(&Record::End {
        ended: now(),
        pass: tally.pass,
        fail: tally.fail,
        inconclusive: tally.inconclusive,
        skipped: tally.skipped,
    });
    let sealed = writer.finish().map_err(environment)?;
    let with_pdf = !order.no_pdf && pdf::browser().is_some();
    report::write(&order.out, &order.out, with_pdf).map_err(environment)?;
    package::seal(&order.out, &sealed, &signer).map_err(environment)?;
    conclude(order, tally, with_pdf)
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

fn head(order: &cli::Run, preset: Preset, planned: usize) -> Result<RunHead, Failure> {
    Ok(RunHead {
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        suites: embedded::suites()
            .map_err(|e| Failure::Usage(e.to_string()))?
            .digest,
        suite: Kind::Terminal,
        preset: preset.name.to_owned(),
        seed: order.seed.clone().unwrap_or_default(),
        destructive: false,
        repeats: 1,
        cases: order.case.clone(),
        product: order.product.clone(),
        bench: "C interface of a library; virtual chips in vpcd readers".to_owned(),
        began: now(),
        planned,
        samples: 1,
    })
}
