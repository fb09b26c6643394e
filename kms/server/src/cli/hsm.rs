//! This tier's HSM, its peers, and makers' transport keys.

use std::path::Path;

use kms_core::handdown::{PeerFile, spoken};
use kms_core::port::PeerKind;
use kms_hsm::Address;
use kms_hsm::sim::read_info;
use kms_platform::audit::Outcome;
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;
use zeroize::Zeroizing;

use super::args::{HsmCommand, TransportCommand};
use super::{Ran, open, order};
use crate::act::Act;
use crate::act::prepare::vendor_bytes;
use crate::records::peers;
use crate::refusal::{self, Refusal};
use crate::refuse;

/// The HSM that a file names.
pub(super) fn address_in(file: &Path) -> Result<Address, Refusal> {
    Address::read(file).map_err(|e| Refusal::about(&refusal::INVALID, e.to_string()))
}

pub(super) async fn run(command: HsmCommand) -> Ran {
    match command {
        HsmCommand::Prepare {
            hsm,
            mark,
            officers,
            json,
        } => prepare(&hsm, &mark, &officers, json),
        HsmCommand::Info { store, out, json } => info(&store, out.as_deref(), json).await,
        HsmCommand::Enrol {
            store,
            peer_info,
            maker,
            by,
            json,
        } => enrol(&store, &peer_info, maker.as_deref(), &by, json).await,
        HsmCommand::Confirm {
            store,
            peer,
            signing,
        } => {
            let service = open(&store).await?;
            order::carry(&service, Act::ConfirmPeer { name: peer }, &signing, false).await?;
            Ok(Exit::Done)
        }
    }
}

/// A token's key pairs, mark and first officers, before any service has it.
fn prepare(hsm: &Path, mark: &str, officers: &[String], json: bool) -> Ran {
    let mark = mark.parse().map_err(Failure::usage)?;
    let officers = super::init::first_officers(officers)?;
    let made = address_in(hsm)?
        .prepare(mark, &officers)
        .map_err(crate::service::down)?;
    let fingerprint = hex::encode_upper(made.fingerprint);
    let officers: Vec<&str> = made.officers.iter().map(|one| one.name.as_str()).collect();
    let value = json!({ "mark": made.mark, "fingerprint": fingerprint, "officers": officers });
    let table = || {
        let mut table = Table::new(Vec::<String>::new());
        table.row([pick("fingerprint", "指纹"), &spoken(&made.fingerprint)]);
        table.row([pick("mark", "标记"), &made.mark.to_string()]);
        table.row([pick("officers", "管理员"), &officers.join(", ")]);
        table
    };
    output::print(json, &value, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

async fn info(store: &Path, out: Option<&Path>, json: bool) -> Ran {
    let service = open(store).await?;
    let file = PeerFile::new(
        &service.tier,
        &service.desk.identity().map_err(Refusal::from)?,
    );
    if let Some(out) = out {
        let text = serde_json::to_vec_pretty(&file).map_err(Refusal::from)?;
        order::write_file(out, &text)?;
    }
    show(&file, json)
}

fn show(file: &PeerFile, json: bool) -> Ran {
    let name = file.name();
    let value = json!({ "name": name, "mark": file.mark, "fingerprint": hex::encode_upper(file.fingerprint) });
    let table = || {
        let mut table = Table::new(Vec::<String>::new());
        table.row([pick("name", "名称"), &name]);
        table.row([pick("fingerprint", "指纹"), &spoken(&file.fingerprint)]);
        table.row([pick("mark", "标记"), &file.mark.to_string()]);
        table
    };
    output::print(json, &value, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

async fn enrol(store: &Path, peer_info: &Path, maker: Option<&str>, by: &str, json: bool) -> Ran {
    let service = open(store).await?;
    service.may("hsm.enrol", by).await?;
    let text = order::read_file(peer_info)?;
    let file = match maker {
        None => PeerFile::parse(&text, service.mark).map_err(Refusal::from)?,
        Some(vendor) => {
            let vendor = vendor_bytes(vendor)?;
            let info = read_info(&text).ok_or_else(|| {
                refuse!(
                    &refusal::INVALID,
                    "not what `rhc-hsm info --json` prints",
                    "不是 `rhc-hsm info --json` 的输出"
                )
            })?;
            PeerFile::of_maker(vendor, &info, service.mark).map_err(Refusal::from)?
        }
    };
    let kind = match file.kind_at(&service.tier) {
        Some(PeerKind::Lower) => "lower",
        Some(PeerKind::Upper) => "upper",
        Some(PeerKind::Maker) => "maker",
        None => {
            let (ours, theirs) = (&service.tier, file.name());
            return Err(refuse!(
                &refusal::WRONG_TIER,
                "{ours} and {theirs} exchange no keys",
                "{ours} 与 {theirs} 之间不交换密钥"
            )
            .into());
        }
    };
    let mut tx = service.begin().await?;
    let detail = json!({ "fingerprint": hex::encode_upper(file.fingerprint) });
    let begun = service
        .before(&mut tx, by, "hsm.enrol", &file.name(), &detail)
        .await?;
    peers::add(&mut tx, &file.name(), kind, &file, by).await?;
    service.after(&mut tx, begun, &Outcome::Done).await?;
    service.commit(tx).await?;
    if !json {
        let name = file.name();
        println!(
            "{}",
            say!(
                "compare the fingerprint by voice, then two officers: rhc-kms hsm confirm --peer {name}",
                "请口头核对指纹，然后由两名管理员执行：rhc-kms hsm confirm --peer {name}"
            )
        );
    }
    show(&file, json)
}

pub(super) async fn transport(command: TransportCommand) -> Ran {
    let TransportCommand::Import {
        store,
        vendor,
        test_key,
        key_file,
        package,
        signing,
    } = command;
    let service = open(&store).await?;
    let act = match (test_key, key_file, package) {
        (true, ..) => Act::TestTransport { vendor },
        (_, Some(path), _) => Act::RawTransport {
            vendor,
            key: key_text(&path)?,
        },
        (.., Some(path)) => Act::MakerPackage {
            package: text(&path)?,
        },
        _ => {
            return Err(Failure::usage(pick(
                "give --test-key, --key-file or --package",
                "请给出 --test-key、--key-file 或 --package",
            )));
        }
    };
    order::carry(&service, act, &signing, false).await?;
    Ok(Exit::Done)
}

fn key_text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = Zeroizing::new(order::read_file(path)?);
    let text = std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.trim().to_owned()));
    text.map_err(|_| {
        refuse!(
            &refusal::INVALID,
            "the key file is not text",
            "密钥文件不是文本"
        )
        .into()
    })
}

pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let bytes = order::read_file(path)?;
    String::from_utf8(bytes)
        .map_err(|_| refuse!(&refusal::PACKAGE, "the file is not text", "文件不是文本").into())
}
