//! Terms, leases and receipts between two tiers.

use std::path::Path;

use kms_api::ClientError;
use kms_core::port::{Lease, Standing, Terms};
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::Identity;
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;

use super::args::{HanddownCommand, LeaseCommand, TermsCommand, UpperArgs};
use super::{Ran, hsm, keys, open, order};
use crate::act::Act;
use crate::authority;
use crate::records::hand_downs;
use crate::refusal::{self, Refusal};
use crate::service::Service;
use crate::tiers::hand_down::{Fetched, Sent};
use crate::tiers::renew;

pub(super) async fn terms(command: TermsCommand) -> Ran {
    match command {
        TermsCommand::Set {
            store,
            peer,
            lease,
            standing,
            withdrawn,
            quota,
            by: requester,
            signing,
        } => {
            let standing = match (standing.suspend, standing.revoke) {
                (true, _) => Standing::Suspended,
                (_, true) => Standing::Revoked,
                _ => Standing::Active,
            };
            let terms = Terms {
                lease_seconds: lease,
                standing,
                withdrawn,
                quota,
            };
            let act = Act::SetTerms {
                peer,
                terms,
                requester,
            };
            let service = open(&store).await?;
            order::carry(&service, act, &signing, false).await?;
            Ok(Exit::Done)
        }
        TermsCommand::List { store, json } => list_leases(&open(&store).await?, json),
    }
}

fn list_leases(service: &Service, json: bool) -> Ran {
    let all = service.hsm.leases().map_err(Refusal::from)?;
    let table = || {
        let heads = [
            ("HSM", "密码机"),
            ("direction", "方向"),
            ("standing", "状态"),
            ("number", "序号"),
            ("lasts", "有效"),
            ("withdrawn", "收回密钥"),
            ("chips", "芯片"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for one in &all {
            table.row(row(one));
        }
        table
    };
    output::print(json, &all, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

fn row(lease: &Lease) -> [String; 7] {
    let standing = match lease.standing {
        Standing::Active => pick("active", "正常"),
        Standing::Suspended => pick("suspended", "暂停"),
        Standing::Revoked => pick("revoked", "撤销"),
    };
    let lasts = match (lease.lease_seconds, lease.not_after) {
        (Some(seconds), _) => format!("{seconds} s"),
        (_, Some(until)) => {
            let at = jiff::Timestamp::from_second(i64::try_from(until).unwrap_or(i64::MAX));
            kms_platform::clock::stamp(at.unwrap_or(jiff::Timestamp::MAX))
        }
        _ => String::new(),
    };
    let chips = match lease.quota {
        Some(quota) => format!("{}/{quota}", lease.spent),
        None => lease.spent.to_string(),
    };
    let direction = if lease.given {
        pick("given", "下发")
    } else {
        pick("taken", "接受")
    };
    [
        lease.peer.clone(),
        direction.to_owned(),
        standing.to_owned(),
        lease.sequence.to_string(),
        lasts,
        lease.withdrawn.join(", "),
        chips,
    ]
}

pub(super) async fn lease(command: LeaseCommand) -> Ran {
    match command {
        LeaseCommand::Issue { store, peer, out } => {
            let service = open(&store).await?;
            service.may("lease.issue", "operator").await?;
            let lease = service.issue_lease("operator", &peer).await?;
            order::write_file(&out, lease.as_bytes())?;
            let file = out.display();
            println!("{}", say!("lease → {file}", "许可 → {file}"));
        }
        LeaseCommand::Take { file, store } => {
            let text = hsm::text(&file)?;
            let service = open(&store).await?;
            service.may("lease.take", "operator").await?;
            service.take_lease("operator", &text).await?;
            println!("{}", pick("done", "完成"));
        }
        LeaseCommand::Renew { store, upper } => {
            let service = open(&store).await?;
            service.may("lease.take", "operator").await?;
            renew::once(&service, client(&service, &upper, None)?).await?;
            println!("{}", pick("done", "完成"));
        }
    }
    Ok(Exit::Done)
}

/// A client of the upper tier, with an identity that it gave, or this service's own.
pub(super) fn client(
    service: &Service,
    upper: &str,
    identity: Option<&Path>,
) -> Result<kms_api::Client, Refusal> {
    let identity = match identity {
        Some(file) => Identity::read(file)?,
        None => {
            let now = service.store.clock().now();
            authority::service_identity(&service.dir, &service.tier, &[], now)?
        }
    };
    renew::client(upper, &identity)
}

/// A call of the blocking client, and the upper tier's own words when it refuses.
pub(super) async fn above<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(call).await;
    let done = done.map_err(|e| Refusal::about(&refusal::UPPER_DOWN, e.to_string()))?;
    done.map_err(told)
}

/// What a service said, with the name of the refusal, as our own refusals have it.
pub(super) fn told(error: ClientError) -> Failure {
    let Some(problem) = error.problem() else {
        return error.into();
    };
    let text = format!("{problem} ({})", problem.slug());
    let failure = if problem.status >= 500 {
        Failure::environment(text)
    } else {
        Failure::wrong(text)
    };
    failure.next(problem.next_step())
}

pub(super) async fn handdown(command: HanddownCommand) -> Ran {
    match command {
        HanddownCommand::List { store, json } => list(&store, json).await,
        HanddownCommand::Receipt { file, store } => {
            let text = hsm::text(&file)?;
            let service = open(&store).await?;
            service.may("receipt.take", "operator").await?;
            let id = service
                .take_receipt("operator", text.trim_end(), None)
                .await?;
            println!("{}", say!("received: {id}", "已收到：{id}"));
            Ok(Exit::Done)
        }
        HanddownCommand::Acknowledge { file, at } => {
            let service = open(&at.store).await?;
            let text = match &file {
                Some(file) => hsm::text(file)?,
                None => service.outstanding_receipt().await?,
            };
            let client = client(&service, &at.upper, at.identity.as_deref())?;
            match service.send_receipt(client, text.trim_end()).await? {
                Sent::Taken(id) => println!("{}", say!("acknowledged: {id}", "已回执：{id}")),
                Sent::ThereAlready => println!(
                    "{}",
                    pick("the upper tier has it already", "上级已有此回执")
                ),
                Sent::Refused(error) => return Err(told(error)),
            }
            Ok(Exit::Done)
        }
        HanddownCommand::Request {
            by,
            request,
            out,
            at,
        } => request_above(by.as_deref(), request.as_deref(), out.as_deref(), &at).await,
        HanddownCommand::Fetch { out, id, at } => {
            let service = open(&at.store).await?;
            let client = client(&service, &at.upper, at.identity.as_deref())?;
            let package = match id {
                Some(id) => above(move || client.package(&id)).await?.package,
                None => match service.fetch_next(client).await? {
                    Fetched::Package(package) => package,
                    Fetched::Refused(error) => return Err(told(error)),
                },
            };
            order::write_file(&out, package.as_bytes())?;
            let file = out.display();
            println!("{}", say!("package → {file}", "密钥包 → {file}"));
            Ok(Exit::Done)
        }
    }
}

async fn request_above(
    by: Option<&str>,
    request: Option<&Path>,
    out: Option<&Path>,
    at: &UpperArgs,
) -> Ran {
    let service = open(&at.store).await?;
    let client = client(&service, &at.upper, at.identity.as_deref())?;
    let text = match (request, by) {
        (Some(file), _) => hsm::text(file)?,
        (None, by) => service.request_keys(by.unwrap_or_default()).await?,
    };
    if let Some(out) = out {
        order::write_file(out, text.as_bytes())?;
    }
    keys::print_fingerprint(text.as_bytes());
    let opened = above(move || client.ask_for_keys(&text)).await?;
    let id = opened.hand_down;
    println!(
        "{}",
        say!(
            "{id} waits above; then rhc-kms handdown fetch",
            "{id} 待上级批准；批准后执行 rhc-kms handdown fetch"
        )
    );
    Ok(Exit::Done)
}

async fn list(store: &Path, json: bool) -> Ran {
    let service = open(store).await?;
    let pool = service.store.pool();
    let mut conn = pool.acquire().await.map_err(Refusal::from)?;
    let all = hand_downs::lines(&mut conn).await?;
    let table = || {
        let heads = [
            ("direction", "方向"),
            ("request", "申请"),
            ("with", "对方"),
            ("asked by", "申请人"),
            ("state", "状态"),
            ("since", "时间"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for one in &all {
            table.row([
                one.direction,
                &one.id,
                &one.peer,
                &one.asked_by,
                one.state,
                &one.created,
            ]);
        }
        table
    };
    output::print(json, &all, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}
