//! A finished card of the tests, and the terminal's half of its rules, written from the page (sections 3.4 and 3.5 of the card).

use cardlib_sim::{Chip, Random, TransportMaster, UserCard};

use super::*;

pub const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];

pub fn blank_card(profile: &'static Profile) -> UserCard {
    let key = TransportMaster::test_of(profile).key_of(&FACTOR);
    let chip = Chip::test(profile, FACTOR);
    UserCard::blank(profile, chip, key, Random::from_seed(Some(9)))
}

/// The same with a state file.
pub fn blank_card_at(path: &std::path::Path, profile: &'static Profile) -> UserCard {
    let key = TransportMaster::test_of(profile).key_of(&FACTOR);
    let chip = Chip::test(profile, FACTOR);
    UserCard::blank_at(path, profile, chip, key, Random::from_seed(Some(9))).unwrap()
}

/// The full script: keys are `card_key("NAME-vN")`.
pub fn finish(profile: &'static Profile, card: &mut UserCard) {
    let mut script = Script {
        profile,
        card,
        factor: FACTOR,
        level: 3,
    };
    script.whole();
    card.reset();
}

pub fn challenge(card: &mut dyn VirtualCard) -> [u8; 8] {
    let (bytes, status) = send(card, &[0x00, 0x84, 0x00, 0x00, 0x08]);
    assert_eq!(status, 0x9000);
    bytes.try_into().unwrap()
}

/// `left8 ⊕ right8` of `E(SK, info ‖ 0)`.
pub fn cryptogram(key: &Block, random: [u8; 8], info: [u8; 8]) -> [u8; 8] {
    let block = [info, [0; 8]].concat().try_into().unwrap();
    let out = sm4(&spread(key, random), block);
    std::array::from_fn(|i| out[i] ^ out[i + 8])
}

/// EXTERNAL AUTHENTICATE with version 1 (0 of one-group keys) of a key.
pub fn authenticate(card: &mut dyn VirtualCard, name: &str, kid: u8) -> u16 {
    let version = u8::from(!name.starts_with("LK") && !name.starts_with("BK"));
    let key = card_key(&format!("{name}-v{version}"));
    let random = challenge(card);
    let proof = cryptogram(&key, random, *b"terminal");
    let apdu = [
        &[0x00, 0x82, 0x00, kid, 17],
        &proof[..],
        b"terminal",
        &[version],
    ];
    send(card, &apdu.concat()).1
}

/// MAC over a header without data.
pub fn with_mac(card: &mut dyn VirtualCard, stk: &str, header: [u8; 4]) -> Vec<u8> {
    let session = spread(&card_key(stk), challenge(card));
    let whole = [&header[..], &[4]].concat();
    let mac = cbc(&session, [0; 16], &pad(&whole));
    [&whole[..], &mac[mac.len() - 16..][..4]].concat()
}

/// UPDATE RECORD with cipher and MAC.
pub fn secured(card: &mut dyn VirtualCard, stk: &str, header: [u8; 4], content: &[u8]) -> Vec<u8> {
    let session = spread(&card_key(stk), challenge(card));
    let plain = pad(&[&[content.len() as u8], content].concat());
    let body: Vec<u8> = plain
        .chunks(16)
        .flat_map(|block| sm4(&session, block.try_into().unwrap()))
        .collect();
    let head = [&header[..], &[(body.len() + 4) as u8], &body].concat();
    let mac = cbc(&session, [0; 16], &pad(&head));
    [&head[..], &mac[mac.len() - 16..][..4]].concat()
}

pub fn select(card: &mut dyn VirtualCard, path: &[&str]) {
    for fid in path {
        assert_eq!(status(card, &format!("00A4000C02{fid}")), "9000", "{fid}");
    }
}
