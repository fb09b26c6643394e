//! `rhc-kms doctor`: which HSM answers, who keeps which of the port's rules, how fast it is, and what is missing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kms_core::port::{Hsm, HsmError, HsmIdentity, Keeper, Nature};
use kms_platform::exit::Exit;
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;

use super::Ran;
use crate::refusal::Refusal;
use crate::service::{Service, platform_mark};

/// Calls that are timed.
const CALLS: u32 = 20;

/// What was found.
struct Found {
    nature: Nature,
    identity: HsmIdentity,
    keys: usize,
    call: Duration,
    missing: Vec<String>,
}

pub(super) async fn run(service: Service, json: bool) -> Ran {
    let service = Arc::new(service);
    let asked = Arc::clone(&service);
    let looked = tokio::task::spawn_blocking(move || look(&asked)).await;
    let found = looked
        .map_err(|_| Refusal::about(&crate::refusal::HSM_DOWN, "the call broke off".to_owned()))?
        .map_err(Refusal::from)?;
    let milliseconds = found.call.as_secs_f64() * 1000.0;
    let value = json!({
        "hsm": found.nature,
        "mark": found.identity.mark,
        "simulator": found.identity.simulator,
        "policy": found.identity.policy,
        "keys": found.keys,
        "milliseconds_per_call": milliseconds,
        "missing": found.missing,
    });
    output::print(json, &value, || table(&found, milliseconds)).map_err(Refusal::from)?;
    Ok(if found.missing.is_empty() {
        Exit::Done
    } else {
        Exit::Wrong
    })
}

fn look(service: &Service) -> Result<Found, HsmError> {
    let hsm: &dyn Hsm = &*service.hsm;
    let identity = hsm.identity()?;
    let begun = Instant::now();
    for _ in 0..CALLS {
        hsm.identity()?;
    }
    let call = begun.elapsed() / CALLS;
    let keys = hsm.keys()?.len();
    let mut missing = Vec::new();
    if identity.mark != service.mark {
        let mark = identity.mark;
        missing.push(say!(
            "the HSM is of another mark than the service: {mark}",
            "密码机标记与服务不同：{mark}"
        ));
    }
    if identity.policy.is_none() {
        missing.push(say!(
            "no skeleton policy is loaded: rhc-kms init goes on where it stopped",
            "尚未装载骨架策略：请重新执行 rhc-kms init"
        ));
    }
    if keys == 0 {
        missing.push(say!(
            "no keys: rhc-kms init, or import the upper tier's package",
            "没有密钥：请执行 rhc-kms init 或导入上级密钥包"
        ));
    }
    Ok(Found {
        nature: hsm.nature(),
        identity,
        keys,
        call,
        missing,
    })
}

fn table(found: &Found, milliseconds: f64) -> Table {
    let mut table = Table::new(Vec::<String>::new());
    let kind = if found.identity.simulator {
        pick(
            "software, not for production keys",
            "软件，不得用于生产密钥",
        )
    } else {
        pick("hardware", "硬件")
    };
    table.row([pick("adapter", "适配器"), found.nature.adapter]);
    table.row([pick("HSM", "密码机"), kind]);
    table.row([pick("algorithms", "算法"), found.nature.algorithms]);
    let mark = platform_mark(found.identity.mark).label().get();
    table.row([pick("mark", "标记"), mark]);
    table.row([pick("keys", "密钥"), &found.keys.to_string()]);
    table.row([
        pick("one call", "单次调用"),
        &format!("{milliseconds:.2} ms"),
    ]);
    let nature = &found.nature;
    for (rule, rule_zh, keeper) in [
        ("keys derived and wrapped in", "密钥分散与加密", nature.keys),
        ("rules of keys and commands", "密钥与命令规则", nature.rules),
        ("two officers", "双人授权", nature.officers),
        ("counts of tickets", "额度计数", nature.counts),
        ("scripts put together in", "脚本组装", nature.scripts),
        ("a record of its own", "自有审计", nature.audit),
    ] {
        table.row([pick(rule, rule_zh), kept_by(keeper)]);
    }
    for what in &found.missing {
        table.row([pick("MISSING", "缺少"), what]);
    }
    table
}

fn kept_by(keeper: Keeper) -> &'static str {
    match keeper {
        Keeper::Hsm => pick("HSM", "密码机"),
        Keeper::KeyService => pick(
            "key service: whoever holds its machine can go round it",
            "密钥服务：控制该主机者可绕过",
        ),
        Keeper::Nobody => pick("nobody", "无"),
    }
}
