//! What programs answered, as entries of the result.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::Value;
use tests_stand::Outcome;

use crate::result::Entry;

/// A file of the source tree.
pub fn file(name: &str) -> Result<PathBuf> {
    let path = PathBuf::from(name);
    if path.is_file() {
        return Ok(path);
    }
    bail!("{name} is not here: run the demo from the top of the source tree (make demo)")
}

/// What `rhc-station personalise --json` told of its one card.
pub fn station_entry(card: &str, expected: &'static str, outcome: &Outcome) -> Result<Entry> {
    let told = outcome.json()?;
    let one = &told["cards"][0];
    let failed = text(one, "verdict").as_deref() == Some("failed");
    Ok(Entry {
        card: card.to_owned(),
        act: "issue",
        number: text(one, "card_number"),
        serial: text(one, "serial"),
        verdict: text(one, if failed { "kind" } else { "verdict" })
            .or_else(|| text(&told, "verdict"))
            .unwrap_or_default(),
        reason: text(one, "message").or_else(|| text(&told, "message")),
        expected,
        exit_code: outcome.code,
        took_ms: u64::try_from(outcome.took.as_millis())?,
        timings: one["timings"].clone(),
    })
}

/// What `rhc-hospital verify --json` told.
pub fn hospital_entry(card: &str, expected: &'static str, outcome: &Outcome) -> Result<Entry> {
    let told = outcome.json()?;
    Ok(Entry {
        card: card.to_owned(),
        act: "verify",
        number: text(&told["card"], "number"),
        serial: text(&told["card"], "serial"),
        verdict: text(&told, "verdict").unwrap_or_default(),
        reason: text(&told, "reason"),
        expected,
        exit_code: outcome.code,
        took_ms: u64::try_from(outcome.took.as_millis())?,
        timings: told["timings"].clone(),
    })
}

pub fn text(document: &Value, field: &str) -> Option<String> {
    document[field].as_str().map(str::to_owned)
}

/// First six and last two characters of a card number.
pub fn masked(number: &str) -> String {
    match (
        number.get(..6),
        number.get(number.len().saturating_sub(2)..),
    ) {
        (Some(head), Some(tail)) => format!("{head}…{tail}"),
        _ => "…".to_owned(),
    }
}

pub fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
