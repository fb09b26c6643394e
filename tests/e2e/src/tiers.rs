//! What three tiers hold, against what OpenSSL computes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests_stand::House;
use tests_stand::kms::Tier;

use crate::oracle::{Keys, Made};

/// Every card key of every tier has the check value that OpenSSL computes, nothing is missing and nothing is there twice.
pub fn compare(house: &House) -> Result<()> {
    let computed = Keys::compute(&Made {
        machine: house.machine,
        ..Made::default()
    })?;
    let ministry = held(house, Tier::Ministry)?;
    let province = held(house, Tier::Province)?;
    let prefecture = held(house, Tier::Prefecture)?;
    let rows = computed.check_values()?;
    ensure!(rows.len() == 57, "{} rows", rows.len());
    for row in rows {
        let name = row["name"].as_str().context("name")?.to_owned();
        let key = (name, row["version"].as_u64().context("version")?);
        let wanted = row["province"].as_str();
        for (tier, held) in [("province", &province), ("prefecture", &prefecture)] {
            let found = held.get(&key).map(String::as_str);
            ensure!(found == wanted, "{tier} {key:?}: {found:?}, not {wanted:?}");
        }
        let (found, wanted) = (ministry.get(&key), row["ministry"].as_str());
        ensure!(
            found.map(String::as_str) == wanted,
            "ministry {key:?}: {found:?}, not {wanted:?}"
        );
    }
    Ok(())
}

/// (name, version) to the check value of what a tier holds.
fn held(house: &House, tier: Tier) -> Result<BTreeMap<(String, u64), String>> {
    let catalogue = house.keys(tier)?;
    let rows = catalogue["keys"]
        .as_array()
        .or_else(|| catalogue.as_array());
    let mut held = BTreeMap::new();
    for row in rows.context("no rows")? {
        let text = |field: &str| row[field].as_str().map(str::to_owned);
        let (Some(name), Some(version), Some(value)) =
            (text("name"), row["version"].as_u64(), text("check_value"))
        else {
            continue;
        };
        let before = held.insert((name, version), value.to_ascii_uppercase());
        ensure!(before.is_none(), "{tier:?} has a key twice: {row}");
    }
    Ok(held)
}

/// The check values of one card's keys, upper case, by name and version, as OpenSSL computes them.
pub fn of_card(keys: &Keys, factor: &str) -> Result<BTreeMap<(String, u64), String>> {
    let one = |row: &Value| -> Option<((String, u64), String)> {
        let name = row["name"].as_str()?.to_owned();
        let value = row["cards"][factor].as_str()?.to_owned();
        Some(((name, row["version"].as_u64()?), value))
    };
    Ok(keys.check_values()?.iter().filter_map(one).collect())
}
