//! The story itself, step by step; each step is one call of the stand and one line of the tale.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tests_stand::house::{self, House};
use tests_stand::kms::Tier;

use crate::conformance;
use crate::entries::{file, masked, millis, station_entry, text};
use crate::hospital::hospital;
use crate::result::{Entry, Report, TierKeys};
use crate::say::Teller;
use crate::words;

const APPLICANTS: &str = "issuance/station/examples/applicants.csv";

/// Tells everything; `Ok(false)` when something did not go as it should.
pub fn tell(teller: &mut Teller, out: &Path, suite: Option<&Path>) -> Result<bool> {
    let began = Instant::now();
    fs::create_dir_all(out).context("the folder for the result")?;
    teller.line(teller.pick(words::TITLE));
    let mut house = raise(teller)?;
    let keys = hand_down(teller, &mut house)?;
    services(teller, &mut house)?;
    let sams = sams(teller, &mut house)?;
    let issued = cards(teller, &mut house)?;
    let (verified, refused) = hospital(teller, &mut house, &issued)?;
    let report = Report {
        province: Tier::Province.area(),
        prefecture: Tier::Prefecture.area(),
        mark: "test",
        keys,
        sams,
        issued,
        verified,
        refused,
        total_ms: millis(began),
    };
    let path = out.join("result.json");
    fs::write(&path, serde_json::to_string_pretty(&report)? + "\n")?;
    let mut well = report.is_well();
    let verdict = teller.pick(if well {
        words::ALL_WELL
    } else {
        words::NOT_WELL
    });
    let seconds = crate::say::seconds(began.elapsed());
    teller.line(&format!(
        "{verdict} ({seconds}). {}: {}",
        teller.pick(words::RESULT),
        path.display()
    ));
    if let Some(package) = suite {
        well &= conformance::suite(teller, &mut house, package)?;
    }
    if std::env::var_os("KEEP").is_some_and(|wish| wish == "1") {
        keep(teller, house, &report)?;
    }
    Ok(well)
}

fn raise(teller: &mut Teller) -> Result<House> {
    teller.begin(words::DAEMON);
    let mut house = House::found()?;
    teller.end(words::DAEMON, &house.daemon.readers().len().to_string());
    teller.begin(words::HSMS);
    house.start_hsms()?;
    teller.end(words::HSMS, "TEST");
    teller.begin(words::TIERS);
    house.init_tiers()?;
    teller.end(words::TIERS, "0 · 41 · 4101");
    Ok(house)
}

/// The hand-down, and what each tier then holds.
fn hand_down(teller: &mut Teller, house: &mut House) -> Result<Vec<TierKeys>> {
    teller.begin(words::HAND_DOWN);
    house.hand_down()?;
    let (province, prefecture) = (
        card_keys(&house.keys(Tier::Province)?),
        card_keys(&house.keys(Tier::Prefecture)?),
    );
    if province != prefecture || prefecture.is_empty() {
        bail!("the prefecture's keys are not the province's");
    }
    let result = format!(
        "{} {}, {}",
        prefecture.len(),
        teller.pick(words::HELD),
        teller.pick(words::SAME)
    );
    teller.end(words::HAND_DOWN, &result);
    let count = |tier: Tier| -> Result<TierKeys> {
        Ok(TierKeys {
            tier: tier.word(),
            card_keys: card_keys(&house.keys(tier)?).len(),
        })
    };
    Tier::ALL.into_iter().map(count).collect()
}

/// Name, version and check value of the keys that go onto cards.
fn card_keys(catalogue: &Value) -> Vec<(String, String, String)> {
    let rows = catalogue["keys"]
        .as_array()
        .or_else(|| catalogue.as_array());
    let text = |row: &Value, field: &str| row[field].to_string();
    let mut found: Vec<_> = rows
        .into_iter()
        .flatten()
        .filter(|row| row["name"].as_str().is_some_and(is_card_key))
        .map(|row| {
            (
                text(row, "name"),
                text(row, "version"),
                text(row, "check_value"),
            )
        })
        .collect();
    found.sort();
    found
}

/// The 21 card keys are named after their application; service and transport keys are not.
fn is_card_key(name: &str) -> bool {
    ["_MF", "_DDF1", "_DF01", "_DF02", "_DF03"]
        .iter()
        .any(|application| name.ends_with(application))
}

fn services(teller: &mut Teller, house: &mut House) -> Result<()> {
    teller.begin(words::SERVICES);
    house.issue_identities()?;
    house.deliver()?;
    house.serve_tiers()?;
    house.start_registry()?;
    teller.end(words::SERVICES, "TLS");
    Ok(())
}

fn sams(teller: &mut Teller, house: &mut House) -> Result<Vec<Entry>> {
    teller.begin(words::SAMS);
    let mut made = Vec::new();
    for sam_type in [1, 4, 5] {
        let began = Instant::now();
        let told = house.make_sam(sam_type)?;
        made.push(Entry {
            card: format!("sam-{sam_type}"),
            act: "produce",
            number: text(&told, "chip_serial"),
            serial: text(&told, "serial"),
            verdict: text(&told, "verdict").unwrap_or_default(),
            reason: text(&told, "kind"),
            expected: "done",
            exit_code: 0,
            took_ms: millis(began),
            timings: told["timings"].clone(),
        });
    }
    teller.end(words::SAMS, &made.len().to_string());
    for entry in &made {
        let kind = entry.card.trim_start_matches("sam-");
        let serial = entry.serial.as_deref().unwrap_or("-");
        teller.detail(&format!(
            "{} {kind}  {} {serial}",
            teller.pick(words::TYPE),
            teller.pick(words::SERIAL)
        ));
    }
    Ok(made)
}

fn cards(teller: &mut Teller, house: &mut House) -> Result<Vec<Entry>> {
    teller.begin(words::CARDS);
    let applicants = file(APPLICANTS)?;
    let mut issued = Vec::new();
    for (at, factor) in house::card_factors()
        .iter()
        .take(words::RESIDENTS.len())
        .enumerate()
    {
        let reader = house.card_reader(at).clone();
        house.insert(&house.card(factor), &reader)?;
        let outcome = house.personalise(&applicants, at + 1, &reader)?.run()?;
        issued.push(station_entry(&(at + 1).to_string(), "issued", &outcome)?);
    }
    teller.end(words::CARDS, &issued.len().to_string());
    for (entry, about) in issued.iter().zip(words::RESIDENTS) {
        let number = entry
            .number
            .as_deref()
            .map_or_else(|| "-".to_owned(), masked);
        let serial = entry.serial.as_deref().unwrap_or("-");
        teller.detail(&format!(
            "{number}  {serial}  {}  {} ms: {}",
            entry.verdict,
            entry.took_ms,
            teller.pick(about)
        ));
    }
    Ok(issued)
}

/// Everything runs on; what to try with tools that are not ours.
fn keep(teller: &Teller, house: House, report: &Report) -> Result<()> {
    let (name, socket) = house.daemon.environment();
    let (card, sam) = (
        house.card_reader(0).name.clone(),
        house.sam_reader(5).name.clone(),
    );
    let number = report
        .issued
        .first()
        .and_then(|entry| entry.number.clone())
        .unwrap_or_default();
    let folder = house.folder().display().to_string();
    let pids: Vec<String> = house.keep().iter().map(u32::to_string).collect();
    let python = "/usr/bin/python3 tests/judges";
    teller.line(teller.pick(words::STILL));
    for line in [
        format!("export {name}={}", socket.to_string_lossy()),
        "opensc-tool --list-readers".to_owned(),
        format!(
            "opensc-tool -r '{card}' -s 00A404000C57532E5359532E4444463031 -s 00A4000C02EF05 -s 00B2080000"
        ),
        format!("{python}/sam.py --reader '{sam}' --type 5"),
        format!("{python}/card.py --reader '{card}' --number {number} --name NAME"),
        format!("target/debug/rhc-card info --reader '{card}'"),
        format!("ls {folder}"),
    ] {
        teller.line(&format!("  {line}"));
    }
    teller.line(&format!(
        "{}: kill {}",
        teller.pick(words::STOP),
        pids.join(" ")
    ));
    Ok(())
}
