//! `rhc-bench`: speed and memory of the house against its bars (`tests/bench/bars.toml`). Exit 3 when one is missed.

mod bars;
mod c_interface;
mod card;
mod conformance;
mod cores;
mod desk;
mod driver;
mod hsm;
mod kms;
mod measure;
mod null_card;
mod replay;
mod report;
mod sdf;
mod section;
mod station;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use bars::Bars;
use clap::{Parser, Subcommand};
use report::Done;
use section::Part;
use serde_json::json;

/// Everything that is measured; a new part is a module and a line here, and a table in `bars.toml`.
const PARTS: &[Part] = &[
    Part {
        name: "station",
        title: "A card at the station, and idle services",
        measure: station::measure,
    },
    Part {
        name: "card",
        title: "A virtual card and a desk, against a card and a client that do nothing",
        measure: card::measure,
    },
    Part {
        name: "driver",
        title: "Our own reader driver, and a dump of a card",
        measure: driver::measure,
    },
    Part {
        name: "c_interface",
        title: "The C interface against the same flows in Rust",
        measure: c_interface::measure,
    },
    Part {
        name: "sdf",
        title: "The GM/T 0018 library with the engine inside",
        measure: sdf::measure,
    },
    Part {
        name: "hsm",
        title: "The HSM simulator against OpenSSL, and its memory",
        measure: hsm::measure,
    },
    Part {
        name: "conformance",
        title: "The user-card suite against the replay of its commands, and the hunt for defective products",
        measure: conformance::measure,
    },
    Part {
        name: "kms",
        title: "The key service on PostgreSQL, against the HSM behind it and a handler that does nothing",
        measure: kms::measure,
    },
];
const BARS: &str = "tests/bench/bars.toml";
const PROFILE: &str = if cfg!(debug_assertions) {
    "dev (measure with make bench, which builds release)"
} else {
    "release"
};
const RESULT: &str = "out/bench/result.json";
const PAGE: &str = "docs/performance.md";

/// Measures speed and memory and compares them with the bars.
#[derive(Parser)]
#[command(
    name = "rhc-bench",
    version,
    after_help = "Examples:\n  make bench\n  make bench ONLY=station\nExit codes: 0 all bars met, 3 one missed, 4 environment."
)]
struct Cli {
    /// Only these parts; the page in docs/ is written by whole runs alone
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    #[command(subcommand)]
    command: Option<Act>,
}

#[derive(Subcommand)]
enum Act {
    /// Send a recorded script to one or two readers; prints milliseconds (used by the benchmark itself)
    Replay {
        #[arg(long)]
        script: PathBuf,
        #[arg(long)]
        card: String,
        #[arg(long)]
        sam: Option<String>,
    },
    /// Keep a core awake while that process lives (used by the benchmark itself)
    Awake { parent: u32 },
    /// Send the same APDU to cards for a while; prints the rates as JSON (used by the benchmark itself)
    Apdus {
        #[arg(long = "reader", required = true)]
        readers: Vec<String>,
    },
    /// Read a whole card again and again; prints the best times (used by the benchmark itself)
    ReadWhole {
        #[arg(long)]
        card: String,
        #[arg(long)]
        sam: String,
        #[arg(long)]
        pin_file: PathBuf,
    },
    /// Read a whole card, or update one element many times; prints milliseconds (used by the benchmark itself)
    Desk {
        #[arg(long)]
        card: String,
        #[arg(long)]
        sam: String,
        #[arg(long)]
        pin_file: PathBuf,
        #[arg(long)]
        updates: u32,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => bench(&cli.only),
        Some(Act::Replay { script, card, sam }) => {
            told(replay::run(&script, &card, sam.as_deref()))
        }
        Some(Act::Awake { parent }) => {
            cores::keep_awake(parent);
            Ok(true)
        }
        Some(Act::Apdus { readers }) => driver::client(&readers).map(|()| true),
        Some(Act::ReadWhole {
            card,
            sam,
            pin_file,
        }) => c_interface::read_whole(&card, &sam, &pin_file).map(|()| true),
        Some(Act::Desk {
            card,
            sam,
            pin_file,
            updates,
        }) => told(desk::run(&card, &sam, &pin_file, updates)),
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

fn told(time: Result<std::time::Duration>) -> Result<bool> {
    println!("{}", time?.as_secs_f64() * 1000.0);
    Ok(true)
}

fn bench(only: &[String]) -> Result<bool> {
    let bars = std::fs::read_to_string(BARS)
        .with_context(|| format!("{BARS}: run from the top of the source tree"))?;
    let bars = Bars::parse(&bars)?;
    let mut done = Vec::new();
    for part in section::chosen(PARTS, only)? {
        eprintln!("measuring: {} ({})", part.name, part.title);
        let section = (part.measure)().with_context(|| format!("the part {} failed", part.name))?;
        for note in &section.notes {
            println!("{note}");
        }
        let lines = bars.compare(part.name, &section.values)?;
        print!("{}", bars::table(&lines));
        let (name, title) = (part.name, part.title);
        done.push(Done {
            name,
            title,
            lines,
            section,
        });
    }
    keep(&done, only.is_empty())?;
    Ok(done
        .iter()
        .flat_map(|part| &part.lines)
        .all(|line| line.met))
}

/// The readings as a file; after a whole run in release also the page.
fn keep(done: &[Done], whole: bool) -> Result<()> {
    let parts: Vec<_> = done
        .iter()
        .map(|part| json!({ "part": part.name, "bars": part.lines, "notes": part.section.notes, "raw": part.section.raw }))
        .collect();
    std::fs::create_dir_all(Path::new(RESULT).parent().context("no folder")?)?;
    let document = json!({ "profile": PROFILE, "parts": parts });
    std::fs::write(RESULT, serde_json::to_string_pretty(&document)? + "\n")?;
    println!("result: {RESULT}");
    if whole && !cfg!(debug_assertions) {
        std::fs::write(PAGE, report::page(done, PROFILE))?;
        println!("page: {PAGE}");
    }
    Ok(())
}
