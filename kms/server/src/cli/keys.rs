//! Hand-down commands and the key table.

use std::path::Path;

use kms_core::catalogue::{SM2_ISSUER, key_id};
use kms_core::handdown::{GrantState, PeerFile, Request, file_fingerprint, peer_name, spoken};
use kms_core::tier::Tier;
use kms_platform::audit::Outcome;
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;
use uuid::Uuid;

use super::args::{GrantArgs, ImportArgs, RequestArgs};
use super::{Ran, hsm, open, order, tables};
use crate::act::Act;
use crate::authority;
use crate::records::hand_downs::{self, Grant};
use crate::records::{keys, peers, settings};
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::Service;

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
    if service.tier == Tier::Ministry {
        return Err(refuse!(
            &refusal::WRONG_TIER,
            "nobody is above the ministry",
            "部级之上无上级"
        )
        .into());
    }
    service.may("hand-down.request", &args.by).await?;
    let mut tx = service.begin().await?;
    let issuer_key = keys::public_key(&mut tx, &key_id(SM2_ISSUER, 0)).await?;
    let csr = authority::request(&service.dir, &service.tier)?;
    let fingerprint = service.hsm.identity().map_err(Refusal::from)?.fingerprint;
    let request = Request::new(
        Uuid::new_v4(),
        service.mark,
        service.tier.clone(),
        args.by.clone(),
        fingerprint,
        csr,
        issuer_key,
    );
    let text = serde_json::to_vec(&request).map_err(Refusal::from)?;
    let begun = service
        .before(
            &mut tx,
            &args.by,
            "hand-down.request",
            &request.id.to_string(),
            &json!({}),
        )
        .await?;
    hand_downs::ask(&mut tx, request.id, &args.by, &service.now()).await?;
    service.after(&mut tx, begun, &Outcome::Done).await?;
    service.commit(tx).await?;
    order::write_file(&args.out, &text)?;
    print_fingerprint(&text);
    Ok(Exit::Done)
}

fn print_fingerprint(text: &[u8]) {
    let fingerprint = spoken(&file_fingerprint(text));
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
    let opened = try_open(service, &text, by).await;
    let grant = match opened {
        Ok(grant) => grant,
        Err(refusal) => return Err(service.refused(by, "grant.open", "", refusal).await.into()),
    };
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

async fn try_open(service: &Service, text: &[u8], by: &str) -> Result<Grant, Refusal> {
    let mut tx = service.begin().await?;
    let known = peers::all(&mut tx).await?;
    let claimed = serde_json::from_slice::<serde_json::Value>(text).ok();
    let from: Option<Tier> =
        claimed.and_then(|value| serde_json::from_value(value.get("from")?.clone()).ok());
    let enrolled = from.as_ref().and_then(|tier| {
        known
            .iter()
            .find(|peer| peer.confirmed && peer.name == peer_name(tier))
    });
    let fingerprint = enrolled
        .map(|peer| &peer.file)
        .map(|file: &PeerFile| &file.fingerprint);
    let request = Request::parse(text, service.mark, &service.tier, fingerprint)?;
    let applicant = kms_platform::ca::Applicant::from_pem(&request.csr)?;
    if applicant.peer.area != authority::area(&request.from)? {
        return Err(refuse!(
            &refusal::INVALID,
            "the certificate request is for another area",
            "证书申请的辖区不符"
        ));
    }
    let ca_chain = authority::open(&service.dir)?
        .sign_intermediate(&request.csr, service.store.clock().now())?;
    let grant = Grant {
        id: request.id.to_string(),
        receiver: peer_name(&request.from),
        request,
        requester: by.to_owned(),
        ca_chain,
        state: GrantState::Requested,
    };
    let detail = json!({ "receiver": grant.receiver, "asked by": grant.request.requester });
    let begun = service
        .before(&mut tx, by, "grant.open", &grant.id, &detail)
        .await?;
    hand_downs::open(&mut tx, &grant, &service.now()).await?;
    service.after(&mut tx, begun, &Outcome::Done).await?;
    service.commit(tx).await?;
    Ok(grant)
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
