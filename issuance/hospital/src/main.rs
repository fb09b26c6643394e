//! `rhc-hospital`: verifies a resident health card at a hospital.

use std::process::ExitCode;

fn main() -> ExitCode {
    kms_platform::telemetry::init();
    kms_platform::exit::finish(issuance_hospital::cli::run())
}
