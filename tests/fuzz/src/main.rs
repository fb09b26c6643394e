//! `rhc-fuzz`: the targets one after another, for a time; a dated line each, exit 3 with the way to repeat a finding.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tests_fuzz::{TARGETS, Target, once, run};

/// Fuzz every parser of the card library, and sequences of commands against card and SAM.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  rhc-fuzz --seconds 120\n  rhc-fuzz --seconds 3600 --seed 7 | tee docs/evidence/fuzz.log\n  rhc-fuzz --target user-card --seed 7 --round 4711"
)]
struct Arguments {
    /// Time in all, shared among the targets.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Where chance comes from; drawn from the clock and printed if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// One target only.
    #[arg(long, value_parser = TARGETS.each_ref().map(|target| target.name))]
    target: Option<String>,
    /// One round only, to repeat a finding.
    #[arg(long, requires = "target", requires = "seed")]
    round: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let clock = || jiff::Timestamp::now();
    let seed = arguments
        .seed
        .unwrap_or_else(|| clock().as_microsecond().unsigned_abs());
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| {
            arguments
                .target
                .as_deref()
                .is_none_or(|name| name == target.name)
        })
        .collect();
    let shares: u32 = chosen.iter().map(|target| target.share).sum();
    println!("{} seed {seed}, {} s", clock(), arguments.seconds);
    let mut found = false;
    for target in chosen {
        let finding = if let Some(round) = arguments.round {
            once(target.round, seed, round)
                .err()
                .map(|what| (round, what))
        } else {
            let time = Duration::from_secs(arguments.seconds) * target.share / shares;
            let run = run(target.round, seed, 0, time);
            println!("{} {:<12} {} rounds", clock(), target.name, run.rounds);
            run.finding.map(|finding| (finding.round, finding.what))
        };
        if let Some((round, what)) = finding {
            found = true;
            let name = target.name;
            println!("{} {name} round {round}: {what}", clock());
            println!("repeat it: rhc-fuzz --target {name} --seed {seed} --round {round}");
        }
    }
    if found {
        return ExitCode::from(3);
    }
    println!("{} nothing found", clock());
    ExitCode::SUCCESS
}
