//! Hand-down commands and the key table.

use std::path::Path;

use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;

use super::args::{GrantArgs, ImportArgs, RequestArgs};
use super::{Ran, hsm, open, order, tables};
use crate::act::Act;
use crate::records::settings;
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::Service;
use crate::tiers::hand_down::spoken_fingerprint;

/// The issuer certificate that came with the hand-down.
pub(super) async fn issuer_certificate(store: &Path, out: &Path) -> Ran {
    let service = open(store).await?;
    let pool = service.store.pool();
    let mut conn = pool.acquire().await.map_err(Refusal::from)?;
    let known: Option<String> = settings::find(&mut conn, "issuer-certificate").await?;
    let known = known.ok_or_else(|| {
        refuse!(
            &refusal::KEY_MISSING,
            "no issuer certificate yet: import the hand-down first",
            "尚无发卡机构证书：请先导入上级下发"
        )
    })?;
    std::fs::write(out, known + "\n")
        .map_err(|e| Failure::environment(format!("{}: {e}", out.display())))?;
    Ok(Exit::Done)
}

pub(super) async fn table(service: &Service, json: bool) -> Ran {
    let value = tables::key_table(service).await?;
    let table = || {
        let heads = [
            ("id", "编号"),
            ("name", "名称"),
            ("version", "版本"),
            ("tier", "层级"),
            ("factor", "分散因子"),
            ("check value", "校验值"),
            ("state", "状态"),
        ];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for key in &value.keys {
            table.row([
                &key.id,
                &key.name,
                &key.version.to_string(),
                &key.tier,
                &key.factor,
                &key.check_value,
                &key.state,
            ]);
        }
        table
    };
    output::print(json, &value, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

pub(super) async fn request(args: RequestArgs) -> Ran {
    let service = open(&args.store).await?;
    let text = service.request_keys(&args.by).await?;
    order::write_file(&args.out, text.as_bytes())?;
    print_fingerprint(text.as_bytes());
    Ok(Exit::Done)
}

pub(super) fn print_fingerprint(text: &[u8]) {
    let fingerprint = spoken_fingerprint(text);
    println!(
        "{}",
        say!(
            "request fingerprint, to be compared by voice: {fingerprint}",
            "申请指纹（请口头核对）：{fingerprint}"
        )
    );
}

pub(super) async fn grant(args: GrantArgs) -> Ran {
    let service = open(&args.store).await?;
    match (&args.request, &args.by, &args.approve, &args.out) {
        (Some(file), Some(by), _, _) => open_grant(&service, file, by, args.json).await,
        (_, _, Some(id), Some(out)) => {
            let act = Act::Grant { id: id.clone() };
            let product = order::carry(&service, act, &args.signing, args.json).await?;
            if let Some(package) = order::package_of(product)? {
                order::write_file(out, package.as_bytes())?;
            }
            Ok(Exit::Done)
        }
        _ => Err(Failure::usage(pick(
            "give --request FILE --by NAME, or --approve ID --out FILE",
            "请给出 --request FILE --by NAME，或 --approve ID --out FILE",
        ))),
    }
}

async fn open_grant(service: &Service, file: &Path, by: &str, json: bool) -> Ran {
    service.may("grant.open", by).await?;
    let text = order::read_file(file)?;
    let grant = service.open_grant(&text, by, None).await?;
    if !json {
        print_fingerprint(&text);
    }
    let value = json!({ "id": grant.id, "receiver": grant.receiver, "requester": grant.requester });
    let show = || {
        let mut table = Table::new(Vec::<String>::new());
        table.row([pick("grant", "下发单"), &grant.id]);
        table.row([pick("receiver", "接收方"), &grant.receiver]);
        table
    };
    output::print(json, &value, show).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

pub(super) async fn import(args: ImportArgs) -> Ran {
    let service = open(&args.store).await?;
    let package = hsm::text(&args.file)?;
    let done = order::carry(&service, Act::Import { package }, &args.signing, false).await?;
    let receipt = done.and_then(|product| product.receipt);
    if let (Some(file), Some(receipt)) = (&args.receipt, receipt) {
        order::write_file(file, receipt.as_bytes())?;
    }
    Ok(Exit::Done)
}
