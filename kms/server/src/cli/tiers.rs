//! Terms, leases and receipts between two tiers.

use std::path::Path;

use kms_core::port::{Lease, Standing, Terms};
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;

use super::args::{HanddownCommand, LeaseCommand, TermsCommand};
use super::{Ran, hsm, open, order};
use crate::act::Act;
use crate::authority;
use crate::records::hand_downs;
use crate::refusal::{self, Refusal};
use crate::service::Service;
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
            renew::once(&service, client(&service, &upper)?).await?;
            println!("{}", pick("done", "完成"));
        }
    }
    Ok(Exit::Done)
}

/// A client of the upper tier, with this service's own identity.
fn client(service: &Service, upper: &str) -> Result<kms_api::Client, Refusal> {
    let now = service.store.clock().now();
    let identity = authority::service_identity(&service.dir, &service.tier, &[], now)?;
    renew::client(upper, &identity)
}

pub(super) async fn handdown(command: HanddownCommand) -> Ran {
    match command {
        HanddownCommand::List { store, json } => list(&store, json).await,
        HanddownCommand::Receipt { file, store } => {
            let text = hsm::text(&file)?;
            let service = open(&store).await?;
            service.may("receipt.take", "operator").await?;
            let id = service.take_receipt("operator", text.trim_end()).await?;
            println!("{}", say!("received: {id}", "已收到：{id}"));
            Ok(Exit::Done)
        }
        HanddownCommand::Acknowledge { file, store, upper } => {
            let text = hsm::text(&file)?;
            let client = client(&open(&store).await?, &upper)?;
            let sent = tokio::task::spawn_blocking(move || client.acknowledge(text.trim_end()));
            let failed = |e: String| Failure::from(Refusal::about(&refusal::UPPER_DOWN, e));
            let sent = sent.await.map_err(|e| failed(e.to_string()))?;
            let id = sent.map_err(|e| failed(e.to_string()))?.hand_down;
            println!("{}", say!("acknowledged: {id}", "已回执：{id}"));
            Ok(Exit::Done)
        }
    }
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
