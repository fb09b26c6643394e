//! `rhc-kms`: the key service of one tier, and what its officers and clerks do with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kms_server::cli::main()
}
