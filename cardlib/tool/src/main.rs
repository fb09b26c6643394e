//! `rhc-card`: look at cards in readers, and be one.
//!
//! | module | commands |
//! |---|---|
//! | [`args`] | the command line |
//! | [`virtual_card`] | `virtual user`, `virtual sam`, `forge` |
//! | [`info`] | `info` |
//! | [`readers`], [`watch`] | `readers`, `watch` |
//! | [`tree`], [`dump`] | `tree`, `dump` |
//! | [`apdu`], [`script`], [`trace`] | `apdu`, `script`, `trace` |
//! | [`decode`] | what commands, answers and status words mean |
//! | [`custodian`] | `custodian format`, `put`, `get`, `info` |
//! | [`maker`] | `delivery-list`, `maker-key` |
//! | [`failure`], [`text`], [`files`] | exit codes, languages, files with secrets |

mod apdu;
mod args;
mod custodian;
mod decode;
mod dump;
mod failure;
mod files;
mod info;
mod maker;
mod readers;
mod script;
mod serve;
mod talk;
mod text;
mod trace;
mod tree;
mod virtual_card;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Task};
use text::say;

fn main() -> ExitCode {
    let args = Args::parse();
    start_log();
    let done = match args.task {
        Task::Virtual { kind } => virtual_card::run(kind),
        Task::Forge(order) => virtual_card::forge(&order),
        Task::Info(order) => info::run(&order),
        Task::Tree(order) => tree::run(&order),
        Task::Apdu(order) => apdu::run(&order),
        Task::Script(order) => script::run(&order),
        Task::Trace(order) => trace::run(&order),
        Task::Watch(order) => watch::run(&order),
        Task::Dump(order) => dump::run(&order),
        Task::Readers { json } => readers::run(json),
        Task::Serve(order) => serve::run(&order),
        Task::DeliveryList(order) => maker::delivery_list(&order),
        Task::Custodian { act } => custodian::run(&act),
        Task::MakerKey { out } => maker::new_key(&out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}{failure}", say("error: ", "错误："));
            failure.exit_code()
        }
    }
}

/// Logs go to standard error and hold no card data; `RHC_LOG` widens them.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("RHC_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
