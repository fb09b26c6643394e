//! Every flow of the specification by a foreign desk (tests/judges/flows.py: pyscard and OpenSSL, no code of ours) on a card
//! and a SAM that the house made, blocking and settlement included.

use tests_e2e::oracle::{python, tests_folder};
use tests_stand::house::{self, House};
use tests_stand::{Outcome, Stack, Tool};

tests_e2e::over_both_drivers!(a_foreign_desk_runs_every_flow_and_blocks_the_card_at_last,);

fn judged(house: &House, words: &str) -> Outcome {
    let pin = std::fs::read_to_string(house.sam_pin(5)).expect("pin");
    let judge = python("judges/flows.py")
        .arg("--reader")
        .arg(&house.card_reader(0).name)
        .arg("--sam-reader")
        .arg(&house.sam_reader(5).name);
    let judge = judge.arg("--sam-pin").arg(pin.trim()).words(words);
    judge.env(house.daemon.environment()).run().expect("judge")
}

fn a_foreign_desk_runs_every_flow_and_blocks_the_card_at_last(stack: Stack) {
    let mut house = House::ready_on(stack).expect("house");
    let chip = house.card(&house::card_factors()[0]);
    let reader = house.card_reader(0).clone();
    house.insert(&chip, &reader).expect("card");
    let applicants = tests_folder().join("../issuance/station/examples/applicants.csv");
    let issued = house.personalise(&applicants, 1, &reader);
    issued.and_then(Tool::ok).expect("issue");

    let first = judged(&house, "--json");
    let told = first.json().expect("json");
    assert_eq!(first.code, 0, "{told}");
    let passed = |told: &serde_json::Value| told["passed"].as_array().map_or(0, Vec::len);
    assert!(
        passed(&told) >= 500,
        "too little was judged: {}",
        passed(&told)
    );
    let verdict = |house: &House| {
        let verified = house.verify(&reader, 1).expect("verify");
        verified.json().expect("json")["verdict"].clone()
    };
    assert_eq!(verdict(&house), "genuine", "all was put back");

    let last = judged(&house, "--json --block-card");
    assert_eq!(last.code, 0, "{}", last.text());
    assert_eq!(verdict(&house), "blocked");
}
