//! `rhc-station sam`.

use std::path::PathBuf;
use std::time::Duration;

use kms_platform::exit::{Exit, Failure};
use kms_platform::identity::Identity;
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use serde::Serialize;
use zeroize::Zeroizing;

use super::reader::PcscSlot;
use super::{clients, identity};
use crate::cli::{SamArgs, Stage};
use crate::clients::KeyClient;
use crate::fault::Fault;
use crate::sam_stage::{self, Made, Order, Provincial};
use crate::timing::TimingsReport;

/// What a stage came to.
#[derive(Serialize)]
struct SamReport {
    verdict: &'static str,
    kind: Option<String>,
    message: Option<String>,
    next: Option<String>,
    stage: &'static str,
    #[serde(rename = "type")]
    sam_type: u8,
    chip_serial: Option<String>,
    serial: Option<String>,
    certificate: Option<String>,
    pin_file: Option<PathBuf>,
    exit_code: u8,
    timings: Option<TimingsReport>,
}

pub(super) fn run(args: &SamArgs) -> Result<Exit, Failure> {
    let identity = identity(&args.services.identity)?;
    let result = stage(args, &identity);
    match (result, args.json) {
        (Err(Stop::Fault(fault)), false) => Err(fault.into()),
        (Err(Stop::Failure(failure)), _) => Err(failure),
        (Err(Stop::Fault(fault)), true) => tell(args, &failed(args, &fault)),
        (Ok(made), _) => tell(args, &done(args, made)),
    }
}

/// Why a stage did not come to its end: a fault of the work, or of the command line.
enum Stop {
    Fault(Fault),
    Failure(Failure),
}

impl<E: Into<Fault>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

fn stage(args: &SamArgs, identity: &Identity) -> Result<Made, Stop> {
    let (keys, registry) = clients(&args.services, identity).map_err(Stop::Failure)?;
    let profile = args.profile;
    let order = Order {
        profile,
        keys: &keys,
        sam_type: args.sam_type,
        ticket: &args.ticket,
    };
    let area = identity.peer().area.as_str();
    let mut slot = PcscSlot::open(
        &args.reader,
        Duration::from_secs(args.wait),
        Duration::from_secs(10),
    )?;
    match args.stage {
        Stage::National => {
            let own = identity.peer().area.province().map(str::to_owned);
            let province = args
                .province
                .clone()
                .or(own)
                .ok_or_else(|| Stop::Failure(no_province()))?;
            Ok(sam_stage::national(
                &order,
                &province,
                &mut slot.connect()?,
            )?)
        }
        Stage::Provincial => {
            let pin = pin(&keys)?;
            let city = args
                .city
                .clone()
                .unwrap_or_else(|| area.get(2..4).unwrap_or("00").to_owned());
            let area = args.province.as_deref().unwrap_or(area);
            let stage = Provincial {
                registry: &registry,
                area,
                city,
                number: args.terminal,
                pin_file: args.pin_out.as_deref(),
                pin,
            };
            Ok(sam_stage::provincial(&order, &stage, &mut slot.connect()?)?)
        }
    }
}

fn no_province() -> Failure {
    Failure::usage(pick(
        "say whose SAM it becomes: --province and two digits",
        "请用 --province 给出该 SAM 卡所属省的两位代码",
    ))
}

/// Six digits: the public test PIN (D35) where the key service is TEST, random otherwise.
fn pin(keys: &KeyClient) -> Result<Zeroizing<String>, Stop> {
    let status = keys.status()?;
    if status.mark == "test" {
        return Ok(Zeroizing::new("123456".into()));
    }
    loop {
        let random = getrandom::u32()
            .map_err(|error| Stop::Failure(Failure::environment(error.to_string())))?;
        // Values above the largest multiple of a million would make some PINs likelier than others.
        if random < 4_294_000_000 {
            return Ok(Zeroizing::new(format!("{:06}", random % 1_000_000)));
        }
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::National => "national",
        Stage::Provincial => "provincial",
    }
}

fn done(args: &SamArgs, made: Made) -> SamReport {
    SamReport {
        verdict: "done",
        kind: None,
        message: None,
        next: None,
        stage: name(args.stage),
        sam_type: args.sam_type,
        chip_serial: Some(made.chip_serial),
        serial: made.serial,
        certificate: made.certificate,
        pin_file: made.pin_file,
        exit_code: 0,
        timings: Some(made.timings.report()),
    }
}

fn failed(args: &SamArgs, fault: &Fault) -> SamReport {
    SamReport {
        verdict: "failed",
        kind: Some(fault.kind()),
        message: Some(fault.message()),
        next: fault.next(),
        stage: name(args.stage),
        sam_type: args.sam_type,
        chip_serial: None,
        serial: None,
        certificate: None,
        pin_file: None,
        exit_code: fault.exit() as u8,
        timings: None,
    }
}

fn tell(args: &SamArgs, report: &SamReport) -> Result<Exit, Failure> {
    let table = || {
        let mut table = Table::new([] as [&str; 0]);
        let stage = match args.stage {
            Stage::National => pick("national stage done", "部级写卡完成"),
            Stage::Provincial => pick("provincial stage done", "省级写卡完成"),
        };
        table.row([pick("stage", "阶段"), stage]);
        table.row([pick("type", "类型").to_owned(), report.sam_type.to_string()]);
        table.row([
            pick("chip serial", "芯片序列号").to_owned(),
            report.chip_serial.clone().unwrap_or_default(),
        ]);
        if let Some(serial) = &report.serial {
            table.row([pick("SAM serial", "SAM 序列号").to_owned(), serial.clone()]);
        }
        if let Some(file) = &report.pin_file {
            table.row([
                pick("PIN in", "PIN 文件").to_owned(),
                file.display().to_string(),
            ]);
        }
        table
    };
    output::print(args.json, report, table)
        .map_err(|error| Failure::environment(error.to_string()))?;
    Ok(match report.exit_code {
        0 => Exit::Done,
        3 => Exit::Wrong,
        _ => Exit::Environment,
    })
}
