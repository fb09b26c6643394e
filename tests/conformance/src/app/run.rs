//! `run`: the plan, and its cases one after another. Terminals have an order of their own.

use std::time::Duration;

use super::list::suites;
use super::products::bench;
use super::progress::{announced, resumed, show};
use super::record::{self, Subject};
use super::{Failure, environment};
use crate::cli;
use crate::engine::talk::Limits;
use crate::evidence::record::CaseEnd;
use crate::hierarchy::{PRESETS, Preset};
use crate::plan::{Choice, Plan, plan};
use crate::run::{self, Manner};
use crate::suite::Kind;
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
    let signer = record::signer(order)?;
    let mut bench = bench(order, preset)?;
    let subject = Subject {
        suite: order.suite,
        edition: suites.digest.clone(),
        preset: preset.name.to_owned(),
        bench: bench.describe(),
        planned: plan.cases.len(),
        samples: plan.samples,
    };
    let mut open = record::open(order, subject, signer)?;
    announce(&plan, order);
    let manner = Manner {
        preset,
        kind: order.suite,
        seed: open.head.seed.clone(),
        repeats: order.repeats,
        limits: Limits {
            time: Duration::from_secs(order.case_limit.max(1)),
            ..Limits::default()
        },
    };
    let done = open.done();
    let bar = announced(plan.cases.len(), order.json);
    resumed(&bar, done.len());
    let mut shown = |end: &CaseEnd, _: usize, _: usize| show(&bar, end);
    let ran = run::run(
        &plan,
        &manner,
        bench.as_mut(),
        &mut open.writer,
        &done,
        &mut shown,
    );
    bar.finish_and_clear();
    let ends = ran.map_err(environment)?;
    open.close(order, &ends)
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
