//! The commands besides `serve`.

use crate::cli::{Cli, Command, Execute, Info, Init, MarkArg, OfficerKey, Sign};
use crate::messages::{Failure, out, pick};
use crate::{bench, custody, harden, password, reports, serve};
use hsm_engine::{Birth, Engine, UnsealSecret, World};
use hsm_wire::client::OfficerClient;
use hsm_wire::info::HsmInfo;
use hsm_wire::officer::{OrderDone, OrderOp};
use hsm_wire::order::{Body, OfficerKey as Key, OfficerPublic, Order};
use hsm_wire::secret::{OperatorSecret, write_secret_file};
use hsm_wire::{Mark, valid_name};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::OfficerKey(arguments) => officer_key(&arguments),
        Command::Init(arguments) => init(&arguments),
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Info(arguments) => info(&arguments),
        Command::Keys(arguments) => reports::keys(&arguments),
        Command::Tickets(arguments) => reports::tickets(&arguments),
        Command::Audit(arguments) => reports::audit(&arguments),
        Command::Sign(arguments) => sign(&arguments),
        Command::Execute(arguments) => execute(&arguments),
        Command::Share(arguments) => custody::run(&arguments),
        Command::IndexPassword(arguments) => password::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    }
}

fn officer_key(arguments: &OfficerKey) -> Result<(), Failure> {
    if !valid_name(&arguments.name) {
        return Err(Failure::Usage(
            "--name: 1-64 characters of A-Z a-z 0-9 _ . / @ + -".to_owned(),
        ));
    }
    let key = Key::generate(&arguments.name).map_err(|e| Failure::Environment(e.to_string()))?;
    let mut public = arguments.out.clone().into_os_string();
    public.push(".pub");
    key.save(&arguments.out, &PathBuf::from(public))?;
    Ok(())
}

fn init(arguments: &Init) -> Result<(), Failure> {
    let mark = match arguments.mark {
        MarkArg::Test => Mark::Test,
        MarkArg::Demo => Mark::Demo,
        MarkArg::Production => Mark::Production,
    };
    check_production(mark, arguments.force_not_for_production)?;
    let inside = arguments
        .unseal_out
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default();
    if inside.starts_with(&arguments.store) {
        return Err(Failure::Usage(
            "--unseal-out must not lie inside the store".to_owned(),
        ));
    }
    let officers = arguments
        .officer
        .iter()
        .map(|text| read_officer(text))
        .collect::<Result<Vec<_>, _>>()?;
    harden::forbid_dumps()?;
    let random = |_| Failure::Environment("the random generator failed".to_owned());
    let operator = OperatorSecret::generate().map_err(random)?;
    let mut world = World::system();
    let secret =
        UnsealSecret::generate(&mut world).map_err(|e| Failure::Environment(e.to_string()))?;
    // Secrets first: a store whose secret could not be written would be lost.
    write_secret_file(&arguments.unseal_out, secret.to_hex().as_bytes())?;
    operator.save(&arguments.operator_cred_out)?;
    let auditor_hash = match &arguments.auditor_cred_out {
        None => None,
        Some(path) => {
            let auditor = OperatorSecret::generate().map_err(random)?;
            auditor.save(path)?;
            Some(auditor.hash())
        }
    };
    let birth = Birth {
        mark,
        officers,
        operator_hash: operator.hash(),
        auditor_hash,
    };
    let info = Engine::create(&arguments.store, &birth, &secret, world)?;
    show(&info, arguments.json)
}

/// A simulator holds no production keys unless forced, and says so.
pub fn check_production(mark: Mark, forced: bool) -> Result<(), Failure> {
    if mark != Mark::Production {
        return Ok(());
    }
    let notice = pick(
        "this is a simulator in software: NOT FOR PRODUCTION KEYS",
        "这是软件模拟器：不得用于生产密钥",
    );
    if !forced {
        return Err(Failure::Usage(format!(
            "{notice} (--force-not-for-production)"
        )));
    }
    tracing::warn!("{notice}");
    Ok(())
}

fn read_officer(text: &str) -> Result<OfficerPublic, Failure> {
    let (name, file) = text
        .split_once('=')
        .ok_or_else(|| Failure::Usage("--officer NAME=FILE".to_owned()))?;
    let bytes = fs::read(file).map_err(|e| Failure::io(file, &e))?;
    let public: OfficerPublic = serde_json::from_slice(&bytes)
        .map_err(|e| Failure::Usage(format!("{file} is not an officer's public key: {e}")))?;
    if public.name != name {
        return Err(Failure::Usage(format!(
            "{file} is the key of {}, not of {name}",
            public.name
        )));
    }
    Ok(public)
}

fn info(arguments: &Info) -> Result<(), Failure> {
    let info = OfficerClient::connect(&arguments.officer_socket)?.info()?;
    show(&info, arguments.json)
}

fn show(info: &HsmInfo, json: bool) -> Result<(), Failure> {
    if json {
        let text =
            serde_json::to_string_pretty(info).map_err(|e| Failure::Environment(e.to_string()))?;
        out!("{text}");
        return Ok(());
    }
    let policy = info
        .policy
        .as_ref()
        .map_or_else(|| "-".to_owned(), |(name, hash)| format!("{name} {hash}"));
    out!(
        "{}",
        pick(
            "simulator: NOT FOR PRODUCTION KEYS",
            "模拟器：不得用于生产密钥"
        )
    );
    for (label, value) in [
        (pick("fingerprint", "指纹"), info.id.to_string()),
        (pick("mark", "标记"), info.mark.to_string()),
        (pick("keys", "密钥数"), info.keys.to_string()),
        (pick("officers", "管理员"), info.officers.join(", ")),
        (
            pick("next order", "下一指令号"),
            info.next_order.to_string(),
        ),
        (pick("policy", "骨架策略"), policy),
        (pick("epoch", "纪元"), info.epoch.to_string()),
        (
            pick("audit", "审计"),
            format!("{} {}", info.audit.count, info.audit.hash),
        ),
    ] {
        out!("{label}: {value}");
    }
    Ok(())
}

fn sign(arguments: &Sign) -> Result<(), Failure> {
    let key = Key::load(&arguments.key)?;
    let mut order = match (&arguments.op, &arguments.officer_socket) {
        (Some(op), Some(socket)) => new_order(op, socket, arguments.valid)?,
        _ => read_order(&arguments.order)?,
    };
    order
        .sign(&key)
        .map_err(|e| Failure::Environment(e.to_string()))?;
    let text =
        serde_json::to_vec_pretty(&order).map_err(|e| Failure::Environment(e.to_string()))?;
    fs::write(&arguments.order, text)
        .map_err(|e| Failure::io(&arguments.order.display().to_string(), &e))?;
    eprintln!("{}: {}", pick("signed", "已签名"), order.body);
    Ok(())
}

fn new_order(op: &str, socket: &Path, valid: u64) -> Result<Order, Failure> {
    let op: OrderOp = serde_json::from_str(op).map_err(|e| Failure::Usage(format!("--op: {e}")))?;
    let info = OfficerClient::connect(socket)?.info()?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let body = Body {
        hsm: info.id,
        sequence: info.next_order,
        expires: now.saturating_add(valid),
        op,
    };
    body.to_text()
        .map(Order::new)
        .map_err(|e| Failure::Usage(e.to_string()))
}

fn read_order(path: &Path) -> Result<Order, Failure> {
    let text = fs::read(path).map_err(|e| Failure::io(&path.display().to_string(), &e))?;
    serde_json::from_slice(&text)
        .map_err(|e| Failure::Usage(format!("{} is no order: {e}", path.display())))
}

fn execute(arguments: &Execute) -> Result<(), Failure> {
    let order = read_order(&arguments.order)?;
    let done = OfficerClient::connect(&arguments.officer_socket)?.execute(&order)?;
    let json = match &done {
        OrderDone::Done => Ok("done".to_owned()),
        OrderDone::Key(key) => serde_json::to_string_pretty(key),
        OrderDone::Ticket(ticket) => serde_json::to_string_pretty(ticket),
        OrderDone::Peer(peer) => serde_json::to_string_pretty(peer),
        OrderDone::Policy(hash) => Ok(hash.to_string()),
        OrderDone::Package(text) => Ok(text.clone()),
        OrderDone::Imported(report) => serde_json::to_string_pretty(report),
        OrderDone::Signature(signature) => Ok(signature.to_string()),
        OrderDone::Keys(keys) => serde_json::to_string_pretty(keys),
        OrderDone::BackedUp(made) => serde_json::to_string_pretty(made),
        OrderDone::Sealed(seal) => serde_json::to_string_pretty(seal),
    };
    out!("{}", json.map_err(|e| Failure::Environment(e.to_string()))?);
    Ok(())
}
