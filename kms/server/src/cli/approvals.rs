//! Signing on the officer's own device, and what waits for signatures.

use std::path::Path;

use kms_api::SignedApproval;
use kms_core::policy::Approval;
use kms_core::port::Mark;
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::Identity;
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::{passphrase, say};

use super::args::{ApproveArgs, KeyCommand};
use super::{Ran, open, order};
use crate::act::OrderFile;
use crate::device::{self, Device};
use crate::door;
use crate::records::approvals;
use crate::refusal::{self, Refusal};
use crate::refuse;

pub(super) fn key(command: KeyCommand) -> Ran {
    match command {
        KeyCommand::New {
            name,
            out,
            passphrase_fd,
        } => device::create(&name, &out, || ask_new(passphrase_fd))?,
        KeyCommand::Seal {
            file,
            out,
            passphrase_fd,
        } => device::seal_file(&file, &out, || ask_new(passphrase_fd))?,
    }
    println!("{}", pick("done", "完成"));
    Ok(Exit::Done)
}

pub(super) fn ask(fd: Option<u32>, words: &str) -> Result<passphrase::Passphrase, Refusal> {
    passphrase::read(fd, words).map_err(|e| {
        let why = e.to_string();
        refuse!(
            &refusal::INVALID,
            "passphrase: {why}; give --passphrase-fd FD",
            "口令：{why}；请给出 --passphrase-fd FD"
        )
    })
}

/// Twice at the terminal: a slip of the finger would lose the key.
fn ask_new(fd: Option<u32>) -> Result<passphrase::Passphrase, Refusal> {
    let first = ask(fd, pick("new passphrase: ", "新口令："))?;
    if fd.is_none() && *ask(None, pick("once more: ", "再次输入："))? != *first {
        return Err(refuse!(
            &refusal::PASSPHRASE,
            "the two differ",
            "两次输入不一致"
        ));
    }
    Ok(first)
}

/// Shows the whole request, then signs it.
pub(super) async fn approve(args: ApproveArgs) -> Ran {
    let above = match (&args.url, &args.identity) {
        (Some(url), Some(identity)) => Some(kms_api::Client::new(
            url,
            &Identity::read(identity).map_err(Refusal::from)?,
        )?),
        _ => None,
    };
    let mut found = match &above {
        Some(client) => fetched(client.clone(), &args.request.to_string_lossy()).await?,
        None => order::find_order(&args.request, args.store.as_deref()).await?,
    };
    let rule = door::rule(&found.request().operation)?;
    order::show(&found)?;
    let device = Device::open(&args.key, || {
        ask(args.passphrase_fd, pick("passphrase: ", "口令："))
    })?;
    if found.request().mark == Mark::Production && !device.is_sealed() {
        return Err(refuse!(
            &refusal::PASSPHRASE,
            "a key without passphrase signs nothing for PRODUCTION; `rhc-kms key seal` seals it",
            "未加口令的密钥不得签署生产申请；请用 `rhc-kms key seal` 封装"
        )
        .into());
    }
    if above.is_none() && args.request.is_file() {
        found.sign(rule, &device)?;
        order::write_order(&args.request, &found)?;
        return Ok(Exit::Done);
    }
    let approval = Approval::sign(found.request(), rule, &device)
        .map_err(|e| Refusal::about(&refusal::INVALID, e.to_string()))?;
    let id = found.request().id.clone();
    if let Some(client) = above {
        let signed: SignedApproval = serde_json::to_value(&approval)
            .and_then(serde_json::from_value)
            .map_err(Refusal::from)?;
        let standing = super::tiers::above(move || client.approve(&signed)).await?;
        say_standing(standing.enough, &id);
        return Ok(Exit::Done);
    }
    let Some(store) = &args.store else {
        return Err(Failure::usage(pick(
            "no such file; --store for a request's id",
            "无此文件；按编号批准请给出 --store",
        )));
    };
    let enough = open(store).await?.approve(&id, approval).await?;
    say_standing(enough, &id);
    Ok(Exit::Done)
}

/// A request as the service shows it. The text that is read and signed is made here, from the request itself, and must be the
/// one that the service shows to everybody else.
async fn fetched(client: kms_api::Client, id: &str) -> Result<OrderFile, Failure> {
    let id = id.to_owned();
    let shown = super::tiers::above(move || client.approval(&id)).await?;
    let order = OrderFile::parse(shown.order.as_bytes())?;
    let rule = door::rule(&order.request().operation)?;
    let hash = hex::encode_upper(order.request().hash(rule));
    if order.request().text(rule) != shown.text || !hash.eq_ignore_ascii_case(&shown.sm3) {
        return Err(refuse!(
            &refusal::BAD_SIGNATURE,
            "the service shows another text than its request says; signed nothing",
            "服务所示文本与申请不符；未签名"
        )
        .into());
    }
    Ok(order)
}

fn say_standing(enough: bool, id: &str) {
    if enough {
        println!(
            "{}",
            say!(
                "enough signatures: rhc-kms order submit {id}",
                "签名已足：rhc-kms order submit {id}"
            )
        );
    } else {
        println!(
            "{}",
            pick(
                "signed; another person must sign too",
                "已签名；尚需另一人签名"
            )
        );
    }
}

pub(super) async fn list(store: &Path, json: bool) -> Ran {
    let service = open(store).await?;
    let pool = service.store.pool();
    let mut conn = pool.acquire().await.map_err(Refusal::from)?;
    let all = approvals::all(&mut conn).await?;
    let table = || {
        let heads = [
            ("request", "申请"),
            ("operation", "操作"),
            ("asked by", "申请人"),
            ("state", "状态"),
            ("expires", "有效期至"),
            ("signed by", "已签名"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for one in &all {
            let signed = one.signed.join(", ");
            table.row([
                &one.id,
                &one.operation,
                &one.asked_by,
                &one.state,
                &one.expires,
                &signed,
            ]);
        }
        table
    };
    output::print(json, &all, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}
