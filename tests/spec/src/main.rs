//! `rhc-spec`: the map of the specification, and the checker that perturbs every item of every profile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tests_spec::perturb::{self, Perturbation};
use tests_spec::verdict::{Verdict, Watch, judge, watch};
use tests_spec::{PROFILES, map};

/// Where each item of the specification is made and tested, and whether its test would notice a wrong item.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  rhc-spec map --write\n  rhc-spec map\n  rhc-spec perturb --sample 60\n  rhc-spec perturb | tee docs/evidence/perturbation.log\nExit codes: 0 done, 2 usage, 3 stale page or unnoticed item, 4 environment."
)]
struct Cli {
    #[command(subcommand)]
    command: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Compare docs/spec-map.md with what it should be, or write it anew
    Map {
        #[arg(long)]
        write: bool,
    },
    /// Change each item of each profile in the card's copy only; the test named for it must fail
    Perturb {
        /// So many, drawn by chance, instead of all
        #[arg(long)]
        sample: Option<usize>,
        /// Where chance comes from; drawn from the clock and printed if not given
        #[arg(long)]
        seed: Option<u64>,
        /// Only items whose name contains this
        #[arg(long)]
        item: Option<String>,
    },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Act::Map { write } => map_page(write),
        Act::Perturb { sample, seed, item } => perturb_all(sample, seed, item.as_deref()),
    }
}

fn map_page(write: bool) -> ExitCode {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec-map.md");
    let (old, new) = (
        std::fs::read_to_string(&page).unwrap_or_default(),
        map::text(),
    );
    if old == new {
        println!("{} is current", shown(&page));
        return ExitCode::SUCCESS;
    }
    if !write {
        println!("docs/spec-map.md is stale: run rhc-spec map --write");
        return ExitCode::from(3);
    }
    match std::fs::write(&page, new) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("rhc-spec: {}: {cause}", shown(&page));
            ExitCode::from(4)
        }
    }
}

fn shown(page: &Path) -> String {
    page.file_name()
        .map_or_else(PathBuf::new, PathBuf::from)
        .display()
        .to_string()
}

fn perturb_all(sample: Option<usize>, seed: Option<u64>, item: Option<&str>) -> ExitCode {
    let now = jiff::Timestamp::now;
    let seed = seed.unwrap_or_else(|| now().as_microsecond().unsigned_abs());
    println!("{} seed {seed}", now());
    // Failed behaviour tests are what is looked for.
    std::panic::set_hook(Box::new(|_| {}));
    let mut survivors = 0;
    for profile in PROFILES {
        let mut all = perturb::all(profile);
        all.retain(|each| item.is_none_or(|part| each.item.contains(part)));
        if let Some(count) = sample {
            all = tests_spec::verdict::drawn(all, count.div_ceil(PROFILES.len()), seed);
        }
        let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
        let mut elsewhere: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for perturbation in &all {
            let verdict = judge(perturbation);
            *counts.entry(verdict).or_default() += 1;
            if let Watch::Elsewhere(why, test) = watch(&perturbation.item) {
                *elsewhere.entry((why, test)).or_default() += 1;
            }
            if verdict == Verdict::Survived {
                survivors += 1;
                println!("{profile} SURVIVED {}", told(perturbation));
            }
        }
        let count = |verdict| counts.get(&verdict).copied().unwrap_or_default();
        println!(
            "{} {profile}: {} changes, {} noticed by the test named for the item, {} refused by the loader, {} not in the card's copy, {} survived",
            now(),
            all.len(),
            count(Verdict::Noticed),
            count(Verdict::Refused),
            count(Verdict::NotTheCards),
            count(Verdict::Survived),
        );
        for ((why, test), count) in elsewhere {
            println!("  {count} not in the card's copy: {why}; tested by {test}");
        }
    }
    if survivors > 0 {
        return ExitCode::from(3);
    }
    ExitCode::SUCCESS
}

fn told(perturbation: &Perturbation) -> String {
    let named = match watch(&perturbation.item) {
        Watch::Test(name) => name,
        Watch::Loader => "the loader",
        Watch::Elsewhere(_, test) => test,
    };
    format!(
        "{} := {} (watched by {named})",
        perturbation.item, perturbation.change
    )
}
