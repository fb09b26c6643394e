//! Carrying an act through at once, or sending its orders from officer to officer.

use std::path::Path;

use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::say;

use super::args::{OrderCommand, Signing};
use super::{Ran, open, signers};
use crate::act::{Act, OrderFile, Product};
use crate::door;
use crate::records::approvals;
use crate::refusal::{self, Refusal};
use crate::refuse;
use crate::service::Service;

/// With `--as` twice at once; with `--order-out` into a file. `quiet` leaves the last word to the caller.
pub(super) async fn carry(
    service: &Service,
    act: Act,
    signing: &Signing,
    quiet: bool,
) -> Result<Option<Product>, Failure> {
    if let Some(path) = &signing.order_out {
        return match service.draft(&act).await? {
            Some(order) => {
                // A key in the clear is refused before anything waits.
                order.to_json()?;
                keep(service, &order).await?;
                write_order(path, &order).map(|()| None)
            }
            None => Ok(Some(service.carry_out(&act, &[]).await?)),
        };
    }
    let officers = signers(signing)?;
    let product = service.carry_out(&act, &super::devices(&officers)).await?;
    if !quiet {
        println!("{}", pick("done", "完成"));
    }
    Ok(Some(product))
}

pub(super) async fn run(command: OrderCommand) -> Ran {
    match command {
        OrderCommand::Show { file, store } => {
            show(&find_order(&file, store.as_deref()).await?)?;
            Ok(Exit::Done)
        }
        OrderCommand::Spoil(args) => super::accounts::spoil(args).await,
        OrderCommand::Return(args) => super::accounts::give_back(args).await,
        OrderCommand::Reconcile { id, store, json } => {
            super::accounts::reconcile(&id, &store, json).await
        }
        OrderCommand::List { store, json } => super::approvals::list(&store, json).await,
        OrderCommand::Sign { file, officer } => {
            let mut order = read_order(&file)?;
            let key = kms_hsm::officer::OfficerFile::load(&officer).map_err(Refusal::from)?;
            order.sign(door::rule(&order.request().operation)?, &key)?;
            write_order(&file, &order)?;
            Ok(Exit::Done)
        }
        OrderCommand::Submit { file, store, out } => submit(&file, &store, out.as_deref()).await,
    }
}

async fn submit(file: &Path, store: &Path, out: Option<&Path>) -> Ran {
    let service = open(store).await?;
    let order = find_order(file, Some(store)).await?;
    match service.submit(&order).await? {
        Some(product) => {
            if let (Some(package), Some(out)) = (&product.package, out) {
                write_file(out, package.as_bytes())?;
            }
            println!("{}", pick("done", "完成"));
        }
        None => {
            // The act goes on: the next round's texts take the place of the used ones.
            if let Some(next) = service.draft(order.act()).await? {
                keep(&service, &next).await?;
                if file.is_file() {
                    write_order(file, &next)?;
                } else {
                    let id = &next.request().id;
                    println!("{}", say!("next round: {id}", "下一轮：{id}"));
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// A file, or a request that waits in the store.
pub(super) async fn find_order(name: &Path, store: Option<&Path>) -> Result<OrderFile, Failure> {
    let Some(store) = store.filter(|_| !name.is_file()) else {
        return read_order(name);
    };
    let service = open(store).await?;
    let pool = service.store.pool();
    let mut conn = pool.acquire().await.map_err(Refusal::from)?;
    Ok(approvals::get(&mut conn, &name.to_string_lossy()).await?)
}

/// Exactly what is signed.
pub(super) fn show(order: &OrderFile) -> Result<(), Refusal> {
    let rule = door::rule(&order.request().operation)?;
    let hash = hex::encode_upper(order.request().hash(rule));
    print!("{}", order.request().text(rule));
    println!("SM3: {hash}");
    println!("{}{}", pick("signed by: ", "已签名："), order.signers());
    Ok(())
}

/// A request waits from now on.
async fn keep(service: &Service, order: &OrderFile) -> Result<(), Refusal> {
    let request = order.request();
    let at = |seconds: u64| {
        let moment = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(0));
        kms_platform::clock::stamp(moment.unwrap_or_default())
    };
    let mut tx = service.begin().await?;
    let who = request.requesters.join(",");
    let detail = serde_json::json!({ "operation": request.operation });
    let begun = service
        .before(&mut tx, &who, "approval.ask", &request.id, &detail)
        .await?;
    approvals::put(&mut tx, order, &at(request.created), &at(request.expires)).await?;
    service
        .after(&mut tx, begun, &kms_platform::audit::Outcome::Done)
        .await?;
    service.commit(tx).await
}

fn read_order(path: &Path) -> Result<OrderFile, Failure> {
    Ok(OrderFile::parse(&read_file(path)?)?)
}

pub(super) fn write_order(path: &Path, order: &OrderFile) -> Result<(), Failure> {
    write_file(path, order.to_json()?.as_bytes())?;
    let name = path.display();
    println!(
        "{}",
        say!(
            "{name}: two officers sign it (rhc-kms order sign), then rhc-kms order submit",
            "{name}：请两名管理员签名（rhc-kms order sign），然后 rhc-kms order submit"
        )
    );
    Ok(())
}

/// A file the user named.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::environment(format!("{}: {e}", path.display())))
}

/// A file the user named, whole or not at all.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    super::write_whole(path, bytes)
        .map_err(|e| Failure::environment(format!("{}: {e}", path.display())))
}

/// A grant without its package is not finished.
pub(super) fn package_of(product: Option<Product>) -> Result<Option<String>, Refusal> {
    match product {
        None => Ok(None),
        Some(Product {
            package: Some(text),
            ..
        }) => Ok(Some(text)),
        Some(Product { package: None, .. }) => Err(refuse!(
            &refusal::STALE,
            "no package was made",
            "未生成密钥包"
        )),
    }
}
