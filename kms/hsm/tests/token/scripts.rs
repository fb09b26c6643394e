//! Scripts made in the token, judged by the simulated chips, and check values judged by OpenSSL.

use std::io::Write;
use std::process::{Command, Stdio};

use cardlib_card::content::CardContent;
use cardlib_card::dialect::sam::{self, Versions};
use cardlib_card::dialect::{ChipState, Dialect, Plan, user};
use cardlib_sim::{Chip, Random, SamCard, Stage, TransportMaster, UserCard, VirtualCard};
use kms_core::port::{FillRequest, Filled, Hsm, HsmError, Target};
use uuid::Uuid;

use crate::house::{House, One, profile};

pub const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
const SAM: [u8; 8] = [0x5A; 8];

pub fn dialect() -> Dialect {
    Dialect::rhc_cos_1().unwrap()
}

pub const BLANK: ChipState = ChipState {
    key_version: 0,
    counter: 0,
    state: 1,
};

pub fn card_plan(state: ChipState) -> Plan {
    let mut content = CardContent::default();
    for (tag, text) in [
        (1, "1"),
        (2, "V1.1"),
        (8, "410102199001010016"),
        (10, "4100000001"),
        (57, "410100"),
    ] {
        content.set_text(profile(), tag, text).unwrap();
    }
    content.set(profile(), 5, &[0x01; 180]).unwrap();
    user::user_card(&dialect(), profile(), &content, state).unwrap()
}

pub fn card_request(one: &One, ticket: &str, factor: [u8; 8]) -> FillRequest {
    one.request(card_plan(BLANK), Target::Card, ticket, factor)
}

/// T=0: fetches the answer behind 61xx.
fn transmit(chip: &mut dyn VirtualCard, apdu: &[u8]) -> Vec<u8> {
    let answer = chip.handle(apdu);
    match answer.as_slice() {
        [0x61, length] => chip.handle(&[0x00, 0xC0, 0x00, 0x00, *length]),
        _ => answer,
    }
}

fn play(chip: &mut dyn VirtualCard, filled: &Filled) {
    for (number, step) in filled.steps.iter().enumerate() {
        let answer = transmit(chip, &step.apdu);
        let (data, sw) = answer.split_at(answer.len() - 2);
        assert_eq!(
            sw,
            step.sw.to_be_bytes(),
            "step {number}: {}",
            hex::encode(&step.apdu[..5])
        );
        if let Some(tail) = &step.expect_tail {
            assert!(data.ends_with(tail), "card cryptogram at step {number}");
        }
    }
}

pub fn a_sam_and_a_card_are_made() {
    let house = House::new();
    house.ministry.ticket("sams", Target::Sam, 1, 4);
    let mut chip = SamCard::blank(
        profile(),
        Chip::test(profile(), SAM),
        TransportMaster::test_of(profile()).key_of(&SAM),
        Random::from_seed(Some(2)),
    );
    chip.reset();
    let plan = sam::national(&dialect(), profile(), 1, &Versions::All, BLANK).unwrap();
    let request = house.ministry.request(plan, Target::Sam, "sams", SAM);
    let filled = house.ministry.hsm.fill(&request).unwrap();
    assert_eq!(filled.quota_left, 0);
    play(&mut chip, &filled);
    assert_eq!(
        chip.reset().last(),
        Some(&0x03),
        "the national stage is done"
    );

    house.prefecture.ticket("cards", Target::Card, 1, 4);
    let mut card = UserCard::blank(
        profile(),
        Chip::test(profile(), FACTOR),
        TransportMaster::test_of(profile()).key_of(&FACTOR),
        Random::from_seed(Some(1)),
    );
    card.reset();
    let request = card_request(&house.prefecture, "cards", FACTOR);
    let filled = house.prefecture.hsm.fill(&request).unwrap();
    assert_eq!((filled.check_values.len(), filled.mac_texts.len()), (58, 1));
    play(&mut card, &filled);
    assert_eq!(card.stage(), Stage::Active);
    println!("  a card's script: {} commands", filled.steps.len());
}

fn openssl(args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    done.stdout
}

fn aes(key: &[u8], block: &[u8]) -> Vec<u8> {
    let args = ["enc", "-aes-128-ecb", "-nopad", "-K", &hex::encode(key)];
    openssl(&args, block)
}

fn diversify(key: &[u8], factor: &[u8; 8]) -> Vec<u8> {
    let other: Vec<u8> = factor.iter().map(|byte| !byte).collect();
    aes(key, &[&factor[..], &other].concat())
}

fn root(label: &str) -> Vec<u8> {
    openssl(&["dgst", "-sha256", "-binary"], label.as_bytes())[..16].to_vec()
}

/// D2, D8, D31, D32, D46 by OpenSSL: what each tier holds, and what a card gets.
pub fn check_values_are_openssls() {
    let house = House::new();
    let held = |one: &One, id: &str| {
        let keys = one.hsm.keys().unwrap();
        keys.into_iter()
            .find(|key| key.spec.id == id)
            .unwrap()
            .check_value
            .to_vec()
    };
    let value = |key: &[u8]| aes(key, &[0; 16])[..3].to_vec();
    let national = root("RHC-TEST-RK1_DDF1-v1");
    let for_province = diversify(&national, b"41000000");
    assert_eq!(held(&house.ministry, "RK1_DDF1/1"), value(&national));
    assert_eq!(held(&house.province, "RK1_DDF1/1"), value(&for_province));
    assert_eq!(held(&house.prefecture, "RK1_DDF1/1"), value(&for_province));
    let provincial = root("RHC-TEST-41-UK1_DDF1-v2");
    assert_eq!(held(&house.prefecture, "UK1_DDF1/2"), value(&provincial));
    let cvk = root("RHC-TEST-41-CVK-v0");
    assert_eq!(held(&house.prefecture, "CVK/0"), value(&cvk));

    house.prefecture.ticket("cards", Target::Card, 1, 4);
    let request = card_request(&house.prefecture, "cards", FACTOR);
    let filled = house.prefecture.hsm.fill(&request).unwrap();
    for (id, parent) in [("RK1_DDF1/1", &for_province), ("UK1_DDF1/2", &provincial)] {
        let slot = request.slots.iter().position(|slot| slot.id == id).unwrap();
        assert_eq!(
            filled.check_values[slot].to_vec(),
            value(&diversify(parent, &FACTOR)),
            "{id}"
        );
    }
    // D22, the first three characters of the CBC-MAC over number and serial.
    let text = b"4101021990010100164100000001\x80\0\0\0";
    let args = [
        "enc",
        "-aes-128-cbc",
        "-nopad",
        "-K",
        &hex::encode(&cvk),
        "-iv",
        &"0".repeat(32),
    ];
    let mac = openssl(&args, text);
    assert_eq!(
        filled.mac_texts,
        [hex::encode_upper(&mac[16..])[..3].to_owned()]
    );
}

pub fn a_request_is_answered_once() {
    let house = House::new();
    let one = &house.prefecture;
    one.ticket("cards", Target::Card, 2, 2);
    let request = card_request(one, "cards", FACTOR);
    let first = one.hsm.fill(&request).unwrap();
    let again = one.hsm.fill(&request).unwrap();
    assert_eq!((&first.steps, first.digest), (&again.steps, again.digest));
    assert_eq!(first.quota_left, 1);
    let mut changed = card_request(one, "cards", FACTOR);
    changed.request_id = request.request_id;
    changed.factor = [9; 8];
    assert!(one.hsm.fill(&changed).err().unwrap().is("RepeatedScript"));
    // The same chip under a new id: fresh challenges, the same keys, no further count.
    let resumed = card_request(one, "cards", FACTOR);
    assert_ne!(resumed.request_id, Uuid::nil());
    let resumed = one.hsm.fill(&resumed).unwrap();
    assert_eq!(
        (resumed.quota_left, &resumed.check_values),
        (1, &first.check_values)
    );
    assert!(resumed.steps[0] != first.steps[0], "another host challenge");
}

/// The whole library ended behind the adapter's back: sessions, login and handles are gone, as when a token was pulled
/// and put back.
pub fn a_lost_session_is_replaced() {
    let house = House::new();
    let one = &house.prefecture;
    one.ticket("cards", Target::Card, 2, 2);
    let library = cryptoki::context::Pkcs11::new("/usr/lib/softhsm/libsofthsm2.so").unwrap();
    library.finalize().unwrap();
    let filled: Result<Filled, HsmError> = one.hsm.fill(&card_request(one, "cards", FACTOR));
    assert_eq!(filled.unwrap().quota_left, 1);
}
