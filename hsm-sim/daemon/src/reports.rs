//! What the operator may look at from the command line: keys, tickets, audit.

use crate::cli::{Audit, Operator};
use crate::messages::{Failure, out, pick};
use hsm_wire::client::{AuditorClient, ClientError, OperatorClient};
use hsm_wire::info::{AuditRecord, HsmInfo, verify_audit};
use hsm_wire::secret::OperatorSecret;
use hsm_wire::{Hex, Leaves, Usage};
use serde::Serialize;

fn connect(arguments: &Operator) -> Result<OperatorClient, Failure> {
    let secret = OperatorSecret::load(&arguments.operator_cred)?;
    Ok(OperatorClient::connect(&arguments.socket, &secret)?)
}

fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|e| Failure::Environment(e.to_string()))?;
    out!("{text}");
    Ok(())
}

pub fn keys(arguments: &Operator) -> Result<(), Failure> {
    let keys = connect(arguments)?.list_keys()?;
    if arguments.json {
        return print_json(&keys);
    }
    out!(
        "{}",
        pick(
            "id  algorithm  usage  depth  leaves  uses left  not after  check value",
            "标识  算法  用途  级数  去向  剩余次数  有效期至  校验值"
        )
    );
    for key in keys {
        let attributes = &key.attributes;
        out!(
            "{}  {:?}  {}  {}  {}  {}  {}  {}",
            key.id,
            attributes.algorithm,
            usage(attributes.usage),
            attributes.depth,
            leaves(attributes.leaves),
            limit(attributes.quota.map(|quota| quota.saturating_sub(key.used))),
            limit(attributes.not_after),
            key.check_value
        );
    }
    Ok(())
}

fn limit(limit: Option<u64>) -> String {
    limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string())
}

fn usage(usage: Usage) -> String {
    match usage {
        Usage::SessionBase(class) => format!("{class:?}"),
        other => format!("{other:?}"),
    }
}

/// Such as `hsm≥1 card≥2`.
fn leaves(leaves: Leaves) -> String {
    let ways = [
        ("hsm", leaves.hsm),
        ("sam", leaves.sam),
        ("card", leaves.card),
    ];
    let ways: Vec<_> = ways
        .iter()
        .filter_map(|(way, depth)| depth.map(|d| format!("{way}≥{d}")))
        .collect();
    if ways.is_empty() {
        "-".to_owned()
    } else {
        ways.join(" ")
    }
}

pub fn tickets(arguments: &Operator) -> Result<(), Failure> {
    let tickets = connect(arguments)?.list_tickets()?;
    if arguments.json {
        return print_json(&tickets);
    }
    out!(
        "{}",
        pick(
            "id  kind  count  used  left  answers  state",
            "标识  对象  额度  已用  剩余  应答  状态"
        )
    );
    for ticket in tickets {
        let state = if ticket.closed {
            pick("closed", "已关闭")
        } else {
            pick("open", "有效")
        };
        let spec = &ticket.spec;
        out!(
            "{}  {:?}  {}  {}  {}  {}  {state}",
            spec.id,
            spec.kind,
            spec.count,
            ticket.used,
            ticket.left(),
            ticket.answers
        );
    }
    Ok(())
}

/// Whoever may read the audit.
enum Reader {
    Auditor(AuditorClient),
    Operator(OperatorClient),
}

impl Reader {
    fn connect(arguments: &Audit) -> Result<Self, Failure> {
        let socket = &arguments.socket;
        match (&arguments.auditor_cred, &arguments.operator_cred) {
            (Some(file), _) => {
                let secret = OperatorSecret::load(file)?;
                Ok(Self::Auditor(AuditorClient::connect(socket, &secret)?))
            }
            (None, Some(file)) => {
                let secret = OperatorSecret::load(file)?;
                Ok(Self::Operator(OperatorClient::connect(socket, &secret)?))
            }
            (None, None) => Err(Failure::Usage("--auditor-cred FILE".to_owned())),
        }
    }

    fn info(&mut self) -> Result<HsmInfo, ClientError> {
        match self {
            Self::Auditor(client) => client.info(),
            Self::Operator(client) => client.info(),
        }
    }

    fn audit(&mut self, from: u64) -> Result<Vec<AuditRecord>, ClientError> {
        match self {
            Self::Auditor(client) => client.audit(from),
            Self::Operator(client) => client.audit(from),
        }
    }
}

pub fn audit(arguments: &Audit) -> Result<(), Failure> {
    let mut client = Reader::connect(arguments)?;
    let head = client.info()?.audit;
    let mut records: Vec<AuditRecord> = Vec::new();
    while (records.len() as u64) < head.count {
        let page = client.audit(records.len() as u64)?;
        if page.is_empty() {
            break;
        }
        records.extend(page);
    }
    records.truncate(usize::try_from(head.count).unwrap_or(usize::MAX));
    let broken = verify_audit(Hex([0; 32]), &records);
    let whole = records.len() as u64 == head.count
        && records.last().is_none_or(|last| last.hash == head.hash);
    if arguments.json {
        print_json(&records)?;
    } else {
        for record in &records {
            out!(
                "{} {} {} {} {} {}",
                record.number,
                record.time,
                record.actor,
                record.operation,
                record.object,
                record.outcome
            );
        }
    }
    match (broken, whole) {
        (None, true) => Ok(()),
        (Some(number), _) => Err(Failure::NotRight(format!(
            "{} {number}",
            pick(
                "the audit chain is broken at record",
                "审计链在此记录处断开："
            )
        ))),
        (None, false) => Err(Failure::NotRight(
            pick(
                "the audit chain does not reach the HSM's head",
                "审计链未到达加密机记录的链头",
            )
            .to_owned(),
        )),
    }
}
