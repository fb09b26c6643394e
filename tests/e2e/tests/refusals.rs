//! What the house refuses, each by its name, with the real programs: approval by the requester, packages that are not
//! this receiver's or were touched, spent tickets, a factor bound to somebody else, a script that runs twice.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tests_e2e::oracle::tests_folder;
use tests_stand::house::{self, House};
use tests_stand::kms::{self, Tier};
use tests_stand::{Exchange, Fault, Inserted, Outcome, Stack, Tool, Wire};

tests_e2e::over_both_drivers!(
    a_factor_belongs_to_one_person_even_from_a_fresh_journal,
    a_recorded_script_does_not_run_again,
);

fn applicants() -> PathBuf {
    tests_folder().join("../issuance/station/examples/applicants.csv")
}

/// Three tiers that know each other; nothing handed down yet.
fn enrolled() -> House {
    let mut house = House::found().expect("house");
    house.start_hsms().expect("HSMs");
    house.init_tiers().expect("tiers");
    for (upper, lower) in [
        (Tier::Ministry, Tier::Province),
        (Tier::Province, Tier::Prefecture),
    ] {
        house.enrol(upper, lower).expect("enrol");
        house.enrol(lower, upper).expect("enrol");
    }
    house
}

fn refused(outcome: &Outcome, name: &str) {
    assert_eq!(outcome.code, 3, "{}", outcome.text());
    assert!(
        outcome.text().contains(name),
        "{name} is not in: {}",
        outcome.text()
    );
}

#[test]
fn who_asks_for_keys_does_not_grant_them() {
    let house = enrolled();
    let request = house.folder().join("request.json");
    house
        .kms(Tier::Province, "request --by wang")
        .expect("tool")
        .arg("--out")
        .arg(&request)
        .ok()
        .expect("request");
    // One of the two officers who would have to approve opens the grant himself.
    let [officer, other] = Tier::Ministry.officers();
    let opened = Tool::new("rhc-kms")
        .expect("tool")
        .words("grant --json --by")
        .arg(officer);
    let opened = opened
        .arg("--store")
        .arg(house.kms_store(Tier::Ministry))
        .arg("--request")
        .arg(&request);
    let opened = opened.ok().expect("grant").json().expect("JSON");
    let id = ["grant", "id", "grant_id"]
        .iter()
        .find_map(|field| opened[*field].as_str())
        .expect("id")
        .to_owned();
    let out = house.folder().join("package.json");
    let approve = |tool: Tool| {
        tool.arg("--approve")
            .arg(&id)
            .arg("--out")
            .arg(&out)
            .run()
            .expect("grant")
    };
    refused(
        &approve(house.kms_order(Tier::Ministry, "grant").expect("tool")),
        "requester",
    );
    assert!(!out.exists());
    // One officer is not two, and the same one twice is one.
    let key = house.hsm(Tier::Ministry).officer_key(other);
    for times in [1, 2] {
        let mut tool = house.kms(Tier::Ministry, "grant").expect("tool");
        for _ in 0..times {
            tool = tool.arg("--as").arg(&key);
        }
        assert_ne!(
            approve(tool).code,
            0,
            "{times} signatures of one officer granted keys"
        );
        assert!(!out.exists());
    }
}

#[test]
fn a_package_opens_at_its_receiver_untouched_and_once() {
    let house = enrolled();
    let package = house
        .package(Tier::Ministry, Tier::Province)
        .expect("package");
    let import = |tier: Tier, path: &Path| {
        house
            .kms_order(tier, "import")
            .expect("tool")
            .arg(path)
            .run()
            .expect("import")
    };

    let elsewhere = import(Tier::Prefecture, &package);
    assert_eq!(
        elsewhere.code,
        3,
        "another HSM took the package: {}",
        elsewhere.text()
    );

    let bytes = std::fs::read(&package).expect("package");
    let touched = house.folder().join("touched.json");
    // A hexadecimal digit in the first, second and third quarter of the file.
    for quarter in 1..4 {
        let mut changed = bytes.clone();
        let from = changed.len() * quarter / 4;
        let at = (from..changed.len())
            .find(|at| changed[*at].is_ascii_hexdigit())
            .expect("a digit");
        changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
        std::fs::write(&touched, &changed).expect("write");
        let outcome = import(Tier::Province, &touched);
        assert_eq!(
            outcome.code,
            3,
            "byte {at} changed and taken: {}",
            outcome.text()
        );
    }
    let first = house.folder().join("first.json");
    std::fs::write(&first, &bytes).expect("write");
    assert_eq!(import(Tier::Province, &first).code, 0);
    // Until a later one is in, the same again would only bring its receipt once more.
    let later = house
        .package(Tier::Ministry, Tier::Province)
        .expect("package");
    let taken = import(Tier::Province, &later);
    assert_eq!(taken.code, 0, "the next was refused: {}", taken.text());
    let again = import(Tier::Province, &first);
    assert_eq!(again.code, 3, "taken twice: {}", again.text());
}

fn kind(outcome: &Outcome) -> String {
    let told: Value = outcome.json().expect("JSON");
    let card = &told["cards"][0];
    card["kind"]
        .as_str()
        .or(card["verdict"].as_str())
        .or(told["verdict"].as_str())
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_spent_ticket_makes_no_card() {
    let mut house = House::ready().expect("house");
    house
        .ticket(Tier::Prefecture, "single", "card", 1)
        .expect("ticket");
    let factors = house::card_factors();
    for (at, wanted) in ["issued", "ticket-empty"].into_iter().enumerate() {
        let reader = house.card_reader(at).clone();
        house
            .insert(&house.card(&factors[at]), &reader)
            .expect("card");
        let mut arguments = house
            .personalise(&applicants(), at + 1, &reader)
            .expect("tool");
        arguments = arguments.replace(kms::CARD_TICKET, "single");
        let outcome = arguments.run().expect("station");
        assert_eq!(kind(&outcome), wanted, "{}", outcome.text());
    }
}

fn a_factor_belongs_to_one_person_even_from_a_fresh_journal(stack: Stack) {
    let mut house = House::ready_on(stack).expect("house");
    let factors = house::card_factors();
    let reader = house.card_reader(0).clone();
    let chip = house.card(&factors[0]);
    let wire = Wire::to(&reader).expect("wire");
    wire.arm(Fault::Pull, 60);
    let inserted = Inserted::put_by(&chip, &house.daemon, &reader, &wire.place()).expect("card");
    assert_eq!(
        kind(
            &house
                .personalise(&applicants(), 1, &reader)
                .and_then(Tool::run)
                .expect("station")
        ),
        "card-lost"
    );
    drop(inserted);
    house.daemon.wait_card(&reader, false).expect("pulled");
    house.insert(&chip, &reader).expect("card");
    // Another station, another person, the same card: neither registry nor key service goes along.
    let fresh = house.folder().join("other-journal");
    let tool = house.personalise(&applicants(), 2, &reader).expect("tool");
    let outcome = tool
        .replace(
            &house.folder().join("journal").display().to_string(),
            &fresh.display().to_string(),
        )
        .run();
    let outcome = outcome.expect("station");
    assert_ne!(outcome.code, 0, "{}", outcome.text());
    let refused = kind(&outcome);
    assert!(
        [
            "factor-taken",
            "factor-bound-to-another-person",
            "half-made-elsewhere"
        ]
        .contains(&refused.as_str()),
        "{refused}: {}",
        outcome.text()
    );
}

fn a_recorded_script_does_not_run_again(stack: Stack) {
    let house = House::ready_on(stack).expect("house");
    let reader = house.card_reader(0).clone();
    let chip = house.card(&house::card_factors()[0]);
    let wire = Wire::to(&reader).expect("wire");
    wire.record();
    wire.arm(Fault::Pull, 60);
    let inserted = Inserted::put_by(&chip, &house.daemon, &reader, &wire.place()).expect("card");
    assert_eq!(
        kind(
            &house
                .personalise(&applicants(), 1, &reader)
                .and_then(Tool::run)
                .expect("station")
        ),
        "card-lost"
    );
    let recorded = wire.take();
    drop(inserted);
    house.daemon.wait_card(&reader, false).expect("pulled");

    let opened: Vec<&Exchange> = recorded
        .iter()
        .filter(|each| {
            each.command.len() > 1
                && (each.command[..2] == [0x80, 0x50] || each.command[..2] == [0x84, 0x82])
        })
        .collect();
    let pairs: Vec<_> = opened
        .windows(2)
        .filter(|pair| pair[0].command[1] == 0x50 && pair[1].command[1] == 0x82)
        .collect();
    assert!(
        pairs.len() >= 2,
        "transport session and master session were recorded"
    );
    let _inserted = Inserted::put(&chip, &house.daemon, &reader).expect("card");
    for pair in pairs {
        let mut tool = Tool::foreign("opensc-tool")
            .arg("-r")
            .arg(&reader.name)
            .env(house.daemon.environment());
        for exchange in pair {
            tool = tool.arg("-s").arg(hex::encode_upper(&exchange.command));
        }
        let answered = tool.ok().expect("opensc-tool").out;
        let last = answered
            .rfind("SW1=")
            .map(|at| answered[at..].to_owned())
            .unwrap_or_default();
        assert!(
            !last.starts_with("SW1=0x90"),
            "the script ran twice: {answered}"
        );
    }
}
