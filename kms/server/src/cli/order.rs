//! Carrying an act through at once, or sending its orders from officer to officer.

use std::path::Path;

use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::say;

use super::args::{OrderCommand, Signing};
use super::{Ran, open, signers};
use crate::act::{Act, OrderFile, Product};
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
            Some(order) => write_order(path, &order).map(|()| None),
            None => Ok(Some(service.carry_out(&act, &[]).await?)),
        };
    }
    let officers = signers(signing)?;
    let product = service.carry_out(&act, &officers).await?;
    if !quiet {
        println!("{}", pick("done", "完成"));
    }
    Ok(Some(product))
}

pub(super) async fn run(command: OrderCommand) -> Ran {
    match command {
        OrderCommand::Show { file } => {
            let order = read_order(&file)?;
            println!("{}", order.act().name());
            for text in order.texts() {
                println!("{text}");
            }
            println!("{}{}", pick("signed by: ", "已签名："), order.signers());
            Ok(Exit::Done)
        }
        OrderCommand::Sign { file, officer } => {
            let mut order = read_order(&file)?;
            order.sign(&kms_hsm::officer::OfficerFile::load(&officer).map_err(Refusal::from)?)?;
            write_order(&file, &order)?;
            Ok(Exit::Done)
        }
        OrderCommand::Submit { file, store, out } => submit(&file, &store, out.as_deref()).await,
    }
}

async fn submit(file: &Path, store: &Path, out: Option<&Path>) -> Ran {
    let service = open(store).await?;
    let order = read_order(file)?;
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
                write_order(file, &next)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn read_order(path: &Path) -> Result<OrderFile, Failure> {
    Ok(OrderFile::parse(&read_file(path)?)?)
}

fn write_order(path: &Path, order: &OrderFile) -> Result<(), Failure> {
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
    let failed = |e: std::io::Error| Failure::environment(format!("{}: {e}", path.display()));
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    std::fs::write(&name, bytes).map_err(failed)?;
    std::fs::rename(&name, path).map_err(failed)
}

/// A grant without its package is not finished.
pub(super) fn package_of(product: Option<Product>) -> Result<Option<String>, Refusal> {
    match product {
        None => Ok(None),
        Some(Product {
            package: Some(text),
        }) => Ok(Some(text)),
        Some(Product { package: None }) => Err(refuse!(
            &refusal::STALE,
            "no package was made",
            "未生成密钥包"
        )),
    }
}
