//! Tickets and delivery lists.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use kms_core::ticket::{Ticket, TicketKind, TicketState};
use kms_platform::audit::Outcome;
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;
use uuid::Uuid;

use super::args::{DeliveryCommand, TicketCommand};
use super::{Ran, open, order};
use crate::act::Act;
use crate::records::tickets;
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::Service;

pub(super) async fn run(command: TicketCommand) -> Ran {
    match command {
        TicketCommand::Request {
            store,
            kind,
            quantity,
            by,
            purpose,
            days,
            product,
            delivery,
            id,
            json,
        } => {
            let service = open(&store).await?;
            let kind = TicketKind::parse(&kind).ok_or_else(|| {
                Failure::usage(say!(
                    "`{kind}` is no kind: card, sam-national or sam-provincial",
                    "`{kind}` 不是有效种类：card、sam-national 或 sam-provincial"
                ))
            })?;
            let valid_until = service
                .store
                .clock()
                .now()
                .checked_add(SignedDuration::from_hours(24 * i64::from(days)))
                .map_err(|_| Failure::usage(pick("too many days", "天数过多")))?;
            let id = id.unwrap_or_else(|| {
                format!(
                    "{}-{}",
                    kind.as_str(),
                    &Uuid::new_v4().simple().to_string()[..8]
                )
            });
            let ticket =
                Ticket::request(id, kind, quantity, by, purpose, valid_until, &service.tier)
                    .map_err(Refusal::from)?;
            let ticket = ticket.only_for(product, delivery).map_err(Refusal::from)?;
            keep(&service, &ticket).await?;
            show(&[ticket], json)
        }
        TicketCommand::Approve { id, store, signing } => {
            let service = open(&store).await?;
            order::carry(&service, Act::ApproveTicket { id }, &signing, false).await?;
            Ok(Exit::Done)
        }
        TicketCommand::List { store, json } => {
            let service = open(&store).await?;
            let mut conn = service
                .store
                .pool()
                .acquire()
                .await
                .map_err(Refusal::from)?;
            show(&tickets::all(&mut conn).await?, json)
        }
    }
}

async fn keep(service: &Service, ticket: &Ticket) -> Result<(), Refusal> {
    service.may("ticket.request", &ticket.requester).await?;
    let mut tx = service.begin().await?;
    if tickets::get(&mut tx, &ticket.id).await.is_ok() {
        return Err(refuse!(&refusal::EXISTS, "ticket {}", "工单 {}", ticket.id));
    }
    let detail = json!({ "kind": ticket.kind.as_str(), "quantity": ticket.quantity, "purpose": ticket.purpose,
        "product": ticket.product, "delivery": ticket.delivery });
    let begun = service
        .before(
            &mut tx,
            &ticket.requester,
            "ticket.request",
            &ticket.id,
            &detail,
        )
        .await?;
    tickets::put(&mut tx, ticket, &service.now()).await?;
    service.after(&mut tx, begun, &Outcome::Done).await?;
    service.commit(tx).await
}

fn show(tickets: &[Ticket], json: bool) -> Ran {
    let table = || {
        let heads = [
            ("ticket", "工单"),
            ("kind", "种类"),
            ("quantity", "数量"),
            ("product", "产品"),
            ("list", "清单"),
            ("requester", "申请人"),
            ("state", "状态"),
            ("valid until", "有效期至"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for ticket in tickets {
            let state = match &ticket.state {
                TicketState::Requested => pick("requested", "待批准").to_owned(),
                TicketState::Approved { approvers } => {
                    say!("approved by {approvers}", "已由 {approvers} 批准")
                }
            };
            let until = kms_platform::clock::stamp(ticket.valid_until);
            table.row([
                &ticket.id,
                ticket.kind.as_str(),
                &ticket.quantity.to_string(),
                &ticket.product,
                &ticket
                    .delivery
                    .map(|list| list.to_string())
                    .unwrap_or_default(),
                &ticket.requester,
                &state,
                &until,
            ]);
        }
        table
    };
    output::print(json, &tickets, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

pub(super) async fn delivery(command: DeliveryCommand) -> Ran {
    let DeliveryCommand::Import {
        file,
        store,
        maker_key,
        officers,
        json,
    } = command;
    let service = open(&store).await?;
    let list = order::read_file(&file)?;
    let signature = String::from_utf8(order::read_file(&signature_of(&file))?).map_err(|_| {
        refuse!(
            &refusal::DELIVERY,
            "the signature file is not text",
            "签名文件不是文本"
        )
    })?;
    let maker_key = maker_key.map(|text| public_key(&text)).transpose()?;
    let signing = super::args::Signing {
        officers,
        order_out: None,
    };
    let officers = super::signers(&signing)?;
    let done = service
        .import_delivery(&list, &signature, maker_key, &super::devices(&officers))
        .await?;
    let table = || {
        let mut table = Table::new(Vec::<String>::new());
        let (items, maker, sequence) = (done.items, &done.maker, done.sequence);
        table.row([say!(
            "list {sequence} of maker {maker}: {items} chips",
            "卡商 {maker} 第 {sequence} 号清单：{items} 枚芯片"
        )]);
        table
    };
    output::print(json, &done, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// 128 hex digits, or a file of them (as JSON `{"public_key": …}` or bare).
fn public_key(text: &str) -> Result<[u8; 64], Refusal> {
    let wrong = || {
        refuse!(
            &refusal::INVALID,
            "--maker-key: 128 hex digits, or a file of them",
            "--maker-key：须为 128 位十六进制数字或含该数字的文件"
        )
    };
    let mut key = [0; 64];
    if hex::decode_to_slice(text, &mut key).is_ok() {
        return Ok(key);
    }
    let content = std::fs::read_to_string(text).map_err(|_| wrong())?;
    let named = serde_json::from_str::<serde_json::Value>(&content).ok();
    let digits = named
        .as_ref()
        .and_then(|value| value.get("public_key")?.as_str())
        .unwrap_or(content.trim());
    hex::decode_to_slice(digits, &mut key).map_err(|_| wrong())?;
    Ok(key)
}
