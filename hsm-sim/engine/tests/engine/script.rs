//! Scripts as a card hears them: every command is checked and decrypted by the independent card of `common::card`.
#![allow(clippy::unwrap_used)]

use crate::common::card::{Card, diversify, test_root};
use crate::common::*;
use hsm_wire::fill::{FillAnswer, Segment, script_digest};
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Mark};
use proptest::prelude::*;
use std::cell::RefCell;

fn hear(card: &mut Card, answer: &FillAnswer, at: usize) -> Vec<u8> {
    let step = &answer.steps[at];
    let (heard, said) = card.hear(&step.apdu).unwrap();
    assert_eq!(step.sw, 0x9000);
    match step.expect_tail {
        Some(tail) => assert_eq!(said[8..], tail, "card cryptogram"),
        None => assert!(said.is_empty()),
    }
    heard.data
}

#[test]
fn a_card_understands_its_script() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let request = hsm.card_request();
    let answer = hsm.fill(Target::Card, request).unwrap();
    assert_eq!(answer.steps.len(), 11, "two opens make four commands");
    assert_eq!(answer.quota_left, 1);
    assert_eq!(answer.digest, script_digest(&answer.steps));

    let transport = diversify(&test_root("RHC-TEST-TRANSPORT"), &CARD);
    let cmk = diversify(&test_root("RHC-TEST-41-CMK-v0"), &CARD);
    let national = diversify(
        &diversify(&test_root("RHC-TEST-RK1_DDF1-v1"), &PROVINCE),
        &CARD,
    );
    let provincial = diversify(&test_root("RHC-TEST-41-UK1_DDF1-v1"), &CARD);

    let mut card = Card::new(transport, 0);
    hear(&mut card, &answer, 0);
    hear(&mut card, &answer, 1);
    let data = hear(&mut card, &answer, 2);
    assert_eq!(data[..9], [0, 0, 0, 1, 1, 0, 0, 0, 0]);
    assert_eq!(card.unwrap(&data[9..25], &data[25..]).unwrap(), cmk);
    card.rebase(cmk);
    hear(&mut card, &answer, 3);
    hear(&mut card, &answer, 4);
    assert!(hear(&mut card, &answer, 5).is_empty());
    for (at, expected) in [(6, national), (7, provincial)] {
        let data = hear(&mut card, &answer, at);
        assert_eq!(data.len(), 28);
        assert_eq!(card.unwrap(&data[9..25], &data[25..]).unwrap(), expected);
    }
    let text = hear(&mut card, &answer, 8);
    assert_eq!(text[8..], *answer.mac_texts[0].as_bytes());
    assert_eq!(text.len(), 11);
    assert_eq!(hear(&mut card, &answer, 9), [0x5A; 239]);
    assert!(hear(&mut card, &answer, 10).is_empty());
    let check = |key| crate::common::card::encrypt(key, &[0; 16])[..3].to_vec();
    let expected: Vec<_> = [&cmk, &national, &provincial].map(check).into();
    assert_eq!(
        answer
            .check_values
            .iter()
            .map(|c| c.0.to_vec())
            .collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn a_sam_understands_its_script_and_receives_the_root_itself() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let mut request = hsm.sam_request();
    let label = "RHC-TEST-SM2-SAM-41010520260000000019";
    request.steps.push(command(
        [0x84, 0xD8, 0, 0],
        vec![Segment::TestScalar(label.to_owned())],
    ));
    request.steps.push(command(
        [0x84, 0x24, 0, 0],
        vec![Segment::Literal(vec![0x12, 0x34, 0x56])],
    ));
    let answer = hsm.fill(Target::Sam, request).unwrap();
    let mut sam = Card::new(diversify(&test_root("RHC-TEST-TRANSPORT"), &CARD), 0);
    for at in 0..3 {
        hear(&mut sam, &answer, at);
    }
    sam.rebase(diversify(&test_root("RHC-TEST-SMK_N-v0"), &CARD));
    hear(&mut sam, &answer, 3);
    hear(&mut sam, &answer, 4);
    let data = hear(&mut sam, &answer, 5);
    assert_eq!(
        sam.unwrap(&data[9..25], &data[25..]).unwrap(),
        test_root("RHC-TEST-RK1_DDF1-v1")
    );
    // D37's private key as the vector file has it.
    let d = "F8CBAD6D60CE9E8C6B5607C311893D7EC78B1D0E69B178CB471B3019EF4DDB36";
    assert_eq!(hex::encode_upper(hear(&mut sam, &answer, 6)), d);
    assert_eq!(hear(&mut sam, &answer, 7), [0x12, 0x34, 0x56]);
}

/// The judge judges: one flipped bit anywhere in a script is noticed.
#[test]
fn a_changed_script_is_noticed() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let request = hsm.card_request();
    let answer = hsm.fill(Target::Card, request).unwrap();
    for at in 5..answer.steps[2].apdu.len() {
        let mut card = Card::new(diversify(&test_root("RHC-TEST-TRANSPORT"), &CARD), 0);
        hear(&mut card, &answer, 0);
        hear(&mut card, &answer, 1);
        let mut changed = answer.steps[2].apdu.clone();
        changed[at] ^= 1;
        assert!(card.hear(&changed).is_err());
    }
}

/// Rule 2: replies are never deterministic.
#[test]
fn the_same_card_twice_gives_other_bytes() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let (first, second) = (hsm.card_request(), hsm.card_request());
    let first = hsm.fill(Target::Card, first).unwrap();
    let second = hsm.fill(Target::Card, second).unwrap();
    for (a, b) in first.steps.iter().zip(&second.steps) {
        assert!(a.apdu != b.apdu);
    }
    assert_eq!(first.check_values, second.check_values);
    assert_ne!(first.digest, second.digest);
    // A script of the first attempt does not run on a card whose counter has moved on.
    let mut card = Card::new(diversify(&test_root("RHC-TEST-TRANSPORT"), &CARD), 1);
    card.hear(&first.steps[0].apdu).unwrap();
    assert!(card.hear(&first.steps[1].apdu).is_err());
}

#[test]
fn mac_only_sessions_protect_without_hiding() {
    let mut hsm = Hsm::province(Mark::Test, None);
    let mut request = hsm.card_request();
    request.base = key("CMK", &[CARD]);
    let level = hsm_wire::fill::Level::Mac;
    request.steps = vec![
        hsm_wire::fill::Step::Open {
            with: hsm_wire::fill::SessionKey::Base,
            key_version: 1,
            counter: 7,
            level,
        },
        hsm_wire::fill::Step::Command {
            header: STORE,
            segments: vec![Segment::Literal(vec![7; 239])],
            level,
        },
    ];
    let answer = hsm.fill(Target::Card, request).unwrap();
    let mut card = Card::new(diversify(&test_root("RHC-TEST-41-CMK-v0"), &CARD), 7);
    hear(&mut card, &answer, 0);
    hear(&mut card, &answer, 1);
    assert_eq!(hear(&mut card, &answer, 2), [7; 239]);
    let mut longer = hsm.card_request();
    longer.steps[7] = command(STORE, vec![Segment::Literal(vec![7; 240])]);
    assert_eq!(
        code(hsm.fill(Target::Card, longer)),
        ErrorCode::CommandNotAllowed
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the lengths and contents: the independent card hears the very bytes of the template.
    #[test]
    fn any_data_arrive(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..=239), 1..12), counter in 0u32..0xFF_FFFF) {
        thread_local! { static HSM: RefCell<Hsm> = RefCell::new(roomy()); }
        let answer = HSM.with_borrow_mut(|hsm| {
            let mut request = hsm.card_request();
            request.ticket = "matrix".into();
            request.factor = request.request_id[..8].try_into().unwrap();
            request.base = key("CMK", &[request.factor]);
            request.slots.clear();
            request.mac_texts.clear();
            let level = hsm_wire::fill::Level::MacEnc;
            request.steps = vec![hsm_wire::fill::Step::Open { with: hsm_wire::fill::SessionKey::Base, key_version: 1, counter, level }];
            request.steps.extend(pieces.iter().map(|piece| command(STORE, vec![Segment::Literal(piece.clone())])));
            let factor = request.factor;
            (factor, hsm.fill(Target::Card, request).unwrap())
        });
        let (factor, answer) = answer;
        let mut card = Card::new(diversify(&test_root("RHC-TEST-41-CMK-v0"), &factor), counter);
        hear(&mut card, &answer, 0);
        hear(&mut card, &answer, 1);
        for (at, piece) in pieces.iter().enumerate() {
            prop_assert_eq!(&hear(&mut card, &answer, at + 2), piece);
        }
    }
}

fn roomy() -> Hsm {
    let mut hsm = Hsm::province(Mark::Test, None);
    hsm.ticket("matrix", Target::Card, 10_000, &["CMK"]);
    hsm
}
