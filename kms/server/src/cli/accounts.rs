//! What became of an order's chips: made, spoiled, given back; it must come out at zero.

use std::path::Path;

use kms_platform::audit::Outcome;
use kms_platform::exit::Exit;
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use serde_json::json;

use super::args::{ReturnArgs, SpoilArgs};
use super::{Ran, open, order};
use crate::act::Act;
use crate::records::{accounts, tickets};
use crate::refusal::Refusal;

pub(super) async fn spoil(args: SpoilArgs) -> Ran {
    let service = open(&args.store).await?;
    service.may("order.account", &args.by).await?;
    let chip = args.chip.to_ascii_uppercase();
    let noted = async {
        let mut tx = service.begin().await?;
        let detail = json!({ "chip": chip });
        let begun = service
            .before(&mut tx, &args.by, "order.account", &args.id, &detail)
            .await?;
        accounts::spoil(&mut tx, &args.id, &chip, &args.by, &service.now()).await?;
        service.after(&mut tx, begun, &Outcome::Done).await?;
        service.commit(tx).await
    };
    if let Err(refusal) = noted.await {
        let refused = service.refused(&args.by, "order.account", &args.id, refusal);
        return Err(refused.await.into());
    }
    println!("{}", pick("done", "完成"));
    Ok(Exit::Done)
}

pub(super) async fn give_back(args: ReturnArgs) -> Ran {
    let service = open(&args.store).await?;
    let act = Act::ReturnOrder {
        id: args.id,
        requester: args.by,
    };
    order::carry(&service, act, &args.signing, false).await?;
    Ok(Exit::Done)
}

/// Exit 3 while something is unaccounted for: chips the HSM counted and the store does not know, or an open rest.
pub(super) async fn reconcile(id: &str, store: &Path, json: bool) -> Ran {
    let service = open(store).await?;
    let pool = service.store.pool();
    let mut conn = pool.acquire().await.map_err(Refusal::from)?;
    let ticket = tickets::get(&mut conn, id).await?;
    let account = accounts::of(&mut conn, id).await?;
    let used = service.hsm.ticket_used(id).map_err(Refusal::from)?;
    let good = account.bound.saturating_sub(account.spoiled);
    let returned = account.returned.unwrap_or(0);
    let accounted = good + account.spoiled + returned;
    let difference = i128::from(ticket.quantity) - i128::from(accounted);
    let unknown = i128::from(used) - i128::from(account.bound);
    let value = json!({
        "order": id, "ordered": ticket.quantity, "counted_by_hsm": used, "good": good,
        "spoiled": account.spoiled, "returned": returned, "difference": difference.to_string(),
        "unknown_to_store": unknown.to_string(), "closed": account.returned.is_some(),
        "product": ticket.product, "delivery": ticket.delivery,
    });
    let table = || {
        let mut table = Table::new(Vec::<String>::new());
        table.row([pick("ordered", "订购"), &ticket.quantity.to_string()]);
        table.row([pick("counted by the HSM", "密码机计数"), &used.to_string()]);
        table.row([pick("good", "合格"), &good.to_string()]);
        table.row([pick("spoiled", "报废"), &account.spoiled.to_string()]);
        table.row([pick("returned", "退回"), &returned.to_string()]);
        table.row([pick("difference", "差额"), &difference.to_string()]);
        table
    };
    output::print(json, &value, table).map_err(Refusal::from)?;
    Ok(if difference == 0 && unknown == 0 {
        Exit::Done
    } else {
        Exit::Wrong
    })
}
