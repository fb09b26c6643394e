//! `rhc-registry`: see [`issuance_registry`].

use std::process::ExitCode;

use clap::Parser;
use issuance_registry::cli::{Cli, run};
use kms_platform::exit::finish;

fn main() -> ExitCode {
    finish(run(Cli::parse()))
}
