//! TLS identities: issued, listed, taken back.

use std::path::{Path, PathBuf};

use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::name::Peer;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;

use super::args::IdentityCommand;
use super::{Ran, open};
use crate::authority;
use crate::records::identities;
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::Service;

pub(super) async fn run(command: IdentityCommand) -> Ran {
    match command {
        IdentityCommand::Issue {
            store,
            role,
            name,
            area,
            hosts,
            out,
        } => {
            let service = open(&store).await?;
            let area = match area {
                Some(text) => authority::parse_area(&text)?,
                None => authority::area(&service.tier)?,
            };
            let party = authority::party(area, &role, &name)?;
            issue(&service, &party, &hosts, &out).await
        }
        IdentityCommand::Revoke {
            store,
            party,
            serial,
            reason,
        } => {
            let which = match (party, serial) {
                (Some(party), _) => Which::Party(party),
                (None, Some(serial)) => Which::Serial(serial.to_ascii_uppercase()),
                (None, None) => return Err(Failure::usage("--party or --serial")),
            };
            revoke(&open(&store).await?, &which, &reason).await
        }
        IdentityCommand::List { store, json } => list(&open(&store).await?, json).await,
    }
}

async fn issue(service: &Service, party: &Peer, hosts: &[String], out: &Path) -> Ran {
    let act = "identity.issue";
    service.may(act, "operator").await?;
    let mut tx = service.begin().await?;
    let begun = service
        .before(&mut tx, "operator", act, &party.to_string(), &json!({}))
        .await?;
    service.commit(tx).await?;
    let issued = make(service, party, hosts, out).await;
    service.close(begun, issued).await?;
    let file = out.display();
    println!("{}", say!("{party} → {file}", "{party} → {file}"));
    Ok(Exit::Done)
}

/// The certificate is on the list of issued ones before its file exists: none goes out that could not be found again.
async fn make(
    service: &Service,
    party: &Peer,
    hosts: &[String],
    out: &Path,
) -> Result<(), Refusal> {
    let now = service.store.clock().now();
    let identity = authority::open(&service.dir)?.issue(party, hosts, now)?;
    let mut tx = service.begin().await?;
    let (serial, name) = (identity.serial()?, party.to_string());
    identities::add(&mut tx, &serial, &name, &service.now()).await?;
    service.commit(tx).await?;
    Ok(identity.write(out)?)
}

/// What is taken back.
enum Which {
    Party(String),
    Serial(String),
}

async fn revoke(service: &Service, which: &Which, reason: &str) -> Ran {
    let (Which::Party(object) | Which::Serial(object)) = which;
    service.may("identity.revoke", "operator").await?;
    let mut tx = service.begin().await?;
    let detail = json!({ "reason": reason });
    let begun = service
        .before(&mut tx, "operator", "identity.revoke", object, &detail)
        .await?;
    service.commit(tx).await?;
    let published = take_back(service, which, reason).await;
    let file = service.close(begun, published).await?;
    let file = file.display();
    println!(
        "{}",
        say!("{object} is revoked → {file}", "已吊销 {object} → {file}")
    );
    Ok(Exit::Done)
}

async fn take_back(service: &Service, which: &Which, reason: &str) -> Result<PathBuf, Refusal> {
    let authority = authority::open(&service.dir)?;
    let mut tx = service.begin().await?;
    match which {
        Which::Party(name) => {
            if identities::revoke_name(&mut tx, name, &service.now(), reason).await? == 0 {
                return Err(refuse!(
                    &refusal::UNKNOWN,
                    "no valid certificate of {name} was issued here; `rhc-kms identity list` shows them",
                    "本处未向 {name} 签发有效证书；可用 `rhc-kms identity list` 查看",
                ));
            }
        }
        Which::Serial(serial) => {
            if serial.is_empty() || hex::decode(serial).is_err() {
                return Err(refuse!(
                    &refusal::INVALID,
                    "`{serial}` is no serial number in hexadecimal",
                    "`{serial}` 不是十六进制序列号",
                ));
            }
            identities::revoke_serial(&mut tx, serial, &service.now(), reason).await?;
        }
    }
    let all = identities::taken_back(&mut tx).await?;
    let now = service.store.clock().now();
    let number = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let list = authority.revocation_list(&all, number, now)?;
    // First the list, which is what counts, then the table: a list may name more than the table, never less.
    let file = authority::publish(&service.dir, &list)?;
    service.commit(tx).await?;
    Ok(file)
}

async fn list(service: &Service, json: bool) -> Ran {
    let pool = service.store.pool();
    let mut conn = pool.acquire().await.map_err(Refusal::from)?;
    let all = identities::all(&mut conn).await?;
    let table = || {
        let heads = [
            ("party", "身份"),
            ("serial", "序列号"),
            ("issued", "签发"),
            ("revoked", "吊销"),
            ("reason", "原因"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for one in &all {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let (revoked, reason) = (text(&one.revoked), text(&one.reason));
            table.row([&one.name, &one.serial, &one.issued, &revoked, &reason]);
        }
        table
    };
    output::print(json, &all, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}
