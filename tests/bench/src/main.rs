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
    let measured = BTreeMap::from([
        (
            "own_time_ms".to_owned(),
            best(&fast, |run| run.own_ms, f64::min),
        ),
        (
            "slow_card_share".to_owned(),
            best(&slow, |run| run.replay_ms / run.station_ms, f64::max),
        ),
        (
            "idle_memory_mib".to_owned(),
            idle.values().copied().fold(0.0, f64::max),
        ),
    ]);
    let lines = bars::compare(&bars, &measured)?;
    show(&fast, &slow, &idle);
    print!("{}", bars::table(&lines));
    let document = json!({ "fast": fast, "slow": slow, "idle_memory_mib": idle, "bars": lines });
    std::fs::create_dir_all(Path::new(RESULT).parent().context("no folder")?)?;
    std::fs::write(RESULT, serde_json::to_string_pretty(&document)? + "\n")?;
    println!("result: {RESULT}");
    Ok(lines.iter().all(|line| line.met))
}

fn best(runs: &[Run], of: impl Fn(&Run) -> f64, better: fn(f64, f64) -> f64) -> f64 {
    runs.iter().map(of).reduce(better).unwrap_or(f64::NAN)
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
            println!(
                "{name:<28} station {:7.1} ms  replay {:7.1} ms  own {:6.1} ms  {} commands",
                run.station_ms, run.replay_ms, run.own_ms, run.commands
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
