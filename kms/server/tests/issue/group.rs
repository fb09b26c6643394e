//! Requests that come together: each gets its own answer, no count is lost or spent twice, the record stays whole.

use kms_api::{BatchOutcome, PersonalisationBatch, PersonalisationRequest};

use super::*;

fn factor(number: u8) -> [u8; 8] {
    [0xC0, 0, 0, 0, 0, 0, 0, number]
}

fn requests(house: &House, numbers: impl Iterator<Item = u8>) -> Vec<PersonalisationRequest> {
    let certificate = house.issuer_certificate("4101");
    let one = |number: u8| {
        let factor = factor(number);
        let state = probe(&mut blank_card(factor));
        let serial = format!("41{number:08}");
        let content = content(NUMBER, &serial, "张三", &certificate);
        ask(factor, state, NUMBER, content, "t-card")
    };
    numbers.map(one).collect()
}

#[test]
pub fn clients_at_once_get_their_own_scripts_and_a_ticket_is_spent_to_the_last() {
    let house = House::handed_down();
    let factors: Vec<_> = (0..48).map(factor).collect();
    house.deliver("4101", Kind::Card, 1, &factors);
    house.ticket("4101", "card", 40, "t-card");
    let served = house.serve("4101");
    let all = requests(&house, 0..48);
    let clients: Vec<_> = (0..8).map(|_| house.client(&served, "station")).collect();
    let (made, empty) = std::thread::scope(|scope| {
        let workers: Vec<_> = clients
            .iter()
            .zip(all.chunks(6))
            .map(|(client, share)| {
                scope.spawn(move || {
                    let mut sum = (0, 0);
                    for request in share {
                        match client.personalise(request) {
                            Ok(script) => {
                                assert_eq!(script.request_id, request.request_id);
                                let mut card = blank_card(request.factor);
                                probe(&mut card);
                                play_all(&mut card, &script);
                                assert_eq!(card.stage(), Stage::Active);
                                sum.0 += 1;
                            }
                            Err(error) => {
                                let slug = error.problem().map(|p| p.slug().to_owned());
                                assert_eq!(slug.as_deref(), Some("ticket-empty"), "{error}");
                                sum.1 += 1;
                            }
                        }
                    }
                    sum
                })
            })
            .collect();
        workers.into_iter().fold((0, 0), |(made, empty), worker| {
            let (more, less) = worker.join().unwrap();
            (made + more, empty + less)
        })
    });
    assert_eq!((made, empty), (40, 8));
    let rows = house.query(
        "4101",
        "SELECT count(*) || '' FROM audit WHERE act = 'card.personalise' AND outcome = 'done'",
    );
    assert_eq!(rows, "40");
    house.line("audit verify --store kms-4101").ok();
}

#[test]
pub fn a_batch_has_an_outcome_for_each_of_its_requests() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[factor(1), factor(2)]);
    house.ticket("4101", "card", 9, "t-card");
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    // The second again under an id of its own: it waits for the first of them, and is the same card continued.
    let mut asked = requests(&house, [1, 2, 3, 2].into_iter());
    asked[3].content = asked[1].content.clone();
    let batch = PersonalisationBatch { requests: asked };
    let outcomes = station.personalise_many(&batch).unwrap();
    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            BatchOutcome::Script(script) => format!("left {}", script.quota_left),
            BatchOutcome::Problem(problem) => problem.slug().to_owned(),
        })
        .collect();
    assert_eq!(told[2], "factor-not-on-list");
    assert_eq!(told[3], "left 7", "{told:?}");
    assert!(told[0].starts_with("left ") && told[1].starts_with("left "));
    let empty = PersonalisationBatch {
        requests: Vec::new(),
    };
    let error = station.personalise_many(&empty).err().unwrap();
    assert!(error.problem().is_some_and(|p| p.slug() == "invalid-value"));
    house.line("audit verify --store kms-4101").ok();
}

/// The first of them is refused before anything goes to the HSM, so nothing that ends wakes the worker for the second.
#[test]
pub fn one_chip_twice_in_a_batch_whose_first_is_refused_is_answered_twice() {
    let house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[factor(1)]);
    house.ticket("4101", "card", 2, "t-card");
    let served = house.serve("4101");
    let station = house.client(&served, "station");
    for numbers in [&[7, 7][..], &[7, 7, 7, 8, 8], &[1, 7, 7]] {
        let asked = requests(&house, numbers.iter().copied());
        let batch = PersonalisationBatch { requests: asked };
        let outcomes = station.personalise_many(&batch).unwrap();
        assert_eq!(outcomes.len(), numbers.len());
        for (number, outcome) in numbers.iter().zip(&outcomes) {
            match outcome {
                BatchOutcome::Script(_) => assert_eq!(*number, 1),
                BatchOutcome::Problem(problem) => {
                    assert_eq!(problem.slug(), "factor-not-on-list", "{number}");
                }
            }
        }
    }
    house.line("audit verify --store kms-4101").ok();
}
