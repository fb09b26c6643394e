//! `rhc-card`: look at cards in readers, and be one.
//!
//! | module | commands |
//! |---|---|
//! | [`args`] | the command line |
//! | [`virtual_card`] | `virtual user`, `virtual sam`, `forge` |
//! | [`info`] | `info` |
//! | [`readers`] | `readers` |
//! | [`maker`] | `delivery-list`, `maker-key` |
//! | [`failure`], [`text`], [`files`] | exit codes, languages, files with secrets |

mod args;
mod failure;
mod files;
mod info;
mod maker;
mod readers;
mod text;
mod virtual_card;

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
        Task::Readers { json } => readers::run(json),
        Task::DeliveryList(order) => maker::delivery_list(&order),
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

/// Logs go to standard error and hold no card data; `RUST_LOG` widens them.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
