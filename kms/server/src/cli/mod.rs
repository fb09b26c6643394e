//! The commands of `rhc-kms`. Exit codes: 0 done, 2 usage, 3 the thing checked is not right, 4 environment.

mod args;
mod hsm;
mod identity;
mod keys;
mod order;
pub(crate) mod tables;
mod tickets;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use kms_core::port::Mark;
use kms_core::tier::Tier;
use kms_hsm::Address;
use kms_platform::clock;
use kms_platform::exit::{Exit, Failure, finish};
use kms_platform::lang::pick;
use kms_platform::notary::Notary;
use kms_platform::output::{self, Table};
use kms_platform::revocation::Revocations;
use kms_platform::{audit, say, serve, telemetry};
use serde_json::json;

use crate::act::Act;
use crate::authority;
use crate::records::people;
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::{Beginning, Service};
use args::{Cli, Command, InitArgs, OfficerCommand, ServeArgs, Signing};

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
        Command::Init(args) => init(args).await,
        Command::Identity(command) => identity::run(command).await,
        Command::Officer(OfficerCommand::Add {
            store,
            name,
            key,
            by,
            signing,
        }) => {
            let service = open(&store).await?;
            let officer = kms_hsm::officer::load_public(&key).map_err(Refusal::from)?;
            if officer.name != name {
                return Err(Failure::usage(say!(
                    "the key file names {other}, not {name}",
                    "密钥文件中的姓名为 {other}，而非 {name}",
                    other = officer.name
                )));
            }
            order::carry(
                &service,
                Act::AddOfficer {
                    officer,
                    requester: by,
                },
                &signing,
                false,
            )
            .await
            .map(|_| Exit::Done)
        }
        Command::Hsm(command) => hsm::run(command).await,
        Command::Transport(command) => hsm::transport(command).await,
        Command::Delivery(command) => tickets::delivery(command).await,
        Command::Ticket(command) => tickets::run(command).await,
        Command::Request(args) => keys::request(args).await,
        Command::Grant(args) => keys::grant(args).await,
        Command::Import(args) => keys::import(args).await,
        Command::Keys { store, json } => keys::table(&open(&store).await?, json).await,
        Command::IssuerCertificate { store, out } => keys::issuer_certificate(&store, &out).await,
        Command::Audit(args::AuditCommand::Verify { store, json }) => {
            verify_audit(&store, json).await
        }
        Command::Order(command) => order::run(command).await,
        Command::Serve(args) => serve_http(args).await,
        Command::Status { store, json } => status(&open(&store).await?, json).await,
    }
}

async fn open(store: &Path) -> Result<Service, Refusal> {
    Service::open(store, clock::system()).await
}

async fn init(args: InitArgs) -> Ran {
    let tier = Tier::new(&args.tier, &args.area).map_err(|e| Failure::usage(e.to_string()))?;
    let address = address(&args)?;
    let profile = crate::service::profile(&args.profile)?;
    let mark: Mark = match &args.mark {
        Some(mark) => mark.parse().map_err(Failure::usage)?,
        None => crate::service::identity(&address)?.mark,
    };
    let officers = first_officers(&args.first_officers)?;
    if args.test_keys && mark != Mark::Test {
        return Err(refuse!(
            &refusal::MARK,
            "--test-keys needs --mark test",
            "--test-keys 仅用于 --mark test"
        )
        .into());
    }
    if mark == Mark::Production
        && !args.force_not_for_production
        && crate::service::identity(&address)?.simulator
    {
        return Err(refuse!(
            &refusal::MARK,
            "a software HSM carries no PRODUCTION keys; --force-not-for-production overrides",
            "软件密码机不得持有生产密钥；可用 --force-not-for-production 强制"
        )
        .into());
    }
    let service = if args.store.join("kms.sqlite").exists() {
        // An interrupted init goes on where it stopped.
        let service = open(&args.store).await?;
        if service.tier != tier || service.mark != mark {
            return Err(refuse!(
                &refusal::EXISTS,
                "{} is the store of another service",
                "{} 是另一服务的库",
                args.store.display(),
            )
            .into());
        }
        service
    } else {
        let beginning = Beginning {
            tier,
            mark,
            hsm: address,
            profile,
        };
        create(&args.store, beginning, &officers).await?
    };
    let act = Act::SetUp {
        test_keys: args.test_keys,
    };
    order::carry(&service, act, &args.signing, true).await?;
    status(&service, args.json).await
}

async fn create(
    dir: &Path,
    beginning: Beginning,
    officers: &[kms_core::approval::Officer],
) -> Result<Service, Refusal> {
    let enrolled = crate::service::identity(&beginning.hsm)?.officers;
    for officer in officers {
        let known = enrolled.iter().find(|known| known.name == officer.name);
        match known {
            Some(known) if known.public_key == officer.public_key => continue,
            Some(_) => {
                return Err(refuse!(
                    &refusal::OFFICER,
                    "the HSM knows {} by another key; bring the key file that rhc-hsm init was given",
                    "密码机登记的 {} 的公钥不同；请使用 rhc-hsm init 时的密钥文件",
                    officer.name
                ));
            }
            None => {}
        }
        return Err(refuse!(
            &refusal::OFFICER,
            "{} is no officer of the HSM (rhc-hsm init --officer)",
            "{} 不是该密码机的管理员（rhc-hsm init --officer）",
            officer.name
        ));
    }
    let service = Service::create(dir, beginning, clock::system()).await?;
    let mut tx = service.begin().await?;
    let names: Vec<&str> = officers
        .iter()
        .map(|officer| officer.name.as_str())
        .collect();
    let begun = service
        .before(
            &mut tx,
            "operator",
            "officer.first",
            &names.join(","),
            &json!({}),
        )
        .await?;
    for officer in officers {
        people::add_officer(&mut tx, officer, &service.now()).await?;
    }
    service.after(&mut tx, begun, &audit::Outcome::Done).await?;
    service.commit(tx).await?;
    if service.tier == Tier::Ministry {
        authority::create_root(dir, service.store.clock().now())?;
    }
    Ok(service)
}

pub(super) fn first_officers(
    given: &[String],
) -> Result<Vec<kms_core::approval::Officer>, Failure> {
    let mut officers = Vec::new();
    for text in given {
        let (name, path) = text.split_once('=').ok_or_else(|| {
            Failure::usage(say!(
                "--officer {text}: NAME=FILE is wanted",
                "--officer {text}：格式应为 NAME=FILE"
            ))
        })?;
        let officer = kms_hsm::officer::load_public(Path::new(path)).map_err(Refusal::from)?;
        if officer.name != name {
            return Err(Failure::usage(say!(
                "{path} is the key of {other}, not of {name}",
                "{path} 是 {other} 的密钥，而非 {name} 的",
                other = officer.name
            )));
        }
        if officers
            .iter()
            .any(|other: &kms_core::approval::Officer| other.public_key == officer.public_key)
        {
            return Err(Failure::usage(pick(
                "the first two officers must have keys of their own",
                "最初的两名密钥管理员须各持密钥",
            )));
        }
        officers.push(officer);
    }
    if officers.len() < 2 {
        return Err(Failure::usage(pick(
            "name the first two officers: --officer NAME=FILE twice",
            "请指定最初的两名密钥管理员：两次 --officer NAME=FILE",
        )));
    }
    Ok(officers)
}

/// The HSM that `--hsm` names: a socket of `rhc-hsm`, or a file that says which adapter.
fn address(args: &InitArgs) -> Result<Address, Refusal> {
    if args.hsm.extension().is_some_and(|ending| ending == "toml") {
        return hsm::address_in(&args.hsm);
    }
    let beside = |given: &Option<std::path::PathBuf>, ending: &str| {
        given.clone().unwrap_or_else(|| {
            let mut name = args.hsm.clone().into_os_string();
            name.push(ending);
            name.into()
        })
    };
    Ok(Address::Sim {
        socket: absolute(&args.hsm),
        officer_socket: absolute(&beside(&args.hsm_officer, ".officer")),
        operator_credential: absolute(&beside(&args.operator_cred, ".cred")),
    })
}

/// Paths in the store must hold wherever the service is started.
fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
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

async fn verify_audit(store: &Path, json: bool) -> Ran {
    let service = open(store).await?;
    let mut conn = service
        .store
        .pool()
        .acquire()
        .await
        .map_err(Refusal::from)?;
    match audit::verify(&mut conn).await {
        Ok(found) => {
            let value = json!({ "ok": true, "rows": found.rows, "head": hex::encode_upper(found.head), "open": found.open });
            let rows = found.rows;
            let table = || {
                let mut table = Table::new(Vec::<String>::new());
                table.row([say!("{rows} rows, unbroken", "{rows} 条记录，链完整")]);
                table
            };
            output::print(json, &value, table).map_err(Refusal::from)?;
            Ok(Exit::Done)
        }
        Err(audit::Fault::Sql(error)) => Err(Refusal::from(error).into()),
        Err(fault) => Err(Failure::wrong(
            Refusal::about(&refusal::BROKEN_AUDIT, fault.to_string()).to_string(),
        )),
    }
}

async fn serve_http(args: ServeArgs) -> Ran {
    let mut service = open(&args.store).await?;
    match service.hsm.identity() {
        Ok(hsm) => kms_core::handdown::admit(service.mark, hsm.mark).map_err(Refusal::from)?,
        // Requests are refused by name until it comes.
        Err(error) => tracing::warn!(%error, "the HSM does not answer yet"),
    }
    let now = service.store.clock().now();
    let identity = authority::service_identity(&service.dir, &service.tier, &args.hosts, now)?;
    let environment = |e: &dyn std::fmt::Display| Failure::environment(e.to_string());
    service.notary = Some(Notary::new(&identity).map_err(|e| environment(&e))?);
    let own = authority::revoked(&service.dir);
    let revocations = Revocations::of(&args.lists, Some(own)).map_err(|e| environment(&e))?;
    let router = crate::http::router(Arc::new(service));
    serve::run(router, args.listen, &identity, revocations)
        .await
        .map_err(|e| Failure::environment(e.to_string()))?;
    Ok(Exit::Done)
}

/// Officers' key files named by `--as`.
fn signers(signing: &Signing) -> Result<Vec<kms_hsm::officer::OfficerFile>, Refusal> {
    let files = signing
        .officers
        .iter()
        .map(|path| kms_hsm::officer::OfficerFile::load(path));
    Ok(files.collect::<Result<_, _>>()?)
}
