//! `rhc-conformance`: runs conformance suites on products and keeps signed evidence.

use std::process::ExitCode;

use clap::Parser;
use tests_conformance::app;
use tests_conformance::cli::Cli;

fn main() -> ExitCode {
    match app::main(&Cli::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("rhc-conformance: {}", failure.text());
            ExitCode::from(failure.code())
        }
    }
}
