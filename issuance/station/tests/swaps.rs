//! Three residents in one call of `rhc-station` at one PC/SC reader, a card after the other: the station waits until each is
//! taken out. On the real daemon with the whole house behind it; needs the workspace built (`cargo build --workspace`).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use issuance_station::journal::{Journal, Status};
use serde_json::Value;
use tests_stand::chips::Inserted;
use tests_stand::house::{self, House};

fn applicants() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/applicants.csv").into()
}

/// Waits until so many cards of the journal are registered.
fn wait_registered(journal: &Path, wanted: usize, station: &mut Child) {
    let end = Instant::now() + Duration::from_secs(30);
    let registered = || {
        let jobs = Journal::look(journal).unwrap_or_default();
        jobs.iter()
            .filter(|job| job.status == Status::Registered)
            .count()
    };
    while registered() < wanted {
        assert!(
            Instant::now() < end,
            "card {wanted} was not registered in time"
        );
        if let Some(status) = station.try_wait().expect("a child") {
            let mut said = String::new();
            let out = station.stdout.as_mut().expect("piped");
            out.read_to_string(&mut said).expect("text");
            panic!("the station ended before card {wanted}: {status}, {said}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn three_cards_are_put_in_and_taken_out_one_after_another() {
    let house = House::ready().expect("a house");
    let reader = house.card_reader(0).clone();
    let mut station = house
        .personalise_all(&applicants(), &reader)
        .expect("a command")
        .into_command()
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    let journal = house.folder().join("journal");
    let factors = house::card_factors();
    for (number, factor) in (1..=3).zip(&factors) {
        let card = Inserted::put(&house.card(factor), &house.daemon, &reader).expect("a card");
        wait_registered(&journal, number, &mut station);
        if number < 3 {
            card.pull(&house.daemon, &reader).expect("pulled");
            // A swap within the daemon's polling time would not be seen.
            std::thread::sleep(Duration::from_millis(500));
        } else {
            let output = station
                .wait_with_output()
                .expect("ends by itself after the last card");
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!(output.status.code(), Some(0), "{report}");
            let cards = report["cards"].as_array().expect("cards");
            let told: Vec<_> = cards
                .iter()
                .map(|card| {
                    (
                        card["row"].as_u64(),
                        card["factor"].as_str(),
                        card["verdict"].as_str(),
                    )
                })
                .collect();
            let row = |row: u64, factor| (Some(row), Some(factor), Some("issued"));
            assert_eq!(
                told,
                [
                    row(1, factors[0].as_str()),
                    row(2, &factors[1]),
                    row(3, &factors[2])
                ]
            );
            assert_eq!(report["mark"], "test");
            return;
        }
    }
}
