//! `rhc-kms`: the key service of one tier, and what its officers and clerks do with it.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kms_server::cli::main()
}
