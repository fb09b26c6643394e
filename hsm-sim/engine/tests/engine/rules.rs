//! Every rule of the HSM port, broken one at a time: the refusal bears its name and its step, costs no count, and is
//! in the audit.
#![allow(clippy::unwrap_used)]

use crate::common::*;
use hsm_wire::fill::{FillRequest, Level, Segment, SessionKey, Step};
use hsm_wire::officer::OrderOp;
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Mark, Usage};

type Break = fn(&mut FillRequest);

fn replace(request: &mut FillRequest, step: usize, header: [u8; 4], segments: Vec<Segment>) {
    request.steps[step] = command(header, segments);
}

fn literal(length: usize) -> Segment {
    Segment::Literal(vec![0x77; length])
}

/// What is broken, the refusal, and the step that it names.
fn breakages() -> Vec<(&'static str, Break, ErrorCode, Option<u32>)> {
    use ErrorCode as E;
    vec![
        // Rule 1: key slots
        (
            "a key of the host's own in place of the slot",
            |r| replace(r, 4, LOAD, vec![literal(28)]),
            E::LiteralInKeySlot,
            Some(4),
        ),
        (
            "the key as three literals",
            |r| replace(r, 4, LOAD, vec![literal(9), literal(16), literal(3)]),
            E::LiteralInKeySlot,
            Some(4),
        ),
        (
            "the host's check value",
            |r| {
                replace(
                    r,
                    4,
                    LOAD,
                    vec![literal(9), Segment::KeySlot(1), literal(3)],
                )
            },
            E::KeySlotNotWhole,
            Some(4),
        ),
        (
            "another slot's check value",
            |r| {
                replace(
                    r,
                    4,
                    LOAD,
                    vec![literal(9), Segment::KeySlot(1), Segment::CheckValue(2)],
                )
            },
            E::KeySlotNotWhole,
            Some(4),
        ),
        (
            "a slot that does not stand on its place",
            |r| {
                replace(
                    r,
                    4,
                    LOAD,
                    vec![literal(8), Segment::KeySlot(1), Segment::CheckValue(1)],
                )
            },
            E::KeySlotNotWhole,
            Some(4),
        ),
        (
            "two slots in one command",
            |r| {
                replace(
                    r,
                    4,
                    LOAD,
                    vec![
                        literal(9),
                        Segment::KeySlot(1),
                        Segment::KeySlot(2),
                        Segment::CheckValue(1),
                    ],
                )
            },
            E::KeySlotNotWhole,
            Some(4),
        ),
        (
            "something behind the slot",
            |r| {
                replace(
                    r,
                    4,
                    LOAD,
                    vec![
                        literal(9),
                        Segment::KeySlot(1),
                        Segment::CheckValue(1),
                        literal(1),
                    ],
                )
            },
            E::KeySlotNotWhole,
            Some(4),
        ),
        (
            "a slot in a command with a MAC only",
            |r| {
                r.steps[4] = Step::Command {
                    header: LOAD,
                    segments: vec![literal(9), Segment::KeySlot(1), Segment::CheckValue(1)],
                    level: Level::Mac,
                };
            },
            E::SlotInClear,
            Some(4),
        ),
        (
            "a slot in a session with MACs only",
            |r| {
                r.steps[2] = Step::Open {
                    with: SessionKey::Slot(0),
                    key_version: 1,
                    counter: 0,
                    level: Level::Mac,
                };
                r.steps.remove(3);
            },
            E::SlotInClear,
            Some(3),
        ),
        (
            "a slot stored as data",
            |r| replace(r, 4, STORE, vec![literal(6), Segment::KeySlot(1)]),
            E::KeySlotMisplaced,
            Some(4),
        ),
        (
            "a check value stored as data",
            |r| replace(r, 4, STORE, vec![literal(6), Segment::CheckValue(1)]),
            E::KeySlotMisplaced,
            Some(4),
        ),
        (
            "an application key as master key",
            |r| r.steps[1] = load(LOAD_MASTER, [0; 9], 1),
            E::KeySlotMisplaced,
            Some(1),
        ),
        (
            "the master key as application key",
            |r| r.steps[4] = load(LOAD, [0; 9], 0),
            E::KeySlotMisplaced,
            Some(4),
        ),
        (
            "an application key under the maker's transport key",
            |r| r.steps[1] = load(LOAD, [0; 9], 1),
            E::KeySlotMisplaced,
            Some(1),
        ),
        (
            "a slot that is not there",
            |r| r.steps[4] = load(LOAD, [0; 9], 3),
            E::BadSlot,
            Some(4),
        ),
        (
            "a MAC text that is not there",
            |r| replace(r, 6, STORE, vec![Segment::MacText(1)]),
            E::BadSlot,
            Some(6),
        ),
        // Rule 1: one factor
        (
            "a slot for another card",
            |r| r.slots[2].factors = vec![OTHER_CARD],
            E::TwoFactors,
            None,
        ),
        (
            "a base key for another card",
            |r| r.base.factors = vec![OTHER_CARD],
            E::TwoFactors,
            None,
        ),
        (
            "a factor that is not the request's",
            |r| r.factor = OTHER_CARD,
            E::TwoFactors,
            None,
        ),
        (
            "two upper factors",
            |r| r.slots[0].factors = vec![*b"42000000", CARD],
            E::TwoFactors,
            None,
        ),
        // Depth and ways out
        (
            "a card asked for depth 0",
            |r| r.slots[2].factors.clear(),
            E::DepthTooSmall,
            None,
        ),
        (
            "a national key at depth 1",
            |r| r.slots[1].factors = vec![CARD],
            E::DepthTooSmall,
            None,
        ),
        (
            "a base key without the card in it",
            |r| r.base.factors.clear(),
            E::DepthTooSmall,
            None,
        ),
        (
            "a transport key in a slot",
            |r| r.slots[2].key = "transport".into(),
            E::NotPermitted,
            None,
        ),
        (
            "a SAM's master key in a card",
            |r| r.slots[2].key = "SMK_N".into(),
            E::NotPermitted,
            None,
        ),
        (
            "a MAC key in a slot",
            |r| r.slots[2].key = "cvk".into(),
            E::NotPermitted,
            None,
        ),
        (
            "a MAC with an application key",
            |r| r.mac_texts[0].key = "provincial".into(),
            E::NotPermitted,
            None,
        ),
        (
            "a key that is not there",
            |r| r.slots[2].key = "none".into(),
            E::NoSuchKey,
            None,
        ),
        // Rule 3: the policy
        (
            "a command that the policy does not list",
            |r| replace(r, 4, [0x84, 0x24, 0, 0], vec![literal(3)]),
            E::CommandNotAllowed,
            Some(4),
        ),
        (
            "the same INS with another CLA",
            |r| replace(r, 4, [0x80, 0xDA, 0, 0], vec![literal(3)]),
            E::CommandNotAllowed,
            Some(4),
        ),
        (
            "another P1",
            |r| replace(r, 4, [0x84, 0xD4, 2, 0], vec![literal(28)]),
            E::CommandNotAllowed,
            Some(4),
        ),
        (
            "INITIALIZE UPDATE by hand",
            |r| replace(r, 4, [0x80, 0x50, 0, 0], vec![literal(8)]),
            E::CommandNotAllowed,
            Some(4),
        ),
        (
            "EXTERNAL AUTHENTICATE by hand",
            |r| replace(r, 4, [0x84, 0x82, 1, 0], vec![literal(16)]),
            E::CommandNotAllowed,
            Some(4),
        ),
        (
            "a SAM's command to a card",
            |r| replace(r, 4, [0x84, 0x46, 0, 0], vec![]),
            E::CommandNotAllowed,
            Some(4),
        ),
        (
            "data in a command that has none",
            |r| replace(r, 3, WIPE, vec![literal(1)]),
            E::CommandNotAllowed,
            Some(3),
        ),
        (
            "a private key as data",
            |r| replace(r, 6, STORE, vec![Segment::TestScalar("RHC-TEST-X".into())]),
            E::CommandNotAllowed,
            Some(6),
        ),
        // Rule 4: base keys
        (
            "an application key as base key",
            |r| r.base.key = "provincial".into(),
            E::BadBaseKey,
            None,
        ),
        (
            "a SAM's transport key as base key",
            |r| r.base.key = "sam-transport".into(),
            E::BadBaseKey,
            None,
        ),
        (
            "a session on an application slot",
            |r| r.steps[2] = open_step(SessionKey::Slot(1), 1),
            E::BadBaseKey,
            Some(2),
        ),
        (
            "a session on no slot",
            |r| r.steps[2] = open_step(SessionKey::Slot(9), 1),
            E::BadSlot,
            Some(2),
        ),
        // Sessions
        (
            "a command before the first open",
            |r| drop(r.steps.remove(0)),
            E::NoSession,
            Some(0),
        ),
        (
            "clear data in an encrypted session",
            |r| {
                r.steps[6] = Step::Command {
                    header: STORE,
                    segments: vec![literal(9)],
                    level: Level::Mac,
                };
            },
            E::LevelMismatch,
            Some(6),
        ),
        (
            "a counter without a next value",
            |r| {
                r.steps[0] = Step::Open {
                    with: SessionKey::Base,
                    key_version: 0,
                    counter: 0xFF_FFFF,
                    level: Level::MacEnc,
                };
            },
            E::CounterExhausted,
            Some(0),
        ),
        // Rule 6: sizes
        ("no steps", |r| r.steps.clear(), E::TooLarge, None),
        (
            "too many steps",
            |r| r.steps = vec![command(WIPE, vec![]); 1025],
            E::TooLarge,
            None,
        ),
        (
            "too many slots",
            |r| r.slots = vec![key("provincial", &[CARD]); 513],
            E::TooLarge,
            None,
        ),
        (
            "too many texts",
            |r| r.mac_texts = vec![r.mac_texts[0].clone(); 17],
            E::TooLarge,
            None,
        ),
        (
            "a text too long",
            |r| r.mac_texts[0].message = vec![0; 257],
            E::TooLarge,
            None,
        ),
        (
            "a whole MAC as text",
            |r| r.mac_texts[0].digits = 9,
            E::TooLarge,
            None,
        ),
        (
            "too many factors",
            |r| r.slots[0].factors = vec![CARD; 5],
            E::TooLarge,
            None,
        ),
        (
            "too many segments",
            |r| replace(r, 6, STORE, vec![literal(1); 9]),
            E::TooLarge,
            Some(6),
        ),
        (
            "a literal longer than any command",
            |r| replace(r, 6, STORE, vec![literal(256)]),
            E::TooLarge,
            Some(6),
        ),
        (
            "texts beyond a command's data",
            |r| replace(r, 6, STORE, vec![literal(239), Segment::MacText(0)]),
            E::TooLarge,
            Some(6),
        ),
        (
            "a key id too long",
            |r| r.slots[0].key = "x".repeat(65),
            E::BadName,
            None,
        ),
        // Marks, mechanism, ticket
        (
            "a request of another mark",
            |r| r.mark = Mark::Demo,
            E::MarkMismatch,
            None,
        ),
        (
            "another mechanism",
            |r| r.mechanism = "scp03".into(),
            E::UnknownMechanism,
            None,
        ),
        (
            "a ticket that is not there",
            |r| r.ticket = "none".into(),
            E::NoSuchTicket,
            None,
        ),
        (
            "a SAM ticket for a card",
            |r| r.ticket = "sams".into(),
            E::TicketKind,
            None,
        ),
    ]
}

#[test]
fn every_rule_refuses_by_name_and_costs_nothing() {
    let mut hsm = Hsm::province(Mark::Test, None);
    for (what, break_it, expected, step) in breakages() {
        let mut request = hsm.card_request();
        break_it(&mut request);
        let refusal = hsm.fill(Target::Card, request).map(|_| ()).expect_err(what);
        assert_eq!(
            (refusal.code, refusal.step),
            (expected, step),
            "{what}: {refusal}"
        );
        let OperatorAnswer::Ticket(ticket) = hsm
            .engine
            .operator(OperatorRequest::Ticket { id: "cards".into() })
            .unwrap()
        else {
            panic!("no ticket")
        };
        assert_eq!((ticket.used, ticket.answers), (0, 0), "{what}");
        let head = hsm.info().audit.count - 1;
        let OperatorAnswer::Audit(records) = hsm
            .engine
            .operator(OperatorRequest::Audit { from: head })
            .unwrap()
        else {
            panic!("no audit")
        };
        assert_eq!(
            (records[0].operation.as_str(), records[0].outcome.as_str()),
            ("fill-card", expected.name())
        );
    }
    // And unbroken it goes through: the refusals are the breakages' own.
    let request = hsm.card_request();
    assert!(hsm.fill(Target::Card, request).is_ok());
}

#[test]
fn a_sam_has_rules_of_its_own() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let breakages: Vec<(&str, Break, ErrorCode)> = vec![
        (
            "a card's master key in a SAM",
            |r| r.slots[1].key = "CMK".into(),
            ErrorCode::NotPermitted,
        ),
        (
            "SMK_N as it is",
            |r| r.slots[0].factors.clear(),
            ErrorCode::DepthTooSmall,
        ),
        (
            "a card's transport key",
            |r| r.base.key = "transport".into(),
            ErrorCode::BadBaseKey,
        ),
        (
            "another SAM's root",
            |r| r.slots[1].factors = vec![OTHER_CARD],
            ErrorCode::TwoFactors,
        ),
        (
            "a card's ticket",
            |r| r.ticket = "cards".into(),
            ErrorCode::TicketKind,
        ),
        (
            "a private key of the host's own",
            |r| r.steps.push(command([0x84, 0xD8, 0, 0], vec![literal(32)])),
            ErrorCode::LiteralInKeySlot,
        ),
        (
            "a label that is no test key's",
            |r| {
                r.steps.push(command(
                    [0x84, 0xD8, 0, 0],
                    vec![Segment::TestScalar("SECRET".into())],
                ));
            },
            ErrorCode::BadName,
        ),
        (
            "a card's command",
            |r| r.steps.push(command([0x84, 0xE0, 0, 0], vec![literal(14)])),
            ErrorCode::CommandNotAllowed,
        ),
    ];
    for (what, break_it, expected) in breakages {
        let mut request = hsm.sam_request();
        break_it(&mut request);
        assert_eq!(code(hsm.fill(Target::Sam, request)), expected, "{what}");
    }
    let request = hsm.sam_request();
    assert_eq!(
        code(hsm.fill(Target::Card, request)),
        ErrorCode::TicketKind,
        "a SAM's request to fill_card"
    );
    let request = hsm.sam_request();
    assert!(hsm.fill(Target::Sam, request).is_ok());
}

#[test]
fn without_a_policy_nothing_is_filled() {
    let mut hsm = Hsm::province(Mark::Test, None);
    hsm.order(OrderOp::RemovePolicy).unwrap();
    let request = hsm.card_request();
    assert_eq!(code(hsm.fill(Target::Card, request)), ErrorCode::NoPolicy);
}

#[test]
fn a_policy_cannot_list_the_mechanisms_own_commands() {
    let mut hsm = Hsm::new(Mark::Demo);
    let refusals = [
        (
            r#"{"target":"card","cla":"84","ins":"82","shape":{"data":{"max":16}}}"#,
            ErrorCode::BadAttributes,
        ),
        (
            r#"{"target":"card","cla":"80","ins":"50","shape":{"data":{"max":8}}}"#,
            ErrorCode::BadAttributes,
        ),
        (
            r#"{"target":"card","cla":"00","ins":"A4","shape":{"data":{"max":8}}}"#,
            ErrorCode::BadAttributes,
        ),
        (
            r#"{"target":"card","cla":"84","ins":"DA","shape":{"data":{"max":8}},"load":"master"}"#,
            ErrorCode::BadAttributes,
        ),
        (
            r#"{"target":"sam","cla":"84","ins":"D8","shape":{"test-scalar":{}}}"#,
            ErrorCode::TestOnly,
        ),
    ];
    for (rule, expected) in refusals {
        let text = format!(r#"{{"name":"p","mechanism":"scp-sm4-v1","rules":[{rule}]}}"#);
        let policy = serde_json::from_str(&text).unwrap();
        assert_eq!(
            code(hsm.order(OrderOp::LoadPolicy { policy })),
            expected,
            "{rule}"
        );
    }
    let policy = serde_json::from_str(hsm_engine::POLICY_TEST).unwrap();
    assert_eq!(
        code(hsm.order(OrderOp::LoadPolicy { policy })),
        ErrorCode::TestOnly
    );
    hsm.policy(hsm_engine::POLICY_STANDARD);
}

/// Key separation: a key has one usage, and attributes that contradict each other are not taken.
#[test]
fn contradicting_attributes_are_refused() {
    let mut hsm = Hsm::new(Mark::Demo);
    let base = Usage::SessionBase(hsm_wire::BaseClass::CardTransport);
    for (what, attributes) in [
        (
            "a card key at depth 0",
            sm4("k", Usage::Derive, 0, (None, None, Some(0))),
        ),
        (
            "a transport key for cards",
            sm4("k", base, 0, (None, None, Some(1))),
        ),
        (
            "a MAC key for SAMs",
            sm4("k", Usage::Mac, 0, (None, Some(0), None)),
        ),
        (
            "an SM4 key that signs",
            sm4("k", Usage::Sign, 0, (None, None, None)),
        ),
        ("an SM2 key that is diversified", sm2("k", Usage::Derive)),
        (
            "a depth that nobody has",
            sm4("k", Usage::Derive, 99, (None, None, None)),
        ),
        ("no name", sm4("", Usage::Derive, 0, (None, None, None))),
    ] {
        assert_eq!(
            code(hsm.random_key("k", attributes)),
            ErrorCode::BadAttributes,
            "{what}"
        );
    }
}
