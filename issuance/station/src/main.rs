//! `rhc-station`: see `--help`.

use std::process::ExitCode;

use clap::Parser;
use issuance_station::cli::Cli;
use issuance_station::commands;
use kms_platform::{exit, telemetry};

fn main() -> ExitCode {
    telemetry::init();
    exit::finish(commands::run(Cli::parse()))
}
