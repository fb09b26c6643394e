//! The command line: serve, look at or change a card, verify the record.

mod audit;
mod card;
mod population;
mod serve;

use clap::{Parser, Subcommand};
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::Identity;
use kms_platform::lang::pick;
use kms_platform::store::{Place, StoreError};

use crate::registry::OpenError;

/// The registry of resident health cards and SAMs.
#[derive(Parser)]
#[command(name = "rhc-registry", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  rhc-registry serve --db sqlite:registry.db --listen 127.0.0.1:8600 --identity registry-41.json --mark test
  rhc-registry card 41010219900101123X --url https://127.0.0.1:8600 --identity clerk-41.json
  rhc-registry card 41010219900101123X --set lost --reason 'telephone, 0371-0000' --db sqlite:registry.db
  rhc-registry population --db sqlite:registry.db --out population-41.json
  rhc-registry audit verify --db sqlite:registry.db

Exit codes: 0 done, 2 usage, 3 the card or record is not right, 4 environment. RHC_LANG=zh for Chinese.";

#[derive(Subcommand)]
enum Command {
    /// Answer stations, hospitals and clerks over mutual TLS.
    Serve(serve::Args),
    /// Show a card with its history, or set its state.
    Card(card::Args),
    /// Cards and SAMs without persons, for a compromise report of the key service.
    Population(population::Args),
    /// The record of what was done.
    Audit(audit::Args),
}

/// Runs the tool.
pub fn run(cli: Cli) -> Result<Exit, Failure> {
    kms_platform::telemetry::init();
    // Two workers: the work is SQLite's, and every thread costs memory while idle.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(error.to_string()))?;
    match cli.command {
        Command::Serve(args) => runtime.block_on(serve::run(args)),
        Command::Card(args) => card::run(args, &runtime),
        Command::Population(args) => runtime.block_on(population::run(args)),
        Command::Audit(args) => runtime.block_on(audit::run(args)),
    }
}

/// A store address that cannot be read is wrong usage.
fn db_place(address: &str) -> Result<Place, Failure> {
    address
        .parse()
        .map_err(|error: StoreError| Failure::usage(error.to_string()))
}

fn open_failure(error: &OpenError) -> Failure {
    Failure::environment(error.to_string()).next(pick(
        "Check the path and its rights; `rhc-registry serve` makes a new store",
        "请核对路径及其权限；`rhc-registry serve` 可新建库",
    ))
}

fn read_identity(path: &std::path::Path) -> Result<Identity, Failure> {
    Identity::read(path).map_err(|error| {
        Failure::environment(error.to_string()).next(pick(
            "Get an identity from your authority: rhc-kms identity issue",
            "请向上级机构申请身份文件：rhc-kms identity issue",
        ))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
