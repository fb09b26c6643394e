//! TLS identities: issued, listed, taken back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use kms_api::IdentityRow;
use kms_platform::clock::stamp;
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::{Identity, secret_file};
use kms_platform::lang::pick;
use kms_platform::name::Peer;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;

use super::args::{IdentityCommand, TokenArgs};
use super::{Ran, open};
use crate::authority;
use crate::enrolment::{DAYS, Wanted};
use crate::records::enrolments::{self, Made};
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
        IdentityCommand::Token(args) => token(args).await,
        IdentityCommand::Enrol { token, url, out } => {
            let done = blocking(move || {
                let peer = kms_api::enrol(&url, &token, &out)?;
                Ok((peer, out))
            });
            let (peer, out) = done.await?;
            let file = out.display();
            println!("{}", say!("{peer} → {file}", "{peer} → {file}"));
            Ok(Exit::Done)
        }
        IdentityCommand::Renew {
            identity,
            url,
            if_due,
        } => blocking(move || renew(&identity, &url, if_due)).await,
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

/// Runs a call of the blocking client.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(call).await;
    done.map_err(|e| Failure::environment(e.to_string()))?
}

fn renew(path: &Path, url: &str, if_due: bool) -> Ran {
    let read = Identity::read(path);
    let identity = read.map_err(|e| Failure::environment(e.to_string()))?;
    let unreadable = |e: kms_platform::identity::IdentityError| Failure::environment(e.to_string());
    let until = |identity: &Identity| identity.validity().map_err(unreadable);
    let now = kms_platform::clock::system().now();
    if if_due && !until(&identity)?.is_due(now) {
        let end = stamp(until(&identity)?.until);
        println!(
            "{}",
            say!("good until {end}: not due", "有效期至 {end}：尚无须续期")
        );
        return Ok(Exit::Done);
    }
    let fresh = kms_api::Client::new(url, &identity)?.renew(&identity)?;
    fresh.replace(path).map_err(unreadable)?;
    let (peer, end) = (fresh.peer(), stamp(until(&fresh)?.until));
    println!(
        "{}",
        say!("{peer}: good until {end}", "{peer}：有效期至 {end}")
    );
    Ok(Exit::Done)
}

async fn token(args: TokenArgs) -> Ran {
    let service = open(&args.store).await?;
    let area = match &args.area {
        Some(text) => authority::parse_area(text)?,
        None => authority::area(&service.tier)?,
    };
    let wanted = Wanted {
        party: authority::party(area, &args.role, &args.name)?,
        hosts: args.hosts,
        minutes: args.minutes,
        days: args.days,
    };
    let file = service.make_token(&wanted, &args.by).await?;
    let text = zeroize::Zeroizing::new(serde_json::to_vec_pretty(&file).map_err(Refusal::from)?);
    secret_file::create(&args.out, &text).map_err(|e| Failure::environment(e.to_string()))?;
    let (name, until, out) = (&file.name, &file.until, args.out.display());
    println!(
        "{}",
        say!(
            "token for {name}, good once until {until} → {out}",
            "{name} 的令牌，限用一次，有效期至 {until} → {out}"
        )
    );
    Ok(Exit::Done)
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
    let made = Made {
        request: format!("serial {serial}"),
        serial,
        name,
        hosts: serde_json::to_string(hosts)?,
        days: i64::from(DAYS),
        expires: stamp(identity.validity()?.until),
        chain: identity.chain_pem().to_owned(),
    };
    enrolments::keep(&mut tx, &made).await?;
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
    let ends: HashMap<_, _> = enrolments::ends(&mut conn).await?.into_iter().collect();
    let all: Vec<IdentityRow> = all
        .into_iter()
        .map(|one| IdentityRow {
            expires: ends.get(&one.serial).cloned().unwrap_or_default(),
            serial: one.serial,
            name: one.name,
            issued: one.issued,
            revoked: one.revoked,
            reason: one.reason,
        })
        .collect();
    let table = || {
        let heads = [
            ("party", "身份"),
            ("serial", "序列号"),
            ("issued", "签发"),
            ("expires", "到期"),
            ("revoked", "吊销"),
            ("reason", "原因"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for one in &all {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let (revoked, reason) = (text(&one.revoked), text(&one.reason));
            table.row([
                &one.name,
                &one.serial,
                &one.issued,
                &one.expires,
                &revoked,
                &reason,
            ]);
        }
        table
    };
    output::print(json, &all, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}
