//! `rhc-hsm`: the software HSM as a process of its own.
//!
//! `officer-key` makes an officer's key file, `init` a store, `serve` answers on two Unix sockets. The unsealing
//! secret never lies beside the store: `init` writes it elsewhere, `serve` reads it from a file descriptor.

mod bench;
mod cli;
mod commands;
mod custody;
mod faults;
mod harden;
mod messages;
mod password;
mod reports;
mod serve;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("RHC_LOG")
                .unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .init();
    let arguments = cli::Cli::parse();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("rhc-hsm: {}", failure.text());
            ExitCode::from(failure.code())
        }
    }
}
