//! `bench`: how fast the cipher core is here, tier by tier.

use crate::cli::Bench;
use crate::messages::{Failure, out};
use hsm_engine::bench::{PARENTS, bulk_bytes, chain_step, derivations, key_sets};
use hsm_engine::sm4::Tier;
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
struct Report {
    /// The tier that `serve` uses here.
    tier: &'static str,
    parents: usize,
    tiers: Vec<Figures>,
}

#[derive(Serialize)]
struct Figures {
    tier: &'static str,
    /// Keys derived from 57 parents × 1024 factors, each with its check value, one core.
    derivations_per_s: f64,
    ns_per_derivation: f64,
    /// Cards: 57 keys derived, with check values, wrapped, in encrypted and MAC-chained commands.
    key_sets_per_s: f64,
    /// The same with 5 KiB of data.
    with_5_kib_per_s: f64,
    /// One key, pieces of 16 KiB.
    bulk_mib_per_s: f64,
    /// One block after another under one key.
    chain_step_ns: f64,
}

pub fn run(arguments: &Bench) -> Result<(), Failure> {
    if !(0.01..=60.0).contains(&arguments.seconds) {
        return Err(Failure::Usage("--seconds: 0.01 to 60".to_owned()));
    }
    let time = Duration::from_secs_f64(arguments.seconds);
    let wanted = |tier: &Tier| {
        arguments
            .tier
            .map_or(tier.available(), |only| only == *tier)
    };
    let current = Tier::current().name();
    let tiers: Vec<_> = Tier::ALL
        .into_iter()
        .filter(wanted)
        .map(|tier| measure(tier, time))
        .collect();
    let report = Report {
        tier: current,
        parents: PARENTS,
        tiers,
    };
    if arguments.json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|e| Failure::Environment(e.to_string()))?;
        out!("{text}");
        return Ok(());
    }
    out!(
        "{:<10} {:>16} {:>10} {:>12} {:>14} {:>12} {:>14}",
        "tier",
        "derivations/s",
        "ns each",
        "key sets/s",
        "with 5 KiB/s",
        "bulk MiB/s",
        "chain step ns"
    );
    for row in &report.tiers {
        out!(
            "{:<10} {:>16.0} {:>10.1} {:>12.0} {:>14.0} {:>12.0} {:>14.0}",
            row.tier,
            row.derivations_per_s,
            row.ns_per_derivation,
            row.key_sets_per_s,
            row.with_5_kib_per_s,
            row.bulk_mib_per_s,
            row.chain_step_ns
        );
    }
    Ok(())
}

fn measure(tier: Tier, time: Duration) -> Figures {
    tier.choose();
    let derivations_per_s = derivations(tier, time);
    Figures {
        tier: tier.name(),
        derivations_per_s,
        ns_per_derivation: 1e9 / derivations_per_s,
        key_sets_per_s: key_sets(0, time),
        with_5_kib_per_s: key_sets(5 * 1024, time),
        bulk_mib_per_s: bulk_bytes(tier, time) / f64::from(1 << 20),
        chain_step_ns: chain_step(tier, time) * 1e9,
    }
}
