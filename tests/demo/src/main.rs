//! `rhc-demo`: the whole house in one run: keys of three tiers, SAMs, residents' cards, registry, hospital, refusals.
//!
//! Writes `out/demo/result.json`. `KEEP=1` leaves everything running; `RHC_LANG=zh|en` chooses the language.

mod conformance;
mod entries;
mod hospital;
mod keys;
mod result;
mod say;
mod story;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use say::Teller;

const STEPS: usize = 8;

/// The whole house in one run, with public test keys. RHC_LANG=zh tells it in Chinese, KEEP=1 leaves it running.
#[derive(Parser)]
#[command(
    name = "rhc-demo",
    version,
    after_help = "Example: make demo\nExit codes: 0 all as it should be, 3 something was not, 4 environment."
)]
struct Cli {
    /// Folder for result.json
    #[arg(long, value_name = "DIR", default_value = "out/demo")]
    out: PathBuf,
    /// Then run the conformance suite on the first card, which uses it up; its package goes here
    #[arg(long, value_name = "DIR")]
    conformance: Option<PathBuf>,
    /// The keys' story instead: ceremony, custodians, hand-down, orders (make demo-keys)
    #[arg(long)]
    keys: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut teller = Teller::new(if cli.keys { keys::STEPS } else { STEPS });
    let told = if cli.keys {
        keys::tell(&mut teller, &cli.out)
    } else {
        story::tell(&mut teller, &cli.out, cli.conformance.as_deref())
    };
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("\n{}{error:#}", teller.pick(words::STOPPED));
            ExitCode::from(4)
        }
    }
}
