//! `rhc-station sam probe` and `rhc-station sam rekey`.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use kms_api::sam_package::{PURPOSE, SamPackage};
use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::Identity;
use kms_platform::lang::pick;
use kms_platform::name::Role;
use kms_platform::notary::{Signed, Witness};
use kms_platform::output::{self, Table};
use kms_platform::revocation::Revocations;
use serde::Serialize;

use super::identity;
use super::reader::PcscSlot;
use crate::cli::{ProbeArgs, RekeyArgs, SamUse};
use crate::fault::Fault;
use crate::sam_use;

pub(super) fn run(command: &SamUse) -> Result<Exit, Failure> {
    match command {
        SamUse::Probe(args) => probe(args),
        SamUse::Rekey(args) => rekey(args),
    }
}

fn slot(reader: &str, wait: u64) -> Result<PcscSlot, Fault> {
    let (wait, silence) = (Duration::from_secs(wait), Duration::from_secs(10));
    Ok(PcscSlot::open(reader, wait, silence)?)
}

fn probe(args: &ProbeArgs) -> Result<Exit, Failure> {
    let found = slot(&args.reader, args.wait)
        .and_then(|mut slot| sam_use::look(&mut slot.connect()?, args.profile))?;
    if let Some(out) = &args.out {
        write(out, &found)?;
    }
    let table = || {
        let mut table = Table::new([] as [&str; 0]);
        table.row([pick("chip serial", "芯片序列号"), &found.chip_serial]);
        table.row([pick("SAM serial", "SAM 序列号"), &found.serial]);
        table.row([pick("type", "类型"), &found.sam_type.to_string()]);
        table.row([pick("counter", "计数"), &found.sam.counter.to_string()]);
        let state = format!("{:02X}", found.sam.state);
        table.row([pick("state", "状态"), &state]);
        table
    };
    print(args.json, &found, table)?;
    Ok(Exit::Done)
}

/// Whoever signed must be a key service above this station or its own.
fn believed(file: &Path, identity: &Identity) -> Result<SamPackage, Failure> {
    let text = std::fs::read(file)
        .map_err(|e| Failure::environment(format!("{}: {e}", file.display())))?;
    let refused = |en, zh| Failure::from(Fault::Package(en, zh));
    let signed: Signed = serde_json::from_slice(&text).map_err(|_| {
        refused(
            "the file is no package of a key service",
            "该文件不是密钥服务的数据包",
        )
    })?;
    let witness = Witness::new(identity, Revocations::none())
        .map_err(|e| Failure::environment(e.to_string()))?;
    let signer = witness.signer(PURPOSE, &signed, Timestamp::now());
    let believed = signer
        .is_ok_and(|peer| peer.role == Role::Kms && peer.area.contains(&identity.peer().area));
    if !believed {
        return Err(refused(
            "the package is not signed by a key service of this area",
            "该数据包并非由本辖区的密钥服务签名",
        ));
    }
    serde_json::from_str(&signed.text)
        .map_err(|_| refused("the package cannot be read", "该数据包无法读取"))
}

fn rekey(args: &RekeyArgs) -> Result<Exit, Failure> {
    let package = believed(&args.package, &identity(&args.identity)?)?;
    let receipt = slot(&args.reader, args.wait)
        .and_then(|mut slot| sam_use::run(&package, &mut slot.connect()?, args.profile))?;
    let out = args.receipt.clone().unwrap_or_else(|| {
        let mut name = args.package.as_os_str().to_owned();
        name.push(".receipt");
        name.into()
    });
    write(&out, &receipt)?;
    let table = || {
        let mut table = Table::new([] as [&str; 0]);
        table.row([pick("SAM", "SAM 卡"), &receipt.chip_serial]);
        table.row([pick("done", "已完成"), &receipt.action]);
        let name = out.display().to_string();
        table.row([pick("receipt, to be brought back", "回执（请送回）"), &name]);
        table
    };
    print(args.json, &receipt, table)?;
    Ok(Exit::Done)
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let failed =
        |e: &dyn std::fmt::Display| Failure::environment(format!("{}: {e}", path.display()));
    let text = serde_json::to_vec_pretty(value).map_err(|e| failed(&e))?;
    std::fs::write(path, text).map_err(|e| failed(&e))
}

fn print(json: bool, value: &impl Serialize, table: impl FnOnce() -> Table) -> Result<(), Failure> {
    output::print(json, value, table).map_err(|error| Failure::environment(error.to_string()))
}
