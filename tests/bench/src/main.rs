//! `rhc-bench`: speed and memory of the house against its bars (`tests/bench/bars.toml`). Exit 3 when one is missed.

mod bars;
mod measure;
mod people;
mod replay;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use measure::{Bench, Run};
use serde_json::json;
use tests_stand::resident;

const RUNS: u32 = 3;
/// A card that works this long on every command.
const SLOW: Duration = Duration::from_millis(1);
const BARS: &str = "tests/bench/bars.toml";
const PROFILE: &str = if cfg!(debug_assertions) {
    "dev (measure with make bench, which builds release)"
} else {
    "release"
};
const RESULT: &str = "out/bench/result.json";

/// Measures speed and memory and compares them with the bars.
#[derive(Parser)]
#[command(
    name = "rhc-bench",
    version,
    after_help = "Example: make bench\nExit codes: 0 all bars met, 3 one missed, 4 environment."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Act>,
}

#[derive(Subcommand)]
enum Act {
    /// Send a recorded script to two readers; prints milliseconds (used by the benchmark itself)
    Replay {
        #[arg(long)]
        script: PathBuf,
        #[arg(long)]
        card: String,
        #[arg(long)]
        sam: String,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        None => bench(),
        Some(Act::Replay { script, card, sam }) => replay::run(&script, &card, &sam).map(|time| {
            println!("{}", time.as_secs_f64() * 1000.0);
            true
        }),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("rhc-bench: {error:#}");
            ExitCode::from(4)
        }
    }
}

fn bench() -> Result<bool> {
    let bars = std::fs::read_to_string(BARS)
        .with_context(|| format!("{BARS}: run from the top of the source tree"))?;
    let mut bench = Bench::raise(2 * RUNS)?;
    let idle = idle_memory(&bench)?;
    let fast = (0..RUNS)
        .map(|_| bench.run(Duration::ZERO))
        .collect::<Result<Vec<_>>>()?;
    let slow = (0..RUNS)
        .map(|_| bench.run(SLOW))
        .collect::<Result<Vec<_>>>()?;
    let (quick, steady) = (Best::of(&fast), Best::of(&slow));
    let measured = BTreeMap::from([
        ("own_time_ms".to_owned(), quick.station_ms - quick.replay_ms),
        (
            "slow_card_share".to_owned(),
            steady.replay_ms / steady.station_ms,
        ),
        (
            "idle_memory_mib".to_owned(),
            idle.values().copied().fold(0.0, f64::max),
        ),
    ]);
    let lines = bars::compare(&bars, &measured)?;
    show(&fast, &slow, &idle);
    print!("{}", bars::table(&lines));
    let document = json!({ "profile": PROFILE, "fast": fast, "slow": slow, "idle_memory_mib": idle, "bars": lines });
    std::fs::create_dir_all(Path::new(RESULT).parent().context("no folder")?)?;
    std::fs::write(RESULT, serde_json::to_string_pretty(&document)? + "\n")?;
    println!("result: {RESULT}");
    Ok(lines.iter().all(|line| line.met))
}

/// The best station time and the best replay. Differences are taken between these two and not within one run, where a
/// disturbed replay would flatter the station.
struct Best {
    station_ms: f64,
    replay_ms: f64,
}

impl Best {
    fn of(runs: &[Run]) -> Self {
        let least = |of: fn(&Run) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
        Self {
            station_ms: least(|run| run.station_ms),
            replay_ms: least(|run| run.replay_ms),
        }
    }
}

/// Resident memory of every service, before any card was made.
fn idle_memory(bench: &Bench) -> Result<BTreeMap<String, f64>> {
    let house = bench.house();
    let tiers = house.tiers.iter().map(|running| {
        (
            format!("kms {}", running.tier.word()),
            running.service.pid(),
        )
    });
    let registry = house
        .registry
        .iter()
        .map(|running| ("registry".to_owned(), running.service.pid()));
    let hsms = house
        .hsms
        .iter()
        .map(|service| (service.name().to_owned(), service.pid()));
    tiers
        .chain(registry)
        .chain(hsms)
        .map(|(name, pid)| Ok((name, resident::mib(pid)?)))
        .collect()
}

fn show(fast: &[Run], slow: &[Run], idle: &BTreeMap<String, f64>) {
    for (name, runs) in [
        ("card as fast as it can", fast),
        ("card works 1 ms per command", slow),
    ] {
        for run in runs {
            let part = |name: &str| run.timings[name].as_f64().unwrap_or(f64::NAN);
            println!(
                "{name:<28} station {:6.1} ms, replay {:6.1} ms, {} commands; by its own account: key service {:.1}, registry {:.1}, \
                 itself {:.1}",
                run.station_ms,
                run.replay_ms,
                run.commands,
                part("kms_ms"),
                part("registry_ms"),
                part("own_ms")
            );
        }
    }
    for (name, mib) in idle {
        println!("{name:<28} {mib:7.1} MiB idle");
    }
    println!(
        "ceilings of this machine: about 15 k APDU/s on one virtual reader (vpcd), 1.4 card swaps a second"
    );
}
