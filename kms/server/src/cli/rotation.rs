//! `rhc-kms rotation`.

use std::path::Path;
use std::time::Instant;

use kms_api::sam_package::{SamProbe, SamReceipt};
use kms_core::rotation::Action;
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::notary::Notary;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;

use super::args::RotationCommand;
use super::{Ran, open, order};
use crate::act::Act;
use crate::authority;
use crate::life::receipts::RotationStatus;
use crate::records::rotations;
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::Service;

pub(super) async fn run(command: RotationCommand) -> Ran {
    match command {
        RotationCommand::Plan { from, to, by, at } => {
            let service = open(&at.store).await?;
            let rotation = service.plan_rotation((from, to), &by).await?;
            show(&service.rotation_status(&rotation.id).await?, at.json)?;
            Ok(Exit::Done)
        }
        RotationCommand::Open { id, store, signing } => {
            let service = open(&store).await?;
            order::carry(&service, Act::OpenRotation { id }, &signing, false).await?;
            Ok(Exit::Done)
        }
        RotationCommand::Packages {
            id,
            action,
            chip,
            seen,
            out,
            by,
            at,
        } => {
            let action = wanted(&action, chip.is_some())?;
            let service = open(&at.store).await?;
            let probes = seen.iter().map(|path| read(path));
            let probes: Vec<SamProbe> = probes.collect::<Result<_, _>>()?;
            service.learn_sams(&probes, &by).await?;
            let order = (id.as_str(), action, chip.as_deref());
            packages(&service, order, &out, &by, at.json).await
        }
        RotationCommand::Receipts { files, by, at } => {
            receipts(&files, &by, &at.store, at.json).await
        }
        RotationCommand::Status { id, at } => {
            let service = open(&at.store).await?;
            let id = match id {
                Some(id) => id,
                None => latest(&service).await?,
            };
            let status = service.rotation_status(&id).await?;
            show(&status, at.json)?;
            Ok(if status.stragglers() > 0 {
                Exit::Wrong
            } else {
                Exit::Done
            })
        }
        RotationCommand::Switch { id, by, at } => {
            let service = open(&at.store).await?;
            service.switch_terminals(&id, &by).await?;
            show(&service.rotation_status(&id).await?, at.json)?;
            Ok(Exit::Done)
        }
        RotationCommand::Retire {
            id,
            leave_stragglers,
            store,
            signing,
        } => {
            let service = open(&store).await?;
            let act = Act::RetireRotation {
                id,
                leave_stragglers,
            };
            order::carry(&service, act, &signing, false).await?;
            Ok(Exit::Done)
        }
    }
}

/// A mass lock would be a mishap: those deeds name their SAM.
fn wanted(word: &str, named: bool) -> Result<Action, Failure> {
    let known = || {
        let words = Action::ALL.map(Action::as_str).join(", ");
        Failure::usage(say!(
            "`{word}` is no action: {words}",
            "`{word}` 不是有效操作：{words}"
        ))
    };
    let action = Action::parse(word).ok_or_else(known)?;
    let single = matches!(action, Action::Lock | Action::Unlock | Action::Destroy);
    if single && !named {
        return Err(Failure::usage(pick(
            "say which SAM: --chip SERIAL",
            "请用 --chip SERIAL 指明SAM卡",
        )));
    }
    Ok(action)
}

async fn latest(service: &Service) -> Result<String, Refusal> {
    let mut conn = service.store.pool().acquire().await?;
    let last = rotations::all(&mut conn).await?.pop();
    last.map(|standing| standing.rotation.id).ok_or_else(|| {
        refuse!(
            &refusal::UNKNOWN,
            "no rotation yet: rhc-kms rotation plan",
            "尚无轮换：rhc-kms rotation plan"
        )
    })
}

/// One file for each SAM; those that are done already are left out.
async fn packages(
    service: &Service,
    (id, action, chip): (&str, Action, Option<&str>),
    out: &Path,
    by: &str,
    json: bool,
) -> Ran {
    let status = service.rotation_status(id).await?;
    let finished = |chip: &str| {
        let standing = status.sams.iter().find(|sam| sam.chip_serial == chip);
        standing.is_some_and(|sam| !sam.opens_old)
    };
    let sams = service.sams_of(id, chip).await?;
    let due: Vec<_> = sams
        .into_iter()
        .filter(|sam| chip.is_some() || !finished(&hex::encode_upper(sam.chip)))
        .collect();
    std::fs::create_dir_all(out)
        .map_err(|e| Failure::environment(format!("{}: {e}", out.display())))?;
    let now = service.store.clock().now();
    let identity = authority::service_identity(&service.dir, &service.tier, &[], now)?;
    let notary = Notary::new(&identity).map_err(|e| Failure::environment(e.to_string()))?;
    let (total, begun) = (due.len(), Instant::now());
    let mut made = Vec::with_capacity(total);
    for (number, sam) in due.iter().enumerate() {
        let packed = service.pack(id, sam, action, (&notary, by)).await?;
        let file = out.join(format!("{}-{}.json", packed.chip, action.as_str()));
        let text = serde_json::to_vec_pretty(&packed.signed).map_err(Refusal::from)?;
        order::write_file(&file, &text)?;
        made.push(json!({ "chip_serial": packed.chip, "package": file }));
        progress(number + 1, total, begun);
    }
    let table = || {
        let mut table = Table::new([pick("SAM", "SAM卡"), pick("package", "数据包")]);
        for row in &made {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            table.row([text("chip_serial"), text("package")]);
        }
        table
    };
    output::print(json, &made, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

/// Every hundredth, with what is left by the pace so far.
fn progress(done: usize, total: usize, begun: Instant) {
    if done.is_multiple_of(100) && done < total {
        let left = begun.elapsed().as_secs_f64() / done as f64 * (total - done) as f64;
        eprintln!(
            "{}",
            say!(
                "{done} of {total}, {left:.0} s left",
                "{done}/{total}，约余 {left:.0} 秒"
            )
        );
    }
}

async fn receipts(files: &[std::path::PathBuf], by: &str, store: &Path, json: bool) -> Ran {
    let service = open(store).await?;
    let (mut taken, mut refused) = (Vec::new(), 0);
    for file in files {
        let receipt: SamReceipt = read(file)?;
        let outcome = match service.take_sam_receipt(&receipt, by).await {
            Ok(()) => pick("taken", "已收").to_owned(),
            Err(refusal) => {
                refused += 1;
                refusal.to_string()
            }
        };
        taken.push(json!({ "chip_serial": receipt.chip_serial, "action": receipt.action, "outcome": outcome }));
    }
    let table = || {
        let mut table = Table::new([
            pick("SAM", "SAM卡"),
            pick("action", "操作"),
            pick("outcome", "结果"),
        ]);
        for row in &taken {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            table.row([text("chip_serial"), text("action"), text("outcome")]);
        }
        table
    };
    output::print(json, &taken, table).map_err(Refusal::from)?;
    Ok(if refused == 0 {
        Exit::Done
    } else {
        Exit::Wrong
    })
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = order::read_file(path)?;
    serde_json::from_slice(&text).map_err(|e| {
        let name = path.display();
        Failure::wrong(say!(
            "{name}: not the file wanted here (line {line}); export it again",
            "{name}：不是此处所需的文件（第 {line} 行），请重新导出",
            line = e.line()
        ))
    })
}

fn show(status: &RotationStatus, json: bool) -> Result<(), Failure> {
    let (late, all) = (status.stragglers(), status.sams.len());
    let table = || {
        let heads = [
            ("SAM", "SAM卡"),
            ("serial", "序列号"),
            ("type", "类型"),
            ("province", "省"),
            ("standing", "状况"),
            ("since", "自"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for sam in &status.sams {
            let standing = if sam.opens_old {
                say!(
                    "{standing}: opens cards with version {from} until recalled",
                    "{standing}：召回前仍可用版本 {from} 打开卡片",
                    standing = sam.standing,
                    from = status.from
                )
            } else {
                sam.standing.to_owned()
            };
            table.row([
                sam.chip_serial.clone(),
                sam.serial.clone().unwrap_or_default(),
                sam.sam_type.to_string(),
                sam.province.clone(),
                standing,
                sam.since.clone().unwrap_or_default(),
            ]);
        }
        let (id, phase, done) = (&status.id, status.phase, all - late);
        table.row([say!(
            "{id} ({phase}): {done} of {all} SAMs done, {late} stragglers",
            "{id}（{phase}）：{all} 张SAM卡中 {done} 张已完成，{late} 张未完成"
        )]);
        table
    };
    output::print(json, status, table).map_err(Refusal::from)?;
    Ok(())
}
