//! What each subcommand does: opens files, readers and services, and hands them to the modules that know the work.

mod journal;
mod personalise;
mod progress;
mod reader;
mod sam;
mod sam_use;

use std::path::{Path, PathBuf};

use issuance_registry_api::RegistryClient;
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::Identity;
use kms_platform::lang::pick;

use crate::cli::{Cli, Command, JournalCommand, JournalFolder, Making, SamCommand, Services};
use crate::clients::{KeyClient, RegistryPort};

/// Runs a command line.
///
/// # Errors
/// Why nothing could be done; what was done and went wrong is told by reports and the exit code.
pub fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Sam(command) => match *command {
            SamCommand {
                in_use: Some(command),
                ..
            } => sam_use::run(&command),
            SamCommand {
                make: Making(Some(args)),
                ..
            } => sam::run(&args),
            SamCommand { .. } => Err(Failure::usage(pick(
                "say what to do with the SAM: --stage, probe or rekey",
                "请指明对 SAM 卡的操作：--stage、probe 或 rekey",
            ))),
        },
        Command::Personalise(args) => personalise::run(&args, false),
        Command::Journal(JournalCommand::Resume(args)) => personalise::run(&args, true),
        Command::Journal(JournalCommand::List(args)) => journal::list(&args),
        Command::Journal(JournalCommand::Void(args)) => journal::void(&args),
    }
}

fn journal_folder(folder: &JournalFolder) -> Result<PathBuf, Failure> {
    folder.path().ok_or_else(|| {
        Failure::usage(pick(
            "this user has no home; give --journal",
            "当前用户没有主目录，请用 --journal 指定日志目录",
        ))
    })
}

fn identity(path: &Path) -> Result<Identity, Failure> {
    Identity::read(path).map_err(|error| Failure::environment(error.to_string()))
}

fn clients(services: &Services, identity: &Identity) -> Result<(KeyClient, RegistryPort), Failure> {
    let keys = KeyClient(kms_api::Client::keeping(
        &services.kms,
        &services.identity,
        kms_platform::clock::system(),
    )?);
    Ok((keys, registry(&services.registry, identity)?))
}

fn registry(url: &str, identity: &Identity) -> Result<RegistryPort, Failure> {
    Ok(RegistryPort(RegistryClient::new(url, identity)?))
}
