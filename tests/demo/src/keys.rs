//! `make demo-keys`: the keys' own story. A rehearsed root ceremony with three of five custodians, a key destroyed and
//! given back, transcripts that a foreign judge checks, keys handed down, an order refused, approved and used up.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tests_stand::ceremony::{CUSTODIANS, out_of};
use tests_stand::house::{self, House};
use tests_stand::kms::{CARD_TICKET, Tier};
use tests_stand::{Outcome, Tool};

use crate::entries::{file, millis};
use crate::say::{Teller, Text, seconds};
use crate::words;

/// The key that is destroyed and given back.
const LOST: &str = "RK1_DDF1/3";
/// Whose shares give it back.
const THREE: [&str; 3] = ["chu", "jiang", "shen"];
const APPLICANTS: &str = "issuance/station/examples/applicants.csv";
const ORDER: &str = "single";
/// Steps that are told.
pub const STEPS: usize = 10;

/// What came of a step, for `result.json`.
struct Told {
    steps: Vec<Value>,
    well: bool,
}

impl Told {
    fn note(&mut self, what: &str, well: bool, detail: Value) {
        self.well &= well;
        self.steps
            .push(json!({ "step": what, "as_expected": well, "detail": detail }));
    }
}

/// Tells everything; `Ok(false)` when something did not go as it should.
pub fn tell(teller: &mut Teller, out: &Path) -> Result<bool> {
    let began = Instant::now();
    fs::create_dir_all(out).context("the folder for the result")?;
    let mut told = Told {
        steps: Vec::new(),
        well: true,
    };
    teller.line(teller.pick(words::KEYS_TITLE));
    let mut house = raise(teller)?;
    let root = root_ceremony(teller, &house, &mut told)?;
    let after = lost_and_restored(teller, &house, &root, &mut told)?;
    judged(
        teller,
        &house,
        &[&[root][..], &after[..]].concat(),
        &mut told,
    )?;
    below(teller, &mut house, &mut told)?;
    order(teller, &mut house, &mut told)?;
    suspended(teller, &mut house, &mut told)?;
    let path = out.join("result.json");
    let result = json!({ "mark": "test", "steps": told.steps, "total_ms": millis(began) });
    fs::write(&path, serde_json::to_string_pretty(&result)? + "\n")?;
    let verdict = teller.pick(if told.well {
        words::ALL_WELL
    } else {
        words::NOT_WELL
    });
    let took = seconds(began.elapsed());
    let name = teller.pick(words::RESULT);
    teller.line(&format!("{verdict} ({took}). {name}: {}", path.display()));
    Ok(told.well)
}

fn raise(teller: &mut Teller) -> Result<House> {
    teller.begin(words::HSMS);
    let mut house = House::found()?;
    house.start_hsms()?;
    teller.end(words::HSMS, "TEST");
    teller.begin(words::TIERS);
    for tier in Tier::ALL {
        house.found_tool(tier)?.ok()?;
    }
    teller.end(words::TIERS, "0 · 41 · 4101");
    Ok(house)
}

/// The ministry's roots, backed up with five custodians; the ceremony's file.
fn root_ceremony(teller: &mut Teller, house: &House, told: &mut Told) -> Result<PathBuf> {
    teller.begin(words::ROOT);
    let mut words_given = String::from(
        "--source test-formula --test-maker 5454:RHC-SIM --memory-kib 8192 --threshold 3",
    );
    for custodian in CUSTODIANS {
        words_given.push_str(" --custodian ");
        words_given.push_str(custodian);
    }
    let file = house.draft(Tier::Ministry, "root-keys", &words_given)?;
    let early = house.hold_tool(Tier::Ministry, &file, &[], &[])?.run()?;
    house.review(Tier::Ministry, &file)?;
    let mut entries = Vec::new();
    for custodian in CUSTODIANS {
        entries.push(house.enter(Tier::Ministry, &file, custodian, None)?);
    }
    let done = house.hold(Tier::Ministry, &file, &entries, &[])?;
    let keys = house.keys(Tier::Ministry)?;
    let count = keys["keys"].as_array().map_or(0, Vec::len);
    teller.end(
        words::ROOT,
        &format!("{count} {}", teller.pick(words::HELD)),
    );
    refused(
        teller,
        words::UNREVIEWED,
        &early,
        "two-officers-needed",
        told,
    );
    let aloud = done["words"].as_str().unwrap_or_default();
    teller.detail(&format!("{}: {aloud}", teller.pick(words::ALOUD)));
    told.note("root-ceremony", count > 0, done);
    Ok(file)
}

/// A key is destroyed; two custodians cannot give it back, three can.
fn lost_and_restored(
    teller: &mut Teller,
    house: &House,
    root: &Path,
    told: &mut Told,
) -> Result<Vec<PathBuf>> {
    teller.begin(words::RESTORED);
    let before = check_value(house)?;
    let words_given = format!("--destroy {LOST} --reason drill");
    let destroy = house.draft(Tier::Ministry, "destroy", &words_given)?;
    house.review(Tier::Ministry, &destroy)?;
    house.hold(Tier::Ministry, &destroy, &[], &[])?;
    let folder = out_of(root);
    let backup = backup_in(&folder)?;
    let opened: String = THREE.map(|name| format!(" --opened-by {name}")).concat();
    let words_given = format!("--restore {}{opened}", backup.display());
    let restore = house.draft(Tier::Ministry, "restore", &words_given)?;
    house.review(Tier::Ministry, &restore)?;
    let mut entries = Vec::new();
    for custodian in THREE {
        let share = folder.join(format!("{custodian}.share"));
        entries.push(house.enter(Tier::Ministry, &restore, custodian, Some(&share))?);
    }
    let files = [backup];
    let few = house
        .hold_tool(Tier::Ministry, &restore, &entries[..2], &files)?
        .run()?;
    house.hold(Tier::Ministry, &restore, &entries, &files)?;
    let after = check_value(house)?;
    let well = before.is_some() && before == after;
    teller.end(
        words::RESTORED,
        &format!("{LOST} {}", after.as_deref().unwrap_or("-")),
    );
    refused(
        teller,
        words::TWO_OF_FIVE,
        &few,
        "custodian-entry-refused",
        told,
    );
    told.note(
        "destroyed-and-restored",
        well,
        json!({ "key": LOST, "check_value": after }),
    );
    Ok(vec![destroy, restore])
}

fn check_value(house: &House) -> Result<Option<String>> {
    let keys = house.keys(Tier::Ministry)?;
    let rows = keys["keys"].as_array().into_iter().flatten();
    let row = rows.into_iter().find(|row| row["id"] == LOST);
    Ok(row.and_then(|row| row["check_value"].as_str().map(str::to_owned)))
}

fn backup_in(folder: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("backup-") {
            return Ok(path);
        }
    }
    bail!("no back-up in {}", folder.display())
}

/// `rhc-kms ceremony verify` and the Python judge agree on the chain, and on a changed one.
fn judged(
    teller: &mut Teller,
    house: &House,
    ceremonies: &[PathBuf],
    told: &mut Told,
) -> Result<()> {
    teller.begin(words::JUDGED);
    let mut transcripts = Vec::new();
    for (number, ceremony) in (1..).zip(ceremonies) {
        transcripts.push(out_of(ceremony).join(format!("ceremony-{number}.transcript.json")));
    }
    let ours = verify(&transcripts)?;
    let judge = foreign(&transcripts)?;
    let changed = house.folder().join("changed.transcript.json");
    let text = fs::read_to_string(&transcripts[0])?;
    fs::write(&changed, text.replacen("wang", "wong", 1))?;
    let changed = [changed];
    let altered = (verify(&changed)?, foreign(&changed)?);
    let well = ours.code == 0 && judge.code == 0 && altered.0.code == 3 && altered.1.code == 3;
    teller.end(
        words::JUDGED,
        &format!(
            "{} · rhc-kms {} · OpenSSL {}",
            transcripts.len(),
            ours.code,
            judge.code
        ),
    );
    for line in judge.out.lines() {
        let from = line.find("ceremony-").unwrap_or_default();
        teller.detail(&line[from..]);
    }
    teller.detail(&expectation(teller, words::CHANGED, &altered.1, well));
    told.note("judged", well, json!({ "rhc-kms": ours.code, "judge": judge.code, "changed": [altered.0.code, altered.1.code] }));
    Ok(())
}

fn verify(transcripts: &[PathBuf]) -> Result<Outcome> {
    let mut tool = Tool::new("rhc-kms")?.words("ceremony verify");
    for path in transcripts {
        tool = tool.arg(path);
    }
    tool.run()
}

fn foreign(transcripts: &[PathBuf]) -> Result<Outcome> {
    let judge = file("tests/judges/ceremony.py")?;
    let mut tool = Tool::foreign("/usr/bin/python3").arg(judge);
    for path in transcripts {
        tool = tool.arg(path);
    }
    tool.run()
}

/// Province and prefecture rehearse their own; then keys come down to them.
fn below(teller: &mut Teller, house: &mut House, told: &mut Told) -> Result<()> {
    teller.begin(words::BELOW);
    for tier in [Tier::Province, Tier::Prefecture] {
        house.rehearse(tier)?;
    }
    teller.end(words::BELOW, "41 · 4101");
    teller.begin(words::HAND_DOWN);
    house.hand_down()?;
    let count = |tier| -> Result<usize> {
        let keys = house.keys(tier)?;
        Ok(keys["keys"].as_array().map_or(0, Vec::len))
    };
    let counts = [count(Tier::Province)?, count(Tier::Prefecture)?];
    teller.end(words::HAND_DOWN, &format!("{} · {}", counts[0], counts[1]));
    told.note(
        "hand-down",
        counts.iter().all(|count| *count > 57),
        json!(counts),
    );
    Ok(())
}

/// An order of one card: refused without a second officer and to its own requester, approved, used up.
fn order(teller: &mut Teller, house: &mut House, told: &mut Told) -> Result<()> {
    teller.begin(words::SERVICES);
    house.issue_identities()?;
    house.deliver()?;
    house.serve_tiers()?;
    house.start_registry()?;
    for sam_type in [1, 5] {
        house.make_sam(sam_type)?;
    }
    teller.end(words::SERVICES, "TLS");
    teller.begin(words::ORDER);
    let request = house.kms(
        Tier::Prefecture,
        "ticket request --by wang --kind card --quantity 1",
    )?;
    request.arg("--id").arg(ORDER).ok()?;
    let [first, _] = Tier::Prefecture.officers();
    let key = house.hsm(Tier::Prefecture).officer_key(first);
    let alone = house
        .kms(Tier::Prefecture, "ticket approve")?
        .arg(ORDER)
        .arg("--as")
        .arg(key);
    let alone = alone.run()?;
    house
        .kms_order(Tier::Prefecture, "ticket approve")?
        .arg(ORDER)
        .ok()?;
    let applicants = file(APPLICANTS)?;
    let mut issued = Vec::new();
    for at in 0..2 {
        let reader = house.card_reader(at).clone();
        house.insert(&house.card(&house::card_factors()[at]), &reader)?;
        let tool = house.personalise(&applicants, at + 1, &reader)?;
        issued.push(tool.replace(CARD_TICKET, ORDER).run()?);
    }
    let made = issued[0].code == 0;
    teller.end(words::ORDER, if made { "1" } else { "0" });
    refused(teller, words::ALONE, &alone, "two-officers-needed", told);
    refused(teller, words::USED_UP, &issued[1], "ticket-empty", told);
    told.note(
        "order",
        made,
        json!({ "ticket": ORDER, "cards": i32::from(made) }),
    );
    Ok(())
}

/// The province suspends the prefecture: its stations stop with the next lease, and go on after another.
fn suspended(teller: &mut Teller, house: &mut House, told: &mut Told) -> Result<()> {
    teller.begin(words::SUSPENDED);
    let applicants = file(APPLICANTS)?;
    let reader = house.card_reader(2).clone();
    house.insert(&house.card(&house::card_factors()[2]), &reader)?;
    lease(house, "--suspend")?;
    let stopped = house.personalise(&applicants, 3, &reader)?.run()?;
    lease(house, "--resume")?;
    let resumed = house.personalise(&applicants, 3, &reader)?.run()?;
    let well = resumed.code == 0;
    teller.end(words::SUSPENDED, if well { "1" } else { "0" });
    refused(teller, words::STATION, &stopped, "tier-suspended", told);
    told.note("resumed", well, json!({ "exit_code": resumed.code }));
    Ok(())
}

/// Two officers of the province change the prefecture's terms; the lease that says so is carried down.
fn lease(house: &House, wish: &str) -> Result<()> {
    let lower = Tier::Prefecture.peer();
    let terms = house.kms_order(Tier::Province, "terms set --by wang --lease 900")?;
    terms.arg("--peer").arg(&lower).arg(wish).ok()?;
    let path = house.folder().join(format!("lease{wish}.json"));
    let issued = house
        .kms(Tier::Province, "lease issue")?
        .arg("--peer")
        .arg(lower);
    issued.arg("--out").arg(&path).ok()?;
    house
        .kms(Tier::Prefecture, "lease take")?
        .arg(path)
        .ok()
        .map(drop)
}

/// A refusal that must come, by its name.
fn refused(teller: &Teller, what: Text, outcome: &Outcome, slug: &str, told: &mut Told) {
    let well = outcome.code == 3 && outcome.text().contains(slug);
    teller.detail(&expectation(teller, what, outcome, well));
    told.note(slug, well, json!({ "exit_code": outcome.code }));
}

fn expectation(teller: &Teller, what: Text, outcome: &Outcome, well: bool) -> String {
    let how = teller.pick(if well { words::GOOD } else { words::BAD });
    let refusal = teller.pick(words::REFUSED);
    format!(
        "{} → {refusal} ({}), {how}",
        teller.pick(what),
        outcome.code
    )
}
