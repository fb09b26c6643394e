//! Persons: enrolled, struck out, unlocked, listed.

use std::path::Path;

use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::say;
use serde_json::json;

use super::args::OfficerCommand;
use super::{Ran, open, order};
use crate::act::Act;
use crate::records::people;
use crate::refusal::Refusal;

pub(super) async fn run(command: OfficerCommand) -> Ran {
    let (store, act, signing) = match command {
        OfficerCommand::Add {
            store,
            name,
            key,
            role,
            by,
            signing,
        } => {
            let officer = kms_hsm::officer::load_public(&key).map_err(Refusal::from)?;
            if officer.name != name {
                return Err(Failure::usage(say!(
                    "the key file names {other}, not {name}",
                    "密钥文件中的姓名为 {other}，而非 {name}",
                    other = officer.name
                )));
            }
            let requester = by;
            let act = Act::AddOfficer {
                officer,
                requester,
                role,
            };
            (store, act, signing)
        }
        OfficerCommand::Remove {
            name,
            store,
            by: requester,
            signing,
        } => (store, Act::RemoveOfficer { name, requester }, signing),
        OfficerCommand::Unlock {
            name,
            store,
            by: requester,
            signing,
        } => (store, Act::UnlockOfficer { name, requester }, signing),
        OfficerCommand::List { store, json } => return list(&store, json).await,
    };
    let service = open(&store).await?;
    order::carry(&service, act, &signing, false).await?;
    Ok(Exit::Done)
}

async fn list(store: &Path, json: bool) -> Ran {
    let service = open(store).await?;
    let pool = service.store.pool();
    let mut conn = pool.acquire().await.map_err(Refusal::from)?;
    let people = people::persons(&mut conn).await?;
    let roles = |person: &kms_core::policy::Person| {
        let words: Vec<&str> = person.roles.iter().map(|role| role.as_str()).collect();
        words.join(", ")
    };
    let value: Vec<_> = people
        .iter()
        .map(|person| {
            json!({ "name": person.name, "roles": person.roles, "locked": person.locked,
                    "public_key": hex::encode_upper(person.public_key) })
        })
        .collect();
    let table = || {
        let heads = [("name", "姓名"), ("roles", "角色"), ("locked out", "锁定")];
        let mut table = Table::new(heads.map(|(en, zh)| pick(en, zh)));
        for person in &people {
            let locked = if person.locked {
                pick("yes", "是")
            } else {
                pick("no", "否")
            };
            table.row([person.name.as_str(), &roles(person), locked]);
        }
        table
    };
    output::print(json, &value, table).map_err(Refusal::from)?;
    Ok(Exit::Done)
}
