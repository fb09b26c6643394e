//! `rhc-kms init`: a new service with its first officers, its HSM, its keys; an interrupted one goes on where it stopped.

use std::path::Path;

use kms_core::policy::Role;
use kms_core::port::Mark;
use kms_core::tier::Tier;
use kms_hsm::Address;
use kms_platform::exit::Failure;
use kms_platform::lang::pick;
use kms_platform::store::Place;
use kms_platform::{audit, clock, say};
use serde_json::json;

use super::args::InitArgs;
use super::{Ran, hsm, open, order, status};
use crate::act::Act;
use crate::authority;
use crate::records::people;
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::{Beginning, Service};

pub(super) async fn run(args: InitArgs) -> Ran {
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
    let service = if Service::exists(&args.store) {
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
            database: database(&args)?,
        };
        create(&args.store, beginning, &officers).await?
    };
    if args.test_keys || args.random_keys {
        let act = Act::SetUp {
            test_keys: args.test_keys,
        };
        order::carry(&service, act, &args.signing, true).await?;
    }
    status(&service, args.json).await
}

/// The database and its owner, when one is wanted.
fn database(args: &InitArgs) -> Result<Option<Place>, Failure> {
    let read = |address: &String| {
        address
            .parse::<Place>()
            .map_err(|e| Failure::usage(e.to_string()))
    };
    match (&args.database, &args.database_owner) {
        (Some(database), Some(owner)) => {
            let owned = read(database)?.owned_by(read(owner)?);
            owned.map(Some).map_err(|e| Failure::usage(e.to_string()))
        }
        _ => Ok(None),
    }
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
        people::add(&mut tx, officer, Role::KeyOfficer, &service.now()).await?;
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
