//! What goes wrong at a reader or a service: each fault has its own word and message, nothing is lost, and the next try
//! finishes the work.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tests_e2e::oracle::tests_folder;
use tests_stand::foreign::{self, Foreign};
use tests_stand::house::{self, House};
use tests_stand::kms::Tier;
use tests_stand::{Fault, Inserted, Outcome, Place, Reader, Stack, Tool, Wire};

tests_e2e::over_both_drivers!(
    wrong_cards_have_a_word_each,
    a_pulled_card_is_half_made_and_finished_by_the_next_try,
    a_half_made_card_can_be_voided_and_its_person_gets_another,
    a_silent_card_is_given_up_in_time,
);

fn applicants() -> PathBuf {
    tests_folder().join("../issuance/station/examples/applicants.csv")
}

/// The station's try at a row: the kind of failure (or the verdict), the exit code, and what it said.
fn issue(house: &House, row: usize, reader: &Reader) -> (String, i32, Outcome) {
    issue_within(house, row, reader, PATIENT)
}

/// Limits that only a card that never comes and one that never answers reach, however busy the machine.
const PATIENT: &str = "--wait 30 --silence 30";

fn issue_within(
    house: &House,
    row: usize,
    reader: &Reader,
    limits: &str,
) -> (String, i32, Outcome) {
    let tool = house
        .personalise(&applicants(), row, reader)
        .expect("tool")
        .words(limits);
    let outcome = tool.run().expect("station");
    let told = outcome.json().expect("JSON");
    let card = &told["cards"][0];
    let word = card["kind"]
        .as_str()
        .or(card["verdict"].as_str())
        .or(told["verdict"].as_str());
    (word.unwrap_or_default().to_owned(), outcome.code, outcome)
}

/// The hospital's word on a card: verdict, or trouble where there is none.
fn look(house: &House, reader: &Reader) -> (String, i32) {
    let outcome = house.verify(reader, 1).expect("hospital");
    let told = outcome.json().expect("JSON");
    let word = told["trouble"]
        .as_str()
        .or(told["verdict"].as_str())
        .unwrap_or_default();
    (word.to_owned(), outcome.code)
}

/// A failure's message in both languages; each must say something, and not the same.
fn message(outcome: &Outcome) -> String {
    let told: Value = outcome.json().expect("JSON");
    let card = &told["cards"][0];
    let text = card["message"]
        .as_str()
        .or(told["message"].as_str())
        .unwrap_or_default()
        .to_owned();
    assert!(text.len() > 10, "no message in {told}");
    text
}

/// State of a card in the registry, by number.
fn state(house: &House, number: &str) -> String {
    let tool = house
        .tool("rhc-registry")
        .expect("tool")
        .words("card --json")
        .arg(number)
        .arg("--db");
    let outcome = tool
        .arg(format!("sqlite:{}", house.registry_database().display()))
        .run()
        .expect("registry");
    outcome.out
}

const NUMBERS: [&str; 3] = [
    "410101198512030022",
    "410101198808080037",
    "410101195507060047",
];

fn wrong_cards_have_a_word_each(stack: Stack) {
    let mut house = House::ready_on(stack).expect("house");
    let factors = house::card_factors();
    let (first, second, third) = (
        house.card_reader(0).clone(),
        house.card_reader(1).clone(),
        house.card_reader(2).clone(),
    );

    // No card.
    let (word, code, outcome) = issue_within(&house, 1, &first, "--wait 1");
    assert_eq!((word.as_str(), code), ("no-card", 4), "{}", outcome.text());
    message(&outcome);
    assert_eq!(look(&house, &first), ("no-card".to_owned(), 4));

    // A blank one at the hospital.
    house
        .insert(&house.card(&factors[0]), &first)
        .expect("card");
    assert_eq!(look(&house, &first), ("not-issued".to_owned(), 3));

    // One of another product.
    let stranger = Foreign::insert(&second, foreign::ATR, &[0x6D, 0x00]).expect("card");
    house.daemon.wait_card(&second, true).expect("card");
    let (word, code, outcome) = issue(&house, 2, &second);
    assert_eq!(
        (word.as_str(), code),
        ("foreign-card", 3),
        "{}",
        outcome.text()
    );
    message(&outcome);
    assert_eq!(look(&house, &second), ("foreign".to_owned(), 3));
    drop(stranger);

    // Already personalised, for somebody else now.
    assert_eq!(issue(&house, 1, &first).0, "issued");
    let (word, code, outcome) = issue(&house, 3, &first);
    assert_eq!(
        (word.as_str(), code),
        ("already-personalised", 3),
        "{}",
        outcome.text()
    );
    message(&outcome);

    // The same person again, on another blank: one person, one card.
    house
        .insert(&house.card(&factors[2]), &third)
        .expect("card");
    let (word, code, outcome) = issue(&house, 1, &third);
    assert_eq!(code, 0, "{}", outcome.text());
    assert_eq!(word, "done", "{}", outcome.text());
    assert_eq!(
        outcome.json().expect("JSON")["passed_over"][0]["kind"],
        "person-has-card",
        "{}",
        outcome.text()
    );

    // No such reader.
    let nowhere = Reader {
        name: "Nowhere".into(),
        place: Place::Port(1),
    };
    assert_eq!(issue(&house, 3, &nowhere).1, 4);
    assert_eq!(look(&house, &nowhere), ("no-reader".to_owned(), 4));
}

fn a_pulled_card_is_half_made_and_finished_by_the_next_try(stack: Stack) {
    let mut house = House::ready_on(stack).expect("house");
    let factors = house::card_factors();
    // Pulled while keys are written, in the middle of an answer, and while it is read back.
    for (at, (fault, after)) in [(Fault::Pull, 60), (Fault::Cut(1), 100), (Fault::Pull, 180)]
        .into_iter()
        .enumerate()
    {
        let reader = house.card_reader(at).clone();
        let chip = house.card(&factors[at]);
        let wire = Wire::to(&reader).expect("wire");
        wire.arm(fault, after);
        let inserted =
            Inserted::put_by(&chip, &house.daemon, &reader, &wire.place()).expect("card");
        let (word, code, outcome) = issue(&house, at + 1, &reader);
        assert_eq!(
            (word.as_str(), code),
            ("card-lost", 4),
            "{fault:?} after {after}: {}",
            outcome.text()
        );
        message(&outcome);
        drop(inserted);
        house.daemon.wait_card(&reader, false).expect("pulled");

        assert!(
            !state(&house, NUMBERS[at]).contains("\"active\""),
            "registered without read-back"
        );
        let journal = house.folder().join("journal");
        let open = house
            .tool("rhc-station")
            .expect("tool")
            .words("journal list --json --journal")
            .arg(&journal);
        let open = open.ok().expect("journal");
        assert!(
            open.out.contains(&factors[at]),
            "not known as half-made: {}",
            open.out
        );

        house.insert(&chip, &reader).expect("card");
        let (word, code, outcome) = issue(&house, at + 1, &reader);
        assert!(
            code == 0 && matches!(word.as_str(), "finished" | "recovered" | "issued"),
            "{word} {}",
            outcome.text()
        );
        assert!(
            state(&house, NUMBERS[at]).contains("\"active\""),
            "{}",
            state(&house, NUMBERS[at])
        );
        assert_eq!(look(&house, &reader), ("genuine".to_owned(), 0));
    }
}

fn a_half_made_card_can_be_voided_and_its_person_gets_another(stack: Stack) {
    let mut house = House::ready_on(stack).expect("house");
    let factors = house::card_factors();
    let (reader, other) = (house.card_reader(0).clone(), house.card_reader(1).clone());
    let wire = Wire::to(&reader).expect("wire");
    wire.arm(Fault::Pull, 60);
    let chip = house.card(&factors[0]);
    let inserted = Inserted::put_by(&chip, &house.daemon, &reader, &wire.place()).expect("card");
    assert_eq!(issue(&house, 1, &reader).0, "card-lost");
    drop(inserted);
    let void = house
        .tool("rhc-station")
        .expect("tool")
        .words("journal void")
        .arg(&factors[0]);
    let void = void
        .words("--reason broken --journal")
        .arg(house.folder().join("journal"));
    let void = void
        .arg("--registry")
        .arg(house.registry_url().expect("url"));
    void.arg("--identity")
        .arg(house.identity("station-4101"))
        .ok()
        .expect("void");
    house
        .insert(&house.card(&factors[1]), &other)
        .expect("card");
    let (word, code, outcome) = issue(&house, 1, &other);
    assert_eq!((word.as_str(), code), ("issued", 0), "{}", outcome.text());

    house.insert(&chip, &reader).expect("card");
    let (word, code, outcome) = issue(&house, 2, &reader);
    assert!(
        code == 3 && word != "issued",
        "a voided card took another person: {word} {}",
        outcome.text()
    );
}

fn a_silent_card_is_given_up_in_time(stack: Stack) {
    let house = House::ready_on(stack).expect("house");
    let reader = house.card_reader(0).clone();
    let wire = Wire::to(&reader).expect("wire");
    wire.arm(Fault::Silent, 30);
    let chip = house.card(&house::card_factors()[0]);
    let _inserted = Inserted::put_by(&chip, &house.daemon, &reader, &wire.place()).expect("card");
    let (word, code, outcome) = issue_within(&house, 1, &reader, "--wait 30 --silence 2");
    assert_eq!(
        (word.as_str(), code),
        ("silent-card", 4),
        "{}",
        outcome.text()
    );
    message(&outcome);
    // Given up at its limit and not at the thirty seconds of a reader or the minutes of nobody.
    assert!(outcome.took < Duration::from_secs(25), "{:?}", outcome.took);
}

#[test]
fn a_service_that_is_down_is_named_and_no_card_is_spoilt() {
    let mut house = House::ready().expect("house");
    let reader = house.card_reader(0).clone();
    house
        .insert(&house.card(&house::card_factors()[0]), &reader)
        .expect("card");

    let at = house
        .tiers
        .iter()
        .position(|running| running.tier == Tier::Prefecture)
        .expect("prefecture");
    let port = house.tiers[at].port;
    house.tiers[at].service.kill();
    let (word, code, outcome) = issue(&house, 1, &reader);
    assert_eq!(
        (word.as_str(), code),
        ("kms-unreachable", 4),
        "{}",
        outcome.text()
    );
    message(&outcome);
    house.tiers[at] = house.serve_tier(Tier::Prefecture, port).expect("again");

    let registry = house.registry.as_mut().expect("registry");
    registry.service.kill();
    let (word, code, outcome) = issue(&house, 1, &reader);
    assert_eq!(
        (word.as_str(), code),
        ("registry-unreachable", 4),
        "{}",
        outcome.text()
    );
    message(&outcome);
    assert_eq!(
        look(&house, &reader).1,
        3,
        "a blank is a blank, registry or not"
    );
    house.start_registry().expect("again");

    let (word, code, outcome) = issue(&house, 1, &reader);
    assert_eq!(code, 0, "{word}: {}", outcome.text());
    house.registry.as_mut().expect("registry").service.kill();
    assert_eq!(
        look(&house, &reader),
        ("registry-unreachable".to_owned(), 4)
    );
}

#[test]
fn faulty_rows_are_told_and_good_ones_go_on() {
    let mut house = House::ready().expect("house");
    let reader = house.card_reader(0).clone();
    house
        .insert(&house.card(&house::card_factors()[0]), &reader)
        .expect("card");
    let good = "name,sex,ethnic,birth_date,id_number\n\
                李明,1,01,1985-12-03,410101198512030023\n\
                王秀英,2,11,1955-07-06,410101195507060047\n\
                陈喆,1,57,1988-08-08,410101198808080037\n";
    let file = house.folder().join("faulty.csv");
    std::fs::write(&file, good).expect("file");
    let tool = house
        .personalise_all(&file, &reader)
        .expect("tool")
        .words("--wait 2 --cards 1");
    let outcome = tool.run().expect("station");
    let told = outcome.json().expect("JSON");
    assert_eq!(outcome.code, 3, "{told}");
    assert_eq!(told["cards"][0]["verdict"], "issued", "{told}");
    let faults = told["row_faults"].as_array().expect("row faults");
    let places: Vec<(u64, &str)> = faults
        .iter()
        .map(|fault| {
            (
                fault["line"].as_u64().unwrap_or(0),
                fault["column"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(places, [(2, "id_number"), (4, "ethnic")], "{told}");
    assert!(
        faults.iter().all(|fault| fault["reason"]
            .as_str()
            .is_some_and(|reason| reason.len() > 10)),
        "{told}"
    );
}

/// One request by a foreign client (curl) with a station's identity: status, content type, body; nothing when the
/// service hung up before it had read all that was sent.
fn curl(house: &House, url: &str, body: &[u8]) -> Option<(String, String, String)> {
    let identity = std::fs::read_to_string(house.identity("station-4101")).expect("identity");
    let identity: Value = serde_json::from_str(&identity).expect("JSON");
    let folder = house.folder().join("curl");
    std::fs::create_dir_all(&folder).expect("folder");
    for part in ["key", "chain", "anchors"] {
        std::fs::write(folder.join(part), identity[part].as_str().expect(part)).expect(part);
    }
    std::fs::write(folder.join("body"), body).expect("body");
    let tool = Tool::foreign("curl")
        .words("--silent --show-error --max-time 20 --cert chain --key key --cacert anchors");
    let tool = tool
        .arg("--data-binary")
        .arg("@body")
        .arg("-H")
        .arg("content-type: application/json");
    let tool = tool
        .arg("-w")
        .arg("\n%{http_code} %{content_type}")
        .arg(url)
        .directory(&folder);
    let outcome = tool.run().expect("curl");
    if matches!(outcome.code, 55 | 56) {
        // The service hung up while we were still sending: it will not read a body that large.
        return None;
    }
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    let (body, last) = outcome.out.rsplit_once('\n').expect("a last line");
    let (code, kind) = last.split_once(' ').expect("code and type");
    Some((code.to_owned(), kind.to_owned(), body.to_owned()))
}

#[test]
fn malformed_requests_are_refused_with_problem_details_and_the_services_stay_up() {
    let mut house = House::ready().expect("house");
    let (kms, registry) = (
        house.url(Tier::Prefecture).expect("url"),
        house.registry_url().expect("url"),
    );
    let large = vec![b'['; 3 << 20];
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 6] = [b"", b"{", b"null", b"\xFF\xFE{}", &large, deep.as_bytes()];
    for (service, path) in [
        (&kms, "/v1/cards/personalisations"),
        (&registry, "/v1/reservations"),
        (&registry, "/v1/cards"),
    ] {
        for body in bodies {
            let Some((code, kind, answer)) = curl(&house, &format!("{service}{path}"), body) else {
                assert!(
                    body.len() > 1 << 20,
                    "{path}: hung up on {} bytes",
                    body.len()
                );
                continue;
            };
            assert!(code.starts_with('4'), "{path}: {code} {answer}");
            assert_eq!(kind, "application/problem+json", "{path}: {answer}");
            let problem: Value = serde_json::from_str(&answer).expect("problem");
            assert!(
                problem["type"]
                    .as_str()
                    .is_some_and(|kind| kind.starts_with("urn:rhc:problem:")),
                "{answer}"
            );
        }
    }
    let nobody = Tool::foreign("curl")
        .words("--silent --insecure --max-time 10")
        .arg(format!("{kms}/v1/status"))
        .run();
    assert_ne!(
        nobody.expect("curl").code,
        0,
        "the key service answered somebody without a certificate"
    );

    let reader = house.card_reader(0).clone();
    house
        .insert(&house.card(&house::card_factors()[0]), &reader)
        .expect("card");
    assert_eq!(
        issue(&house, 1, &reader).0,
        "issued",
        "the services stayed up"
    );
}
