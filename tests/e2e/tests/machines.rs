//! The main job over each of the three ways to an HSM: keys born and handed down, SAMs made in two stages, a card made,
//! read back and verified, a forged one found, and no key in any process that is not an HSM.

use tests_e2e::memory;
use tests_e2e::oracle::{Keys, Made, tests_folder};
use tests_e2e::search::Search;
use tests_e2e::tiers;
use tests_stand::house::{self, House};
use tests_stand::kms::{Tier, is_chip_state};
use tests_stand::{Inserted, Machine, Tool};

#[test]
fn over_the_daemon() {
    main_job(Machine::Daemon);
}

#[test]
fn over_the_sdf_library() {
    main_job(Machine::Sdf);
}

/// AES-128, SHA-256 and P-256 all the way: card, SAMs, certificates, station, hospital.
#[test]
fn over_a_pkcs11_token() {
    main_job(Machine::Token);
}

fn main_job(machine: Machine) {
    let mut house = House::ready_over(machine).expect("house");
    tiers::compare(&house).expect("the keys that OpenSSL computes");

    let chip = house.card(&house::card_factors()[0]);
    let reader = house.card_reader(0).clone();
    house.insert(&chip, &reader).expect("card");
    let applicants = tests_folder().join("../issuance/station/examples/applicants.csv");
    let issued = house
        .personalise(&applicants, 1, &reader)
        .and_then(Tool::ok)
        .expect("issue");
    let card = &issued.json().expect("json")["cards"][0];
    assert_eq!(card["card_number"], "410101198512030022");
    assert_eq!(verdict(&house, 0), "genuine");

    forged(&house, &chip);
    doctor(&house);
    no_key_in_the_open(&house);
}

fn verdict(house: &House, reader: usize) -> serde_json::Value {
    let verified = house.verify(house.card_reader(reader), 1).expect("verify");
    verified.json().expect("json")["verdict"].clone()
}

/// Right data, wrong keys.
fn forged(house: &House, chip: &tests_stand::Chip) {
    let copy = tests_stand::Chip {
        state: chip.state.with_file_name("forged.state"),
        ..chip.clone()
    };
    let tool = house
        .tool("rhc-card")
        .expect("tool")
        .words("forge --profile");
    let tool = tool
        .arg(house.machine.profile())
        .arg("--from")
        .arg(&chip.state);
    tool.arg("--out").arg(&copy.state).ok().expect("forge");
    let reader = house.card_reader(1);
    let inserted = Inserted::put(&copy, &house.daemon, reader).expect("card");
    assert_eq!(verdict(house, 1), "forged");
    inserted.pull(&house.daemon, reader).expect("pull");
}

/// The doctor finds nothing missing, and says of a token that the key service counts for it.
fn doctor(house: &House) {
    for tier in Tier::ALL {
        let told = house.kms(tier, "doctor --json").and_then(Tool::ok);
        let told = told.expect("doctor").json().expect("json");
        let counts = if house.machine == Machine::Token {
            "key-service"
        } else {
            "hsm"
        };
        assert_eq!(told["hsm"]["counts"], counts, "{told}");
        assert_eq!(told["hsm"]["keys"], "hsm", "{told}");
        assert_eq!(told["missing"], serde_json::json!([]), "{told}");
    }
}

/// No test key of any tier, card or SAM in files (but the chips' own) or in the memory of a key service at work.
fn no_key_in_the_open(house: &House) {
    let made = Made {
        factors: house::card_factors().into_iter().take(1).collect(),
        chips: [1, 4, 5].into_iter().map(house::chip_serial).collect(),
        sam_serials: Vec::new(),
        machine: house.machine,
    };
    let secrets = Keys::compute(&made)
        .and_then(|keys| keys.secrets())
        .expect("OpenSSL");
    assert!(secrets.len() > 57 * 3, "{} secrets", secrets.len());
    let search = Search::for_secrets(&secrets).expect("search");
    let (found, files) = search
        .folder(house.folder(), &is_chip_state)
        .expect("search");
    assert!(found.is_empty(), "{found:#?}");
    assert!(files > 20, "only {files} files were searched");
    let chips = house.folder().join("chips");
    let (seen, _) = search.folder(&chips, &|_| false).expect("search");
    assert!(
        !seen.is_empty(),
        "the search is blind: the chips hold no key"
    );
    for running in &house.tiers {
        let (found, bytes) = memory::search(running.service.pid(), &search).expect("memory");
        assert!(
            found.is_empty(),
            "in the memory of {:?}: {found:?}",
            running.tier
        );
        assert!(bytes > 1 << 20, "{bytes} bytes only");
    }
}
