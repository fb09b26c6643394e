//! What concerns the whole card: algorithms, answers to reset, the making of a card, counters, versions, names.

use cardlib_card::profile::Signature;
use cardlib_card::suite;
use cardlib_sim::{Chip, VirtualCard};

use super::{making, sams};
use crate::host::card::{authenticate, challenge, with_mac};
use crate::host::{self, card_key, send, status};
use crate::page::{self, FILES, KEYS};
use crate::stand::{FACTOR, Stand, enter, fid_of};

/// Digest and signature of the page's algorithms (D16, D17, D46); the cipher stands behind every authentication.
pub fn algorithms(stand: &Stand) {
    let mut sam = stand.sam(5);
    sams::ready(&mut sam);
    let digest = send(&mut sam, &[0x80, 0xC8, 0x00, 0x00, 0x03, b'a', b'b', b'c']);
    let wanted = if stand.aes() {
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
    } else {
        "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0"
    };
    assert_eq!(
        (hex::encode_upper(&digest.0).as_str(), digest.1),
        (wanted, 0x9000)
    );
    let sign = [&[0x80, 0xC4, 0x00, 0x00, 0x20][..], &digest.0].concat();
    let (signature, said) = send(&mut sam, &sign);
    assert_eq!(said, 0x9000);
    let algorithm = if stand.aes() {
        Signature::EcdsaP256
    } else {
        Signature::Sm2
    };
    let key = suite::SigningKey::from_bytes(algorithm, &host::sam::PRIVATE).expect("a key");
    let e = digest.0.as_slice().try_into().expect("32 bytes");
    key.verifying_key()
        .verify_digest(&e, &signature)
        .expect("the signature of the page's algorithm");
    let mut card = stand.card();
    enter(&mut card, "DDF1");
    assert_eq!(authenticate(&mut card, "RK1_DDF1", 0x04), 0x9000);
}

/// `3B 6C 00 02 ‖ factor ‖ vendor ‖ version ‖ life cycle` in every state (D6).
pub fn answers_to_reset(stand: &Stand) {
    let wanted = |state: &str| format!("3B6C00021122334455667788545401{state}");
    let shown = |card: &mut dyn VirtualCard| hex::encode_upper(card.reset());
    assert_eq!(shown(&mut stand.blank()), wanted("01"));
    let (mut card, _) = stand.half_made();
    assert_eq!(shown(&mut card), wanted("03"));
    let mut card = stand.card();
    assert_eq!(shown(&mut card), wanted("07"));
    assert_eq!(authenticate(&mut card, "BK_MF", 0x03), 0x9000);
    let block = with_mac(&mut card, "STK_MF-v0", [0x84, 0x16, 0, 0]);
    assert_eq!(send(&mut card, &block).1, 0x9000);
    assert_eq!(shown(&mut card), wanted("0F"));
    assert_eq!(shown(&mut stand.sam(5)), wanted("07"));
    let facts = stand
        .copy
        .parse_atr(&hex::decode(wanted("07")).expect("hex"))
        .expect("a card of ours");
    assert_eq!(facts.factor, FACTOR);
    assert_eq!(Chip::test(stand.copy, FACTOR).vendor, [0x54, 0x54]);
}

/// The whole script of the dialect from the page: directories, files, keys, both states at the end.
pub fn card_made(stand: &Stand) {
    let (mut card, mut host) = stand.half_made();
    let card = &mut card;
    for row in &FILES {
        let said = host.run(card, [0x84, 0xE0, 0, 0], &making::descriptor(row));
        assert_eq!(said, 0x9000, "{}", row.path);
    }
    let algorithm = if stand.aes() { 0x05 } else { 0x04 };
    for row in &KEYS {
        let [high, low] = fid_of(row.df).to_be_bytes();
        let counted = (page::READ..=page::LOCK).contains(&row.class);
        let limit = if counted { 10 } else { 0 };
        for version in 0..row.groups {
            let header = [
                high, low, row.class, row.kid, version, algorithm, limit, 0, 0,
            ];
            let said = host.write_key(card, 0, &header, &card_key("any"));
            assert_eq!(said, 0x9000, "{}", row.name);
        }
    }
    assert_eq!(host.store(card, "DDF1EF050000", b"\x01\x011"), 0x9000);
    assert_eq!(
        host.run(card, [0x84, 0xF0, 0x05, 0], &[]),
        0x9000,
        "personalised"
    );
    assert_eq!(host.run(card, [0x84, 0xF0, 0x07, 0], &[]), 0x9000, "active");
    assert_eq!(card.reset()[15], 0x07);
    enter(card, "DDF1");
    assert_eq!(status(card, "00A4000C02EF05"), "9000");
    assert_eq!(
        send(card, &[0x00, 0xB2, 1, 4, 0]),
        (b"\x01\x011".to_vec(), 0x9000)
    );
}

/// The third wrong MAC in a row blocks the application for a time (D10), on a minted card and after UNBLOCK.
pub fn mac_errors(stand: &Stand) {
    let mut card = stand.card();
    let card = &mut card;
    enter(card, "DF03");
    assert_eq!(authenticate(card, "UK1_DF03", 0x85), 0x9000);
    assert_eq!(status(card, "00A4000C02EF05"), "9000");
    let wrong = [0x84, 0xD2, 0x01, 0x00, 0x04, 0, 0, 0, 0];
    for _ in 0..2 {
        for _ in 0..2 {
            challenge(card);
            assert_eq!(send(card, &wrong).1, 0x6988);
        }
        let right = with_mac(card, "STK_DF03-v0", [0x84, 0xD2, 0x01, 0x00]);
        assert_eq!(send(card, &right).1, 0x9000);
    }
    for _ in 0..3 {
        challenge(card);
        assert_eq!(send(card, &wrong).1, 0x6988);
    }
    assert_eq!(send(card, &wrong).1, 0x6A81);
}

/// One-group keys have version 00 and no other (R31).
pub fn single_versions(stand: &Stand) {
    let mut card = stand.card();
    enter(&mut card, "DF01");
    assert_eq!(authenticate(&mut card, "LK_DF01", 0x83), 0x9000);
    let block = with_mac(&mut card, "STK_DF01-v0", [0x84, 0x1E, 0, 0]);
    assert_eq!(send(&mut card, &block).1, 0x9000);
}

/// A name of 5–16 bytes finds the first that begins with it (R3).
pub fn names(stand: &Stand) {
    let mut card = stand.card();
    let card = &mut card;
    assert_eq!(status(card, "00A4040C04 91560001"), "6A82");
    assert_eq!(status(card, "00A4040C05 9156000132"), "9000");
    let sixteen = "00000000000000000000000000000000";
    assert_eq!(status(card, &format!("00A4040C10 {sixteen}")), "6A82");
    assert_eq!(status(card, &format!("00A4040C11 {sixteen}00")), "6700");
}
