//! `rhc-station journal list` and `void`.

use kms_platform::clock::{Clock, SystemClock};
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::{Lang, current, pick};
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde::Serialize;

use super::{identity, journal_folder, registry};
use crate::cli::{ListArgs, VoidArgs};
use crate::fault::Fault;
use crate::journal::{Event, Job, Journal, Status};
use crate::ports::Registry;

/// A job as it is listed.
#[derive(Serialize)]
struct Row {
    job: String,
    serial: String,
    factor: String,
    status: &'static str,
    phase: &'static str,
    read_back: bool,
    issued: String,
    ticket: String,
}

impl Row {
    fn of(job: &Job) -> Self {
        Self {
            job: job.id.to_string(),
            serial: job.serial.clone(),
            factor: job.factor.clone(),
            status: match job.status {
                Status::Open => "half-made",
                Status::Registered => "registered",
                Status::Voided => "voided",
            },
            phase: job.phase.map_or("reserved", |phase| phase.name()),
            read_back: job.read_back.is_some(),
            issued: job.issued.to_string(),
            ticket: job.ticket.clone(),
        }
    }
}

pub(super) fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let folder = journal_folder(&args.journal)?;
    let jobs = match args.journal.is_named() || folder.exists() {
        true => Journal::look(&folder).map_err(Fault::from)?,
        false => Vec::new(),
    };
    let rows: Vec<Row> = jobs
        .iter()
        .filter(|job| args.all || job.status == Status::Open)
        .map(Row::of)
        .collect();
    output::print(args.json, &rows, || table(&rows))
        .map_err(|error| Failure::environment(error.to_string()))?;
    if rows.is_empty() && !args.json {
        println!("{}", pick("no half-made cards", "没有半成品卡"));
    }
    Ok(Exit::Done)
}

fn table(rows: &[Row]) -> Table {
    if rows.is_empty() {
        return Table::default();
    }
    let mut table = Table::new(match current() {
        Lang::En => ["serial", "factor", "status", "phase", "job"],
        Lang::Zh => ["发卡序列号", "分散因子", "状态", "阶段", "任务"],
    });
    for row in rows {
        let status = match row.status {
            "half-made" => pick("half made", "半成品"),
            "registered" => pick("registered", "已登记"),
            _ => pick("voided", "已作废"),
        };
        table.row([&row.serial, &row.factor, status, row.phase, &row.job]);
    }
    table
}

/// The registry first: what it has voided can be noted here again, the reverse could leave a serial alive.
pub(super) fn void(args: &VoidArgs) -> Result<Exit, Failure> {
    let identity = identity(&args.identity)?;
    let registry = registry(&args.registry, &identity)?;
    let mut journal = Journal::open(&journal_folder(&args.journal)?).map_err(Fault::from)?;
    let job = journal
        .find_open(&args.card)
        .map_err(|error| Failure::wrong(Fault::Journal(error).message()))?
        .clone();
    match registry.void(&job.serial, &args.reason) {
        Ok(()) => {}
        // Voided there already: an earlier call got so far.
        Err(fault)
            if fault.slug.as_deref() == Some("transition-refused")
                && registry.is_void(&job.serial) => {}
        Err(fault) => return Err(Fault::Service(fault).into()),
    }
    journal
        .write(
            SystemClock.now(),
            job.id,
            Event::Voided {
                reason: args.reason.clone(),
            },
        )
        .map_err(Fault::from)?;
    let serial = &job.serial;
    println!(
        "{}",
        say!(
            "{serial} is voided; destroy the card",
            "{serial} 已作废，请销毁该卡"
        )
    );
    Ok(Exit::Done)
}
