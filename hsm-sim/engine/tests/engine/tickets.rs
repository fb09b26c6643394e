//! Tickets and repeats: every distinct factor costs a count, a repeat costs none, and no crash gives one back.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_wire::fill::FillRequest;
use hsm_wire::officer::OrderOp;
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::ticket::{Target, TicketSpec, TicketStatus};
use hsm_wire::{ErrorCode, Mark};
use std::sync::atomic::Ordering;

fn status(hsm: &mut Hsm, id: &str) -> TicketStatus {
    match hsm
        .engine
        .operator(OperatorRequest::Ticket { id: id.to_owned() })
        .unwrap()
    {
        OperatorAnswer::Ticket(status) => *status,
        _ => panic!("no ticket"),
    }
}

fn for_card(hsm: &mut Hsm, card: [u8; 8]) -> FillRequest {
    let mut request = hsm.card_request();
    request.factor = card;
    for derived in request.slots.iter_mut().chain([&mut request.base]) {
        if let Some(last) = derived.factors.last_mut() {
            *last = card;
        }
    }
    request
}

#[test]
fn an_empty_ticket_serves_known_factors_only() {
    let mut hsm = Hsm::province(Mark::Test, None);
    for card in [[1; 8], [2; 8]] {
        let request = for_card(&mut hsm, card);
        hsm.fill(Target::Card, request).unwrap();
    }
    let third = for_card(&mut hsm, [3; 8]);
    assert_eq!(code(hsm.fill(Target::Card, third)), ErrorCode::TicketEmpty);
    let again = for_card(&mut hsm, [2; 8]);
    assert_eq!(hsm.fill(Target::Card, again).unwrap().quota_left, 0);
    let status = status(&mut hsm, "cards");
    assert_eq!((status.used, status.answers, status.left()), (2, 3, 0));
}

#[test]
fn attempts_per_factor_are_counted() {
    let mut hsm = Hsm::province(Mark::Test, None);
    for _ in 0..3 {
        let request = hsm.card_request();
        hsm.fill(Target::Card, request).unwrap();
    }
    let request = hsm.card_request();
    assert_eq!(
        code(hsm.fill(Target::Card, request)),
        ErrorCode::TooManyAttempts
    );
}

/// Rule 2 and "a second run of a script".
#[test]
fn a_repeated_request_id_gives_the_stored_answer_and_nothing_else() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let request = hsm.card_request();
    let first = hsm.fill(Target::Card, request.clone()).unwrap();
    assert!(hsm.fill(Target::Card, request.clone()).unwrap() == first);
    let mut other = request.clone();
    other.mac_texts[0].message.push(b'1');
    assert_eq!(
        code(hsm.fill(Target::Card, other)),
        ErrorCode::RepeatedScript
    );
    let mut other_card = for_card(&mut hsm, OTHER_CARD);
    other_card.request_id = request.request_id;
    assert_eq!(
        code(hsm.fill(Target::Card, other_card)),
        ErrorCode::RepeatedScript
    );
    assert_eq!(status(&mut hsm, "cards").answers, 1);
    // Also after a crash.
    let mut hsm = hsm.reopen();
    assert!(hsm.fill(Target::Card, request.clone()).unwrap() == first);
    assert_eq!(status(&mut hsm, "cards").used, 1);
    // And on a ticket that is closed since: the answer was given already.
    hsm.order(OrderOp::CloseTicket { id: "cards".into() })
        .unwrap();
    assert!(hsm.fill(Target::Card, request).unwrap() == first);
    let request = hsm.card_request();
    assert_eq!(
        code(hsm.fill(Target::Card, request)),
        ErrorCode::TicketClosed
    );
}

#[test]
fn an_answer_is_kept_for_256_further_ones() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hsm.ticket("many", Target::Card, 1000, &["transport"]);
    let ask = |hsm: &mut Hsm, number: u64| {
        let mut request = for_card(hsm, number.to_be_bytes());
        request.ticket = "many".into();
        request.request_id = u128::from(number).to_be_bytes();
        request.steps.truncate(2);
        hsm.fill(Target::Card, request)
    };
    for number in 1_000..1_257 {
        ask(&mut hsm, number).unwrap();
    }
    assert_eq!(code(ask(&mut hsm, 1_000)), ErrorCode::AnswerExpired);
    ask(&mut hsm, 1_001).unwrap();
    let mut hsm = hsm.reopen();
    assert_eq!(code(ask(&mut hsm, 1_000)), ErrorCode::AnswerExpired);
    assert_eq!(status(&mut hsm, "many").used, 257);
}

#[test]
fn counts_survive_a_crash_and_a_compaction() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let request = for_card(&mut hsm, [1; 8]);
    hsm.fill(Target::Card, request).unwrap();
    let mut hsm = hsm.reopen();
    hsm.engine.compact();
    let mut hsm = hsm.reopen();
    let request = for_card(&mut hsm, [2; 8]);
    assert_eq!(hsm.fill(Target::Card, request).unwrap().quota_left, 0);
    let mut hsm = hsm.reopen();
    let request = for_card(&mut hsm, [3; 8]);
    assert_eq!(
        code(hsm.fill(Target::Card, request)),
        ErrorCode::TicketEmpty
    );
}

#[test]
fn a_ticket_has_an_end() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hsm.clock.0.store(NOW + 86_401, Ordering::SeqCst);
    let request = hsm.card_request();
    assert_eq!(
        code(hsm.fill(Target::Card, request)),
        ErrorCode::TicketExpired
    );
}

#[test]
fn a_ticket_starts_scripts_with_its_base_keys_only() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hsm.ticket("resume-only", Target::Card, 5, &["CMK"]);
    let mut request = hsm.card_request();
    request.ticket = "resume-only".into();
    assert_eq!(code(hsm.fill(Target::Card, request)), ErrorCode::BadBaseKey);
}

#[test]
fn tickets_that_make_no_sense_are_refused() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let good = TicketSpec {
        id: "t".into(),
        kind: Target::Card,
        count: 1,
        max_attempts_per_factor: 1,
        not_after: NOW + 1,
        base_keys: vec!["CMK".into()],
    };
    for (what, bad, expected) in [
        (
            "no count",
            TicketSpec {
                count: 0,
                ..good.clone()
            },
            ErrorCode::BadAttributes,
        ),
        (
            "no attempt",
            TicketSpec {
                max_attempts_per_factor: 0,
                ..good.clone()
            },
            ErrorCode::BadAttributes,
        ),
        (
            "over already",
            TicketSpec {
                not_after: NOW,
                ..good.clone()
            },
            ErrorCode::BadAttributes,
        ),
        (
            "no base key",
            TicketSpec {
                base_keys: vec![],
                ..good.clone()
            },
            ErrorCode::BadAttributes,
        ),
        (
            "a name that is none",
            TicketSpec {
                id: "a b".into(),
                ..good.clone()
            },
            ErrorCode::BadName,
        ),
        (
            "one that exists",
            TicketSpec {
                id: "cards".into(),
                ..good.clone()
            },
            ErrorCode::TicketExists,
        ),
    ] {
        assert_eq!(
            code(hsm.order(OrderOp::CreateTicket { ticket: bad })),
            expected,
            "{what}"
        );
    }
    hsm.order(OrderOp::CloseTicket { id: "cards".into() })
        .unwrap();
    let reborn = TicketSpec {
        id: "cards".into(),
        ..good
    };
    assert_eq!(
        code(hsm.order(OrderOp::CreateTicket { ticket: reborn })),
        ErrorCode::TicketExists,
        "closed ones stay known"
    );
}
