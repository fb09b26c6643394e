//! The commands of `rhc-kms`. Exit codes: 0 done, 2 usage, 3 the thing checked is not right, 4 environment.

mod accounts;
mod approvals;
mod args;
mod audit;
mod ceremony;
mod certificate;
mod compromise;
mod doctor;
mod hsm;
mod identity;
mod init;
mod keys;
mod life;
mod officer;
mod order;
mod rotation;
mod serve;
pub(crate) mod tables;
mod tickets;
mod tiers;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use kms_platform::clock;
use kms_platform::exit::{Exit, Failure, finish};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::store::Place;
use kms_platform::telemetry;

use crate::refusal::Refusal;
use crate::service::Service;
use args::{Cli, Command, Signing};

/// What a command leads to.
type Ran = Result<Exit, Failure>;

/// Parses, runs, prints, exits.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => finish(runtime.block_on(run(cli.command))),
        Err(error) => finish(Err(Failure::environment(error.to_string()))),
    }
}

async fn run(command: Command) -> Ran {
    match command {
        Command::Init(args) => init::run(args).await,
        Command::Ceremony(command) => ceremony::run(command).await,
        Command::Identity(command) => identity::run(command).await,
        Command::Officer(command) => officer::run(command).await,
        Command::Key(command) => approvals::key(command),
        Command::Approve(args) => approvals::approve(args).await,
        Command::Hsm(command) => hsm::run(command).await,
        Command::Transport(command) => hsm::transport(command).await,
        Command::Delivery(command) => tickets::delivery(command).await,
        Command::Ticket(command) => tickets::run(command).await,
        Command::Request(args) => keys::request(args).await,
        Command::Grant(args) => keys::grant(args).await,
        Command::Import(args) => keys::import(args).await,
        Command::Keys {
            life: Some(command),
            ..
        } => life::keys(command).await,
        Command::Keys { store, json, .. } => {
            let store = store.unwrap_or_default();
            keys::table(&open(&store).await?, json).await
        }
        Command::Rotation(command) => rotation::run(command).await,
        Command::Compromise(args) => compromise::run(args).await,
        Command::Alarms(command) => life::alarms(command).await,
        Command::IssuerCertificate { store, out } => keys::issuer_certificate(&store, &out).await,
        Command::Audit(command) => audit::run(command).await,
        Command::Backup(args) => audit::backup(args).await,
        Command::Restore(args) => audit::restore(args).await,
        Command::Order(command) => order::run(command).await,
        Command::Terms(command) => tiers::terms(command).await,
        Command::Lease(command) => tiers::lease(command).await,
        Command::Handdown(command) => tiers::handdown(command).await,
        Command::Certificate(command) => certificate::run(command).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Openapi => {
            let text = serde_json::to_string_pretty(&crate::http::openapi::description());
            println!("{}", text.map_err(Refusal::from)?);
            Ok(Exit::Done)
        }
        Command::Upgrade {
            store,
            database_owner,
        } => {
            let owner = database_owner.parse::<Place>();
            let owner = owner.map_err(|e| Failure::usage(e.to_string()))?;
            Service::upgrade(&store, owner, &clock::system()).await?;
            Ok(Exit::Done)
        }
        Command::Doctor { store, json } => doctor::run(open(&store).await?, json).await,
        Command::Status { store, json } => status(&open(&store).await?, json).await,
    }
}

/// Whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    std::fs::write(&name, bytes)?;
    std::fs::rename(&name, path)
}

async fn open(store: &Path) -> Result<Service, Refusal> {
    Service::open(store, clock::system()).await
}

async fn status(service: &Service, json: bool) -> Ran {
    let status = tables::status(service).await?;
    let table = || {
        let mut table = Table::new(Vec::<String>::new());
        table.row([pick("tier", "层级"), &service.tier.to_string()]);
        table.row([pick("mark", "标记"), service_mark(service)]);
        table.row([
            pick("HSM", "密码机"),
            if status.hsm_ready {
                pick("ready", "就绪")
            } else {
                pick("no answer", "无应答")
            },
        ]);
        table.row([pick("keys", "密钥"), &status.active_keys.to_string()]);
        table.row([
            pick("audit rows", "审计记录"),
            &status.audit_rows.to_string(),
        ]);
        table
    };
    output::print(json, &status, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

fn service_mark(service: &Service) -> &'static str {
    crate::service::platform_mark(service.mark).label().get()
}

/// Key files as the devices that sign.
fn devices(files: &[kms_hsm::officer::OfficerFile]) -> Vec<&dyn kms_core::policy::Signer> {
    files.iter().map(|file| file as _).collect()
}

/// Officers' key files named by `--as`.
fn signers(signing: &Signing) -> Result<Vec<kms_hsm::officer::OfficerFile>, Refusal> {
    let files = signing
        .officers
        .iter()
        .map(|path| kms_hsm::officer::OfficerFile::load(path));
    Ok(files.collect::<Result<_, _>>()?)
}
