//! Many fills in one request: the same scripts and the same rules as one by one, and one durable write.
#![allow(clippy::unwrap_used)]

use crate::common::card::{Card, diversify, test_root};
use crate::common::*;
use hsm_wire::fill::{FillAnswer, FillRequest};
use hsm_wire::operator::{MAX_BATCH, OperatorAnswer, OperatorRequest};
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, HsmError, Mark};

type Outcomes = Vec<Result<FillAnswer, HsmError>>;

fn fill_all(
    hsm: &mut Hsm,
    target: Target,
    requests: Vec<FillRequest>,
) -> Result<Outcomes, HsmError> {
    let answer = hsm.engine.operator(match target {
        Target::Card => OperatorRequest::FillCards(requests),
        Target::Sam => OperatorRequest::FillSams(requests),
    })?;
    match answer {
        OperatorAnswer::FilledMany(outcomes) => Ok(outcomes),
        _ => panic!("another answer to a batch"),
    }
}

fn for_card(hsm: &mut Hsm, ticket: &str, card: [u8; 8]) -> FillRequest {
    let mut request = hsm.card_request();
    request.ticket = ticket.to_owned();
    request.factor = card;
    for derived in request.slots.iter_mut().chain([&mut request.base]) {
        *derived.factors.last_mut().unwrap() = card;
    }
    request
}

fn hundred(hsm: &mut Hsm, id: &str, count: u64) {
    hsm.ticket(id, Target::Card, count, &["transport", "CMK"]);
}

fn audit(hsm: &mut Hsm) -> Vec<(String, String, String)> {
    match hsm
        .engine
        .operator(OperatorRequest::Audit { from: 0 })
        .unwrap()
    {
        OperatorAnswer::Audit(records) => {
            for pair in records.windows(2) {
                assert_eq!(pair[1].previous, pair[0].hash);
                assert_eq!(pair[1].hash, pair[1].compute_hash());
                assert_eq!(pair[1].number, pair[0].number + 1);
            }
            records
                .into_iter()
                .map(|r| (r.operation, r.object, r.outcome))
                .collect()
        }
        _ => panic!("no audit"),
    }
}

/// Each script is understood by its own card, and by no other.
#[test]
fn sixty_four_cards_understand_their_scripts() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hundred(&mut hsm, "many", 100);
    let cards: Vec<[u8; 8]> = (0..MAX_BATCH as u64)
        .map(|n| (n * 0x0101_0101 + 7).to_be_bytes())
        .collect();
    let requests: Vec<_> = cards
        .iter()
        .map(|card| for_card(&mut hsm, "many", *card))
        .collect();
    let outcomes = fill_all(&mut hsm, Target::Card, requests).unwrap();
    assert_eq!(outcomes.len(), MAX_BATCH);
    for (n, (card, outcome)) in cards.iter().zip(outcomes).enumerate() {
        let answer = outcome.unwrap();
        assert_eq!(answer.quota_left, 99 - n as u64);
        let base = diversify(&test_root("RHC-TEST-TRANSPORT"), card);
        let cmk = diversify(&test_root("RHC-TEST-41-CMK-v0"), card);
        let mut chip = Card::new(base, 0);
        for (at, step) in answer.steps.iter().enumerate() {
            if at == 3 {
                chip.rebase(cmk);
            }
            assert!(chip.hear(&step.apdu).is_ok(), "card {n}, step {at}");
        }
        let mut other = Card::new(diversify(&test_root("RHC-TEST-TRANSPORT"), &[9; 8]), 0);
        assert!(other.hear(&answer.steps[0].apdu).is_ok());
        assert!(other.hear(&answer.steps[1].apdu).is_err());
    }
}

/// The same request alone and in a batch gives the same bytes, when the host challenge is the same.
#[test]
fn a_batch_makes_what_single_calls_make() {
    let (mut one, mut many) = (
        Hsm::province(Mark::Test, Some([7; 8])),
        Hsm::province(Mark::Test, Some([7; 8])),
    );
    for hsm in [&mut one, &mut many] {
        hundred(hsm, "same", 50);
    }
    let requests: Vec<_> = (1..=20_u8)
        .map(|n| for_card(&mut one, "same", [n; 8]))
        .collect();
    let together = fill_all(&mut many, Target::Card, requests.clone()).unwrap();
    for (request, outcome) in requests.into_iter().zip(together) {
        assert!(one.fill(Target::Card, request).unwrap() == outcome.unwrap());
    }
    let sams = vec![one.sam_request()];
    let together = fill_all(&mut many, Target::Sam, sams.clone()).unwrap();
    for (request, outcome) in sams.into_iter().zip(together) {
        assert!(one.fill(Target::Sam, request).unwrap() == outcome.unwrap());
    }
}

/// A refused card names its step and takes nothing away from the others; each outcome is in the audit.
#[test]
fn refusals_concern_their_own_card() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hundred(&mut hsm, "some", 3);
    let mut requests: Vec<_> = (1..=6_u8)
        .map(|n| for_card(&mut hsm, "some", [n; 8]))
        .collect();
    requests[1].steps[1] = command(
        LOAD_MASTER,
        vec![hsm_wire::fill::Segment::Literal(vec![0; 28])],
    );
    requests[2].mark = Mark::Demo;
    let before = audit(&mut hsm).len();
    let outcomes = fill_all(&mut hsm, Target::Card, requests).unwrap();
    let codes: Vec<_> = outcomes
        .iter()
        .map(|o| o.as_ref().err().map(|e| e.code))
        .collect();
    assert_eq!(
        codes,
        [
            None,
            Some(ErrorCode::LiteralInKeySlot),
            Some(ErrorCode::MarkMismatch),
            None,
            None,
            Some(ErrorCode::TicketEmpty)
        ]
    );
    assert_eq!(outcomes[1].as_ref().err().unwrap().step, Some(1));
    let left: Vec<_> = outcomes.iter().flatten().map(|a| a.quota_left).collect();
    assert_eq!(left, [2, 1, 0]);
    let records = audit(&mut hsm).split_off(before);
    let said: Vec<_> = records
        .iter()
        .map(|(operation, _, outcome)| (operation.as_str(), outcome.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("fill-card", "done"),
            ("fill-card", "LiteralInKeySlot"),
            ("fill-card", "MarkMismatch"),
            ("fill-card", "done"),
            ("fill-card", "done"),
            ("fill-card", "TicketEmpty")
        ]
    );
    assert!(records[3].1.contains("0404040404040404"));
}

#[test]
fn the_same_card_or_request_twice_in_a_batch_is_refused() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hundred(&mut hsm, "twice", 10);
    let first = for_card(&mut hsm, "twice", [1; 8]);
    let same_card = for_card(&mut hsm, "twice", [1; 8]);
    let mut same_id = for_card(&mut hsm, "twice", [2; 8]);
    same_id.request_id = first.request_id;
    let outcomes = fill_all(&mut hsm, Target::Card, vec![first, same_card, same_id]).unwrap();
    let codes: Vec<_> = outcomes
        .iter()
        .map(|o| o.as_ref().err().map(|e| e.code))
        .collect();
    assert_eq!(
        codes,
        [
            None,
            Some(ErrorCode::TwiceInBatch),
            Some(ErrorCode::TwiceInBatch)
        ]
    );
}

/// After a lost answer the whole batch is asked again: stored answers, no count, also when the HSM was restarted.
#[test]
fn a_repeated_batch_gives_the_stored_answers() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hundred(&mut hsm, "again", 10);
    let requests: Vec<_> = (1..=10_u8)
        .map(|n| for_card(&mut hsm, "again", [n; 8]))
        .collect();
    let first = fill_all(&mut hsm, Target::Card, requests.clone()).unwrap();
    let mut hsm = hsm.reopen();
    let second = fill_all(&mut hsm, Target::Card, requests).unwrap();
    for (first, second) in first.into_iter().zip(second) {
        assert!(first.unwrap() == second.unwrap());
    }
    let more = for_card(&mut hsm, "again", [11; 8]);
    let refused = fill_all(&mut hsm, Target::Card, vec![more])
        .unwrap()
        .remove(0);
    assert_eq!(code(refused), ErrorCode::TicketEmpty);
}

/// Too many, none, or so much that the answer would not fit a frame: refused whole, nothing spent.
#[test]
fn a_batch_has_limits() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hundred(&mut hsm, "limit", 1000);
    assert_eq!(
        code(fill_all(&mut hsm, Target::Card, vec![])),
        ErrorCode::TooLarge
    );
    let requests: Vec<_> = (0..=MAX_BATCH as u64)
        .map(|n| for_card(&mut hsm, "limit", n.to_be_bytes()))
        .collect();
    assert_eq!(
        code(fill_all(&mut hsm, Target::Card, requests)),
        ErrorCode::TooLarge
    );
    let mut long: Vec<_> = (0..8_u64)
        .map(|n| for_card(&mut hsm, "limit", n.to_be_bytes()))
        .collect();
    for request in &mut long {
        let data = std::iter::repeat_with(|| {
            command(STORE, vec![hsm_wire::fill::Segment::Literal(vec![1; 239])])
        });
        request.steps.truncate(5);
        request.steps.extend(data.take(1000));
    }
    assert_eq!(
        code(fill_all(&mut hsm, Target::Card, long.clone())),
        ErrorCode::TooLarge
    );
    long.truncate(3);
    let outcomes = fill_all(&mut hsm, Target::Card, long).unwrap();
    assert_eq!(outcomes.iter().flatten().count(), 3);
    let bytes = postcard::to_stdvec(&outcomes).unwrap();
    assert!(bytes.len() < hsm_wire::frame::MAX_FRAME);
    assert_eq!(
        outcomes[2].as_ref().ok().unwrap().quota_left,
        997,
        "refused batches spent nothing"
    );
}

/// A card ticket fills no SAM, in a batch either.
#[test]
fn a_batch_for_the_wrong_target_is_refused_by_its_ticket() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let request = hsm.card_request();
    let outcomes = fill_all(&mut hsm, Target::Sam, vec![request]).unwrap();
    let codes: Vec<_> = outcomes.into_iter().map(code).collect();
    assert_eq!(codes, [ErrorCode::TicketKind]);
}
