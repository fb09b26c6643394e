//! Tests of `crypto`.

use super::*;

fn key(text: &str) -> Key {
    Key::from_slice(&hex::decode(text).unwrap()).unwrap()
}

/// GM/T 0002 example and the published diversification vector.
#[test]
fn published_vectors() {
    let k = "0123456789ABCDEFFEDCBA9876543210";
    let block = hex::decode(k).unwrap().try_into().unwrap();
    assert_eq!(
        hex::encode_upper(key(k).encrypt_block(block)),
        "681EDF34D206965E86B3E94F536E4246"
    );
    let factor = [0x92, 0xCD, 0xCE, 0x45, 0xA1, 0x67, 0x99, 0xFD];
    assert_eq!(
        hex::encode_upper(key(k).diversify(&factor).bytes),
        "86C63180C2806ED1F47B859DE501215B"
    );
    assert_eq!(key(k).check_value(), [0x26, 0x77, 0xF4]);
}

/// FIPS 197, C.1, and NIST SP 800-38B, D.1.
#[test]
fn aes_keys_stay_aes_keys() {
    let bytes = |text: &str| -> [u8; 16] { hex::decode(text).unwrap().try_into().unwrap() };
    let aes = |text: &str| Key::of(Cipher::Aes128, bytes(text));
    let k = aes("000102030405060708090A0B0C0D0E0F");
    let cipher_text = bytes("69C4E0D86A7B0430D8CDB78070B4C55A");
    let plain = bytes("00112233445566778899AABBCCDDEEFF");
    assert_eq!(k.encrypt_block(plain), cipher_text);
    assert_eq!(k.decrypt_ecb(&cipher_text), plain);
    let mac = aes("2B7E151628AED2A6ABF7158809CF4F3C");
    let message = bytes("6BC1BEE22E409F96E93D7E117393172A");
    assert_eq!(
        hex::encode_upper(mac.cmac(&[&message])),
        "070A16B46B4D4144F79BDD9DD04A287C"
    );
    let [left, right] = [&plain[..8], &plain[8..]].map(|half| half.try_into().unwrap());
    let one = k.diversify(&left).session(&right);
    let by_hand = |k: &Key, f: [u8; 8]| {
        let block = [f, f.map(|b| !b)].concat().try_into().unwrap();
        Key::of(Cipher::Aes128, k.encrypt_block(block))
    };
    assert!(one.is_same(&by_hand(&by_hand(&k, left), right)));
    assert!(
        !one.is_same(&Key::new(one.bytes)),
        "the same bytes under SM4 are another key"
    );
}

#[test]
fn ecb_and_cbc_undo_themselves() {
    let k = key("0123456789ABCDEFFEDCBA9876543210");
    let data: Vec<u8> = (0..48).collect();
    assert_eq!(k.decrypt_ecb(&k.encrypt_ecb(&data)), data);
    // CBC with the previous cipher block as IV of one block is ECB of the mixed block.
    let first = k.cbc_mac([0; 16], &data[..16]);
    let second = k.cbc_mac(first, &data[16..32]);
    let sent = [first, second].concat();
    assert_eq!(k.decrypt_cbc([0; 16], &sent), &data[..32]);
}

#[test]
fn padding_is_at_least_one_byte_and_at_most_a_block() {
    for len in 0..40 {
        let padded = pad(&vec![7; len]);
        assert_eq!(padded.len() % 16, 0);
        assert!(padded.len() > len && padded.len() <= len + 16);
        assert_eq!(unpad(&padded), Some(&vec![7; len][..]));
    }
    assert_eq!(unpad(&[0; 16]), None);
    assert_eq!(unpad(&[1; 16]), None);
    let too_long = [&[9u8; 15][..], &[0x80], &[0; 16]].concat();
    assert_eq!(unpad(&too_long), None);
}
