//! `rhc-registry audit verify`: walks the record without the service.

use kms_platform::audit::{Fault, verify};
use kms_platform::exit::{Exit, Failure};
use kms_platform::output::{self, Table};
use kms_platform::{clock, lang::pick};
use serde::Serialize;

use super::{db_place, open_failure};
use crate::registry::Registry;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Check every row's hash and its link to the row before; names the first wrong one.
    Verify {
        /// The store, sqlite:PATH.
        #[arg(long, value_name = "ADDRESS")]
        db: String,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Report {
    rows: i64,
    head: String,
    open: Vec<i64>,
    mark: String,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let Command::Verify { db, json } = args.command;
    let registry = Registry::open(&db_place(&db)?, clock::system())
        .await
        .map_err(|error| open_failure(&error))?;
    let mut conn = registry
        .store()
        .pool()
        .acquire()
        .await
        .map_err(|error| Failure::environment(error.to_string()))?;
    let found = verify(&mut conn).await.map_err(|fault| match fault {
        Fault::Sql(error) => Failure::environment(error.to_string()),
        fault => Failure::wrong(fault.to_string()).next(pick(
            "Stop the service, keep the file as evidence, restore from a backup and find out who had access",
            "请停止服务并保留该文件作为证据，从备份恢复，并查明何人接触过",
        )),
    })?;
    let head: String = found
        .head
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let report = Report {
        rows: found.rows,
        head,
        open: found.open,
        mark: registry.store().mark().to_string(),
    };
    output::print(json, &report, || table(&report))
        .map_err(|error| Failure::environment(error.to_string()))?;
    Ok(Exit::Done)
}

fn table(report: &Report) -> Table {
    let mut table = Table::default();
    table
        .row([pick("rows", "行数"), &report.rows.to_string()])
        .row([pick("head", "末行摘要"), &report.head])
        .row([
            pick("acts without end", "未完结操作"),
            &report.open.len().to_string(),
        ])
        .row([pick("mark", "标记"), &report.mark]);
    table
}
