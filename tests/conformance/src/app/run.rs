//! `run`: the plan, its record, the cases one after another, reports and signature.

use std::collections::BTreeSet;
use std::time::Duration;

use super::list::suites;
use super::products::bench;
use super::progress::{announced, show};
use super::report::conclude;
use super::{Failure, environment, now};
use crate::bench::Bench;
use crate::cli;
use crate::engine::talk::Limits;
use crate::evidence::chain::{self, Writer};
use crate::evidence::record::{CaseEnd, Record, RunHead, Sink};
use crate::evidence::{key, package};
use crate::hierarchy::{PRESETS, Preset};
use crate::plan::{Choice, Plan, plan};
use crate::report::{self, pdf};
use crate::run::{self, Manner, Tally};
use crate::suite::{Kind, Suites};
use crate::words::say;

pub(super) fn execute(order: &cli::Run) -> Result<u8, Failure> {
    let names = || PRESETS.map(|preset| preset.name).join(", ");
    let preset = Preset::named(&order.preset).ok_or_else(|| {
        Failure::Usage(format!(
            "{} {}; {}",
            say("there is no preset", "没有此配置："),
            order.preset,
            names()
        ))
    })?;
    if order.suite == Kind::Terminal {
        return crate::terminal::order::execute(order, preset);
    }
    let suites = suites(order.suites.as_deref())?;
    let choice = Choice {
        preset: preset.name.to_owned(),
        cases: order.case.clone(),
        destructive: order.destructive,
    };
    let plan = plan(&suites, order.suite, &choice);
    if plan.cases.is_empty() {
        return Err(Failure::Usage(
            say(
                "no case fits; see rhc-conformance list",
                "没有符合条件的用例；见 rhc-conformance list",
            )
            .to_owned(),
        ));
    }
    let signer = match &order.key {
        Some(path) => key::read(path).map_err(environment)?,
        None => key::rehearsal().map_err(environment)?,
    };
    if package::is_sealed(&order.out) {
        return Err(Failure::Usage(format!(
            "{}: {}",
            order.out.display(),
            say(
                "this run is finished and signed; give another --out",
                "该次检测已完成并签名；请给出其他 --out"
            )
        )));
    }
    let mut bench = bench(order, preset)?;
    std::fs::create_dir_all(&order.out)
        .map_err(|e| environment(format!("{}: {e}", order.out.display())))?;
    let (mut writer, head, done, before) = begin(order, preset, &suites, &plan, bench.as_ref())?;
    announce(&plan, order);
    let manner = Manner {
        preset,
        kind: order.suite,
        seed: head.seed.clone(),
        repeats: order.repeats,
        limits: Limits {
            time: Duration::from_secs(order.case_limit.max(1)),
            ..Limits::default()
        },
    };
    let bar = announced(plan.cases.len(), order.json);
    let mut shown = |end: &CaseEnd, _: usize, _: usize| show(&bar, end);
    let ran = run::run(
        &plan,
        &manner,
        bench.as_mut(),
        &mut writer,
        &done,
        &mut shown,
    );
    bar.finish_and_clear();
    let ends = ran.map_err(environment)?;
    let mut tally = Tally::default();
    before
        .iter()
        .chain(&ends)
        .for_each(|end| tally.count(end.verdict));
    writer.note(&Record::End {
        ended: now(),
        pass: tally.pass,
        fail: tally.fail,
        inconclusive: tally.inconclusive,
        skipped: tally.skipped,
    });
    let head = writer.finish().map_err(environment)?;
    let with_pdf = !order.no_pdf && pdf::browser().is_some();
    report::write(&order.out, &order.out, with_pdf).map_err(environment)?;
    package::seal(&order.out, &head, &signer).map_err(environment)?;
    conclude(order, tally, with_pdf)
}

type Begun = (Writer, RunHead, BTreeSet<String>, Vec<CaseEnd>);

/// A new record, or the interrupted one of the same run.
fn begin(
    order: &cli::Run,
    preset: Preset,
    suites: &Suites,
    plan: &Plan<'_>,
    bench: &dyn Bench,
) -> Result<Begun, Failure> {
    let mut head = RunHead {
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        suites: suites.digest.clone(),
        suite: order.suite,
        preset: preset.name.to_owned(),
        seed: order.seed.clone().unwrap_or_default(),
        destructive: order.destructive,
        repeats: order.repeats,
        cases: order.case.clone(),
        product: order.product.clone(),
        bench: bench.describe(),
        began: now(),
        planned: plan.cases.len(),
        samples: plan.samples,
    };
    if order.out.join(chain::FILE).exists() {
        let resumed = chain::resume(&order.out).map_err(environment)?;
        if order.seed.is_none() {
            head.seed.clone_from(&resumed.head.seed);
        }
        chain::same_run(&resumed.head, &head).map_err(|e| Failure::Usage(e.to_string()))?;
        let done = resumed.ends.iter().map(|end| end.id.clone()).collect();
        eprintln!(
            "{} {}",
            say("going on after case", "从中断处继续，已完成用例数"),
            resumed.ends.len()
        );
        return Ok((resumed.writer, resumed.head, done, resumed.ends));
    }
    if order.seed.is_none() {
        let mut drawn = [0u8; 16];
        getrandom::fill(&mut drawn).map_err(environment)?;
        head.seed = hex::encode(drawn);
    }
    let mut writer = Writer::create(&order.out).map_err(environment)?;
    writer.note(&Record::Run(head.clone()));
    Ok((writer, head, BTreeSet::new(), Vec::new()))
}

fn announce(plan: &Plan<'_>, order: &cli::Run) {
    if order.json {
        return;
    }
    let runs = plan
        .cases
        .iter()
        .filter(|planned| planned.skip.is_none())
        .count();
    eprintln!(
        "{} {runs} {} {}; {} {}",
        say("planned:", "计划："),
        say("cases of", "个用例，共"),
        plan.cases.len(),
        say("samples needed:", "所需样品数："),
        plan.samples
    );
}
