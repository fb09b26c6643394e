//! A house with one card: what foreign programs say about it. (That its tiers hold the keys that OpenSSL computes is seen
//! over every HSM in `machines.rs`.)

#[path = "house/rotation.rs"]
mod rotation;

use tests_e2e::oracle::{python, tests_folder};
use tests_stand::house::{self, House};
use tests_stand::kms::Tier;
use tests_stand::{Chip, Stack, Tool};

tests_e2e::over_both_drivers!(
    foreign_programs_accept_the_card_and_the_sams,
    a_judge_with_wrong_expectations_says_so,
);

/// The first resident of the examples.
const NUMBER: &str = "410101198512030022";
const NAME: &str = "阿依古丽·麦麦提吐尔逊阿卜杜拉";

fn with_first_card(stack: Stack) -> (House, Chip) {
    let mut house = House::ready_on(stack).expect("house");
    let chip = house.card(&house::card_factors()[0]);
    let reader = house.card_reader(0).clone();
    house.insert(&chip, &reader).expect("card");
    let applicants = tests_folder().join("../issuance/station/examples/applicants.csv");
    let issued = house
        .personalise(&applicants, 1, &reader)
        .and_then(Tool::ok)
        .expect("issue");
    assert_eq!(
        issued.json().expect("json")["cards"][0]["card_number"],
        NUMBER
    );
    (house, chip)
}

fn foreign_programs_accept_the_card_and_the_sams(stack: Stack) {
    let (house, _) = with_first_card(stack);
    let reader = house.card_reader(0);
    let judged = python("judges/card.py")
        .arg("--reader")
        .arg(&reader.name)
        .arg("--number")
        .arg(NUMBER);
    let judged = judged
        .arg("--name")
        .arg(NAME)
        .arg("--json")
        .env(house.daemon.environment())
        .run()
        .expect("judge");
    let told = judged.json().expect("json");
    assert_eq!(judged.code, 0, "{told}");
    assert!(
        told["passed"]
            .as_array()
            .is_some_and(|passed| passed.len() >= 25),
        "{told}"
    );

    for sam_type in [1, 4, 5] {
        let judged = python("judges/sam.py")
            .arg("--reader")
            .arg(&house.sam_reader(sam_type).name)
            .arg("--type");
        let judged = judged
            .arg(sam_type.to_string())
            .env(house.daemon.environment())
            .run()
            .expect("judge");
        assert_eq!(judged.code, 0, "type {sam_type}: {}", judged.text());
    }

    let free = Tool::foreign("opensc-tool")
        .arg("-r")
        .arg(&reader.name)
        .env(house.daemon.environment());
    let free = free
        .words("-s 00A4040C0C57532E5359532E4444463031 -s 00A4000C02EF05 -s 00B2080000")
        .ok()
        .expect("opensc");
    assert!(
        squeezed(&free.out).contains(&spaced(NUMBER)),
        "no card number in\n{}",
        free.out
    );

    // The judges put back what they changed: the card is as good as before.
    let verified = house.verify(reader, 1).expect("verify");
    assert_eq!(verified.json().expect("json")["verdict"], "genuine");
}

fn a_judge_with_wrong_expectations_says_so(stack: Stack) {
    let (house, _) = with_first_card(stack);
    let reader = &house.card_reader(0).name;
    for (number, name) in [("410101198512030023", NAME), (NUMBER, "李明")] {
        let judged = python("judges/card.py")
            .arg("--reader")
            .arg(reader)
            .arg("--number")
            .arg(number);
        let judged = judged
            .arg("--name")
            .arg(name)
            .env(house.daemon.environment())
            .run()
            .expect("judge");
        assert_eq!(judged.code, 3, "{}", judged.text());
    }
}

/// The hexadecimal half of opensc-tool's dump as one line.
fn squeezed(dump: &str) -> String {
    let hex = dump
        .lines()
        .filter(|line| line.len() > 48)
        .map(|line| &line[..48]);
    hex.flat_map(str::split_whitespace)
        .collect::<Vec<_>>()
        .join(" ")
}

fn spaced(text: &str) -> String {
    text.bytes()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_flipped_audit_row_is_found_at_every_service() {
    let mut house = House::ready().expect("house");
    house.tiers.clear();
    house.registry = None;
    for tier in Tier::ALL {
        let verify = || {
            house
                .kms(tier, "audit verify")
                .expect("tool")
                .run()
                .expect("verify")
        };
        assert_eq!(verify().code, 0, "{}", verify().text());
        let database = database_in(&house.kms_store(tier));
        flip_audit(&database);
        assert_eq!(verify().code, 3, "{tier:?}: {}", verify().text());
    }
    let registry = house.registry_database();
    let verify = || {
        let tool = house
            .tool("rhc-registry")
            .expect("tool")
            .words("audit verify --db");
        tool.arg(format!("sqlite:{}", registry.display()))
            .run()
            .expect("verify")
    };
    assert_eq!(verify().code, 0, "{}", verify().text());
    flip_audit(&registry);
    assert_eq!(verify().code, 3, "{}", verify().text());
}

fn database_in(store: &std::path::Path) -> std::path::PathBuf {
    let found = std::fs::read_dir(store)
        .expect("store")
        .flatten()
        .map(|entry| entry.path());
    let mut found: Vec<_> = found
        .filter(|path| {
            path.extension()
                .is_some_and(|ext| ext == "db" || ext == "sqlite")
        })
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// One character of one audited row, changed behind the service's back: guards of the table are dropped first.
fn flip_audit(database: &std::path::Path) {
    let script = tests_folder().join("judges/flip_audit.py");
    Tool::foreign("/usr/bin/python3")
        .arg(script)
        .arg(database)
        .ok()
        .expect("flip");
}
