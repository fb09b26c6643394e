//! `rhc-kms audit …`, `backup`, `restore`: the record's keys, checkpoints, witnesses, and the walk over all of it.

use std::path::Path;

use kms_hsm::officer::OfficerFile;
use kms_platform::clock;
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;
use kms_platform::store::Place;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::args::{AuditCommand, BackupArgs, RestoreArgs};
use super::{Ran, open, order};
use crate::act::Act;
use crate::backup::Restore;
use crate::checkpoint::Told;
use crate::checkpoint::text::{Reply, Seen, fingerprint};
use crate::checkpoint::verify::{Report, Wrong};
use crate::refusal::{self, Refusal};
use crate::service::Service;
use crate::tiers::witness::Witnessed;

pub(super) async fn run(command: AuditCommand) -> Ran {
    match command {
        AuditCommand::Verify {
            store,
            word,
            without_hsm,
            json,
        } => {
            let service = open(&store).await?;
            let word: Option<Reply> = word.as_deref().map(read).transpose()?;
            report(
                service.verify_audit(word.as_ref(), !without_hsm).await,
                json,
            )
        }
        AuditCommand::Keys { store, signing } => {
            order::carry(&open(&store).await?, Act::AuditKeys, &signing, false).await?;
            Ok(Exit::Done)
        }
        AuditCommand::Checkpoint { store, out, json } => {
            let service = open(&store).await?;
            service.checkpoint("operator").await?;
            let bundle = service.bundle().await?;
            if let Some(out) = &out {
                write(out, &bundle)?;
            }
            let (count, print) = (bundle.checkpoints.len(), fingerprint(&bundle.key));
            let value = json!({ "checkpoints": count, "fingerprint": print });
            lines(
                json,
                &value,
                &[
                    say!("{count} checkpoints", "{count} 个检查点"),
                    say!(
                        "fingerprint of the audit key: {print}",
                        "审计公钥指纹：{print}"
                    ),
                ],
            )
        }
        AuditCommand::Countersign {
            store,
            file,
            out,
            fingerprint,
            restored,
            by,
        } => {
            let told = Told {
                by: &by,
                fingerprint: fingerprint.as_deref(),
                restored,
            };
            let service = open(&store).await?;
            service.may("audit.countersign", &by).await?;
            let reply = service.countersign(&read(&file)?, &told).await?;
            write(&out, &reply)?;
            Ok(Exit::Done)
        }
        AuditCommand::Countersigned {
            store,
            file,
            fingerprint,
            by,
        } => {
            let told = Told {
                by: &by,
                fingerprint: fingerprint.as_deref(),
                restored: false,
            };
            let service = open(&store).await?;
            seen_up_to(&service.keep_countersignature(&read(&file)?, &told).await?)
        }
        AuditCommand::Witness {
            store,
            upper,
            fingerprint,
            by,
        } => {
            let told = Told {
                by: &by,
                fingerprint: fingerprint.as_deref(),
                restored: false,
            };
            let service = open(&store).await?;
            let client = super::tiers::client(&service, &upper, None)?;
            match service.ask_witness(client, &told).await? {
                Witnessed::Seen(seen) => seen_up_to(&seen),
                Witnessed::Refused(error) => Err(super::tiers::told(error)),
            }
        }
        AuditCommand::Witnessed { store, tier, out } => {
            write(&out, &open(&store).await?.witnessed(&tier).await?)?;
            Ok(Exit::Done)
        }
    }
}

fn seen_up_to(seen: &Seen) -> Ran {
    let Seen { witness, row, .. } = seen;
    lines(
        false,
        &json!({}),
        &[say!(
            "{witness} has seen everything up to row {row}",
            "{witness} 已见证至第 {row} 条"
        )],
    )
}

pub(super) async fn backup(args: BackupArgs) -> Ran {
    let service = open(&args.store).await?;
    let made = service.backup(args.hsm_store.as_deref(), &args.out).await?;
    let (row, epoch) = (made.row, made.epoch);
    lines(
        args.json,
        &made,
        &[say!(
            "backup up to row {row} of epoch {epoch}; keep it as secret as the store",
            "备份至第 {row} 条（第 {epoch} 期）；请与库同等保密"
        )],
    )
}

pub(super) async fn restore(args: RestoreArgs) -> Ran {
    let read = |address: &String| {
        let place = address.parse::<Place>();
        place.map_err(|e| Failure::usage(e.to_string()))
    };
    let database = match (&args.database, &args.database_owner) {
        (Some(database), Some(owner)) => {
            let owned = read(database)?.owned_by(read(owner)?);
            Some(owned.map_err(|e| Failure::usage(e.to_string()))?)
        }
        _ => None,
    };
    let what = Restore {
        from: args.from,
        store: args.store,
        hsm: args.hsm_store,
        database,
        by: args.by,
        epoch: args.epoch,
    };
    let officers = args.officers.iter().map(|path| OfficerFile::load(path));
    let officers: Vec<_> = officers.collect::<Result<_, _>>().map_err(Refusal::from)?;
    let epoch = Service::restore(&what, &super::devices(&officers), clock::system()).await?;
    lines(args.json, &json!({ "epoch": epoch }), &[
        say!("restored in epoch {epoch}: all tickets are closed", "已恢复，第 {epoch} 期：所有工单均已关闭"),
        pick(
            "next: start the HSM and the service, `audit checkpoint`, let the witness `audit countersign --restored`, then new tickets",
            "下一步：启动密码机与服务，`audit checkpoint`，由见证方 `audit countersign --restored`，再申请新工单",
        )
        .to_owned(),
    ])
}

fn report(found: Result<Report, Wrong>, json: bool) -> Ran {
    let report = match found {
        Ok(report) => report,
        Err(Wrong::Refused(refusal)) => return Err(refusal.into()),
        Err(Wrong::Chain(kms_platform::audit::Fault::Sql(error))) => {
            return Err(Refusal::from(error).into());
        }
        Err(wrong) => {
            let refusal = Refusal::about(&refusal::BROKEN_AUDIT, wrong.to_string());
            return Err(Failure::wrong(refusal.to_string()));
        }
    };
    let Report {
        rows,
        checkpoints,
        signed_up_to,
        countersignatures,
        countersigned_up_to,
        ..
    } = &report;
    let mut said = vec![
        say!("{rows} rows, unbroken", "{rows} 条记录，链完整"),
        say!(
            "{checkpoints} checkpoints, up to row {signed_up_to}; {countersignatures} countersignatures, up to row {countersigned_up_to}",
            "{checkpoints} 个检查点，至第 {signed_up_to} 条；{countersignatures} 个副署，至第 {countersigned_up_to} 条"
        ),
    ];
    said.push(match report.seals {
        Some(seals) => say!("{seals} seals", "{seals} 个封印"),
        None => say!("seals not checked", "封印未核对"),
    });
    for (after, up_to) in &report.lost {
        said.push(say!(
            "lost in a restore: rows after {after}, up to {up_to}",
            "恢复时丢失：第 {after} 条之后至第 {up_to} 条"
        ));
    }
    lines(
        json,
        &serde_json::to_value(&report).map_err(Refusal::from)?,
        &said,
    )
}

fn lines(json: bool, value: &impl Serialize, said: &[String]) -> Ran {
    let table = || {
        let mut table = Table::new(Vec::<String>::new());
        for line in said {
            table.row([line.as_str()]);
        }
        table
    };
    output::print(json, value, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let about = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let text = std::fs::read(path).map_err(|e| Failure::environment(about(&e)))?;
    serde_json::from_slice(&text).map_err(|e| Failure::wrong(about(&e)))
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(value).map_err(Refusal::from)?;
    std::fs::write(path, text).map_err(|e| Failure::environment(format!("{}: {e}", path.display())))
}
