//! The hospital's check of the cards, and four refusals.

use anyhow::{Context, Result};
use tests_stand::Tool;
use tests_stand::house::{self, House};

use crate::entries::{file, hospital_entry, station_entry};
use crate::result::Entry;
use crate::say::Teller;
use crate::words;

/// Readers of the house: three residents' cards, the forged one, the unlisted one.
const FORGED_READER: usize = 3;
const UNLISTED_READER: usize = 4;
/// A fourth person, for the blank that nobody listed.
const FOURTH: &str = "tests/demo/fourth.csv";

pub fn hospital(
    teller: &mut Teller,
    house: &mut House,
    issued: &[Entry],
) -> Result<(Vec<Entry>, Vec<Entry>)> {
    teller.begin(words::HOSPITAL);
    let mut verified = Vec::new();
    for at in 0..issued.len() {
        let outcome = house.verify(house.card_reader(at), 1)?;
        verified.push(hospital_entry(&(at + 1).to_string(), "genuine", &outcome)?);
    }
    let refused = vec![
        forged(house)?,
        lost(house, issued)?,
        without_key(house)?,
        unlisted(house)?,
    ];
    teller.end(
        words::HOSPITAL,
        &format!("{} + {}", verified.len(), refused.len()),
    );
    for entry in &verified {
        let reason = entry.reason.as_deref().unwrap_or_default();
        teller.detail(&format!(
            "{}: {} ({} ms) {reason}",
            entry.card, entry.verdict, entry.took_ms
        ));
    }
    for (entry, about) in
        refused
            .iter()
            .zip([words::FORGED, words::LOST, words::NO_KEY, words::UNLISTED])
    {
        let how = teller.pick(if entry.is_expected() {
            words::GOOD
        } else {
            words::BAD
        });
        teller.detail(&format!(
            "{} → {} ({}), {how}",
            teller.pick(about),
            entry.verdict,
            entry.exit_code
        ));
        teller.detail(&format!(
            "  {}",
            entry.reason.as_deref().unwrap_or_default()
        ));
    }
    Ok((verified, refused))
}

/// A card with the first resident's data and random keys.
fn forged(house: &mut House) -> Result<Entry> {
    let factors = house::card_factors();
    let mut chip = house.card(&factors[0]);
    let original = chip.state.clone();
    chip.state = original.with_file_name("forged.state");
    Tool::new("rhc-card")?
        .words("forge --from")
        .arg(&original)
        .arg("--out")
        .arg(&chip.state)
        .ok()?;
    let reader = house.card_reader(FORGED_READER).clone();
    house.insert(&chip, &reader)?;
    hospital_entry("forged", "forged", &house.verify(&reader, 1)?)
}

/// The second resident reports the card lost.
fn lost(house: &House, issued: &[Entry]) -> Result<Entry> {
    let number = issued
        .get(1)
        .and_then(|entry| entry.number.clone())
        .context("no second card")?;
    let tool = house
        .tool("rhc-registry")?
        .words("card")
        .arg(number)
        .words("--set lost --reason reported-by-telephone");
    tool.arg("--url")
        .arg(house.registry_url()?)
        .arg("--identity")
        .arg(house.identity("clerk-41"))
        .ok()?;
    hospital_entry("lost", "lost", &house.verify(house.card_reader(1), 1)?)
}

/// A SAM of type 4 unlocks; it has no key to read with.
fn without_key(house: &House) -> Result<Entry> {
    hospital_entry(
        "sam-4",
        "not-permitted-with-this-sam",
        &house.verify(house.card_reader(2), 4)?,
    )
}

/// A blank whose factor its maker never listed.
fn unlisted(house: &mut House) -> Result<Entry> {
    let reader = house.card_reader(UNLISTED_READER).clone();
    house.insert(&house.card(house::UNLISTED), &reader)?;
    let outcome = house.personalise(&file(FOURTH)?, 1, &reader)?.run()?;
    station_entry("not-listed", "factor-not-on-list", &outcome)
}
