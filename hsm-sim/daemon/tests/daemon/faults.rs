//! Faults on purpose: each does what its name says, and none loses a count, gives one twice, or makes a second script.
#![allow(clippy::unwrap_used)]

use crate::house::*;
use hsm_wire::ErrorCode;
use hsm_wire::client::{ClientError, OfficerClient};
use hsm_wire::fill::FillAnswer;
use std::time::{Duration, Instant};

/// A furnished house (its four orders ran without faults) that serves again with these.
fn faulty(spec: &str) -> House {
    let mut house = House::new("test");
    house.serve(&[]);
    furnish(&house, 100_000);
    house.end("-TERM");
    house.serve(&["--faults", spec]);
    house
}

fn used(house: &House) -> u64 {
    house.operator().ticket("t").unwrap().used
}

fn broken(result: Result<FillAnswer, ClientError>) -> bool {
    matches!(result, Err(ClientError::Closed | ClientError::Frame(_)))
}

#[test]
fn each_fault_does_what_its_name_says() {
    // Calls: 1 busy, 2 lost, 3 ticket, 4 lost-after, 5 ticket, 6 short, 7 again, 8 entropy, 9 ticket, 10 slow, 11 silent.
    let house = faulty(
        "at=1:busy,at=2:lost,at=4:lost-after,at=6:short,at=8:entropy,at=10:slow,slow=300,at=11:silent,silent=400",
    );
    let fill = |number| house.operator().fill_card(fill_request(number));
    assert_eq!(refusal(fill(1)), ErrorCode::Busy);
    assert!(broken(fill(1)));
    assert_eq!(used(&house), 0, "neither did the work");
    assert!(broken(fill(1)));
    assert_eq!(used(&house), 1, "the work was done, the answer lost");
    assert!(broken(fill(1)));
    assert_eq!(fill(1).unwrap().quota_left, 99_999, "the stored answer");
    assert_eq!(refusal(fill(2)), ErrorCode::EntropyFailed);
    assert_eq!(used(&house), 1, "no script without random numbers");
    let start = Instant::now();
    assert!(fill(2).is_ok());
    assert!(start.elapsed() >= Duration::from_millis(300));
    let start = Instant::now();
    assert!(broken(fill(3)));
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!(used(&house), 2);
}

/// A cut after the durable write and before the answer: the count stays spent, the script is found again.
#[test]
fn a_power_cut_keeps_what_was_durable() {
    let mut house = faulty("at=2:power");
    let first = house.operator().fill_card(fill_request(1)).unwrap();
    assert!(broken(house.operator().fill_card(fill_request(2))));
    let ended = house.child.take().unwrap().wait().unwrap();
    assert_eq!(ended.code(), Some(70));
    house.serve(&[]);
    assert_eq!(used(&house), 2);
    assert!(house.operator().fill_card(fill_request(1)).unwrap() == first);
    assert_eq!(
        house
            .operator()
            .fill_card(fill_request(2))
            .unwrap()
            .quota_left,
        99_998
    );
    assert_eq!(used(&house), 2);
}

#[test]
fn a_tampered_hsm_does_nothing_until_it_is_restarted() {
    let mut house = faulty("at=2:tamper");
    assert!(house.operator().fill_card(fill_request(1)).is_ok());
    assert_eq!(
        refusal(house.operator().fill_card(fill_request(2))),
        ErrorCode::Tampered
    );
    assert_eq!(refusal(house.operator().list_keys()), ErrorCode::Tampered);
    let mut officers = OfficerClient::connect(house.path("o")).unwrap();
    assert_eq!(refusal(officers.info()), ErrorCode::Tampered);
    house.end("-TERM");
    house.serve(&[]);
    assert_eq!(used(&house), 1);
}

/// No room for the record: nothing is given out, nothing works until a restart, and then nothing was spent.
#[test]
fn a_full_disk_stops_the_hsm() {
    let mut house = faulty("at=2:full");
    assert!(house.operator().fill_card(fill_request(1)).is_ok());
    for number in [2, 3] {
        let refused = house.operator().fill_card(fill_request(number));
        assert_eq!(refusal(refused), ErrorCode::AuditClosed);
    }
    house.end("-TERM");
    house.serve(&[]);
    assert_eq!(used(&house), 1);
    assert!(house.operator().fill_card(fill_request(2)).is_ok());
}

/// The power goes in the middle of a record: it is as if the call had never been.
#[test]
fn a_torn_record_never_was() {
    let mut house = faulty("at=2:torn");
    assert!(house.operator().fill_card(fill_request(1)).is_ok());
    assert!(broken(house.operator().fill_card(fill_request(2))));
    let ended = house.child.take().unwrap().wait().unwrap();
    assert_eq!(ended.code(), Some(70));
    house.serve(&[]);
    assert_eq!(used(&house), 1);
    assert_eq!(
        house
            .operator()
            .fill_card(fill_request(2))
            .unwrap()
            .quota_left,
        99_998
    );
}

/// 300 cards through an HSM in which every third call fails: with retries of the same request each card gets one
/// script, and the ticket is short of exactly 300.
#[test]
fn three_hundred_cards_through_a_bad_hsm() {
    let house = faulty("seed=2026,rate=330,kinds=busy+lost+lost-after+short+entropy+slow,slow=1");
    let mut operator = house.operator();
    let mut failures = 0;
    for number in 1..=300 {
        for attempt in 0.. {
            assert!(attempt < 50, "card {number} never came through");
            match operator.fill_card(fill_request(number)) {
                Ok(_) => break,
                Err(ClientError::Refused(refusal)) => {
                    assert!(
                        matches!(refusal.code, ErrorCode::Busy | ErrorCode::EntropyFailed),
                        "{refusal}"
                    );
                }
                Err(_) => operator = house.operator(),
            }
            failures += 1;
        }
    }
    assert!(failures > 80, "only {failures} failures");
    let ticket = loop {
        match house.operator().ticket("t") {
            Ok(ticket) => break ticket,
            Err(_) => continue,
        }
    };
    assert_eq!((ticket.used, ticket.answers), (300, 300));
}

/// Never on keys of a demonstration or of production.
#[test]
fn faults_are_for_test_stores() {
    let house = House::new("demo");
    let output = house
        .command(&house.path("unseal"), &["--faults", "seed=1,rate=10"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("TEST stores"));
    let output = house
        .command(&house.path("unseal"), &["--faults", "at=1:fire"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no fault fire"));
}
