//! Every tier against the standard, against the crate `sm4`, and against the others.

use super::*;
use cipher::{Array, BlockCipherEncrypt, KeyInit};
use proptest::prelude::*;

fn tiers() -> impl Iterator<Item = Tier> {
    Tier::ALL.into_iter().filter(|tier| tier.available())
}

fn block(text: &str) -> Block {
    hsm_wire::Hex::parse(text).expect("16 bytes").0
}

fn oracle(key: &Block, data: &Block) -> Block {
    let mut array = Array(*data);
    ::sm4::Sm4::new(&Array(*key)).encrypt_block(&mut array);
    array.0
}

/// Blocks that all differ.
fn numbered(count: usize, salt: u8) -> Vec<Block> {
    (0..count)
        .map(|n| std::array::from_fn(|i| (n * 37 + i * 11) as u8 ^ salt))
        .collect()
}

/// One bit, as the plane of one byte.
#[derive(Clone, Copy)]
struct Bit(bool);

impl std::ops::BitXor for Bit {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl std::ops::BitAnd for Bit {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl sbox::Bits for Bit {}

/// The S-box of GM/T 0002 in its first row and last byte, and as a permutation; the cipher below tries the rest.
#[test]
fn the_circuit_is_a_permutation_with_the_first_row_of_the_standard() {
    let mut seen = [false; 256];
    let mut first = Vec::new();
    for byte in 0..=255_u8 {
        let planes = std::array::from_fn(|bit| Bit((byte ^ sbox::BEFORE) >> bit & 1 == 1));
        let out = sbox::circuit(&planes);
        let value = (0..8).fold(0, |value, bit| value | u8::from(out[bit].0) << bit) ^ sbox::AFTER;
        assert!(!std::mem::replace(&mut seen[usize::from(value)], true));
        first.push(value);
    }
    assert_eq!(
        hex::encode_upper(&first[..16]),
        "D690E9FECCE13DB716B614C228FB2C05"
    );
    assert_eq!(first[255], 0x48);
}

#[test]
fn example_1_on_every_tier() {
    let same = block("0123456789ABCDEFFEDCBA9876543210");
    for tier in tiers() {
        let sm4 = Sm4::on(tier, &same);
        let sealed = sm4.encrypt(&same);
        assert_eq!(
            sealed,
            block("681EDF34D206965E86B3E94F536E4246"),
            "{}",
            tier.name()
        );
        assert_eq!(sm4.decrypt(&sealed), same, "{}", tier.name());
        assert_eq!(sm4.round_keys[0], 0xF121_86F9, "{}", tier.name());
        assert_eq!(sm4.round_keys[31], 0x9124_A012, "{}", tier.name());
    }
}

/// GM/T 0002, example 2: a million rounds, on every tier.
#[test]
fn example_2_on_every_tier() {
    let start = block("0123456789ABCDEFFEDCBA9876543210");
    for tier in tiers() {
        let sm4 = Sm4::on(tier, &start);
        let mut data = start;
        for _ in 0..1_000_000 {
            data = sm4.encrypt(&data);
        }
        assert_eq!(
            data,
            block("595298C7C6FD271F0402F804C33D3F66"),
            "{}",
            tier.name()
        );
    }
}

/// Every length around the widths of groups, every kernel.
#[test]
fn every_length_agrees_with_the_oracle() {
    for tier in tiers() {
        for count in (0..=70).chain([127, 128, 129, 143, 144, 145, 255, 256, 257]) {
            let (keys, data) = (numbered(count, 0x5A), numbered(count, 0xC3));
            let mut own = data.clone();
            encrypt_own_on(tier, &keys, &mut own);
            let expected: Vec<_> = keys.iter().zip(&data).map(|(k, d)| oracle(k, d)).collect();
            assert!(own == expected, "own keys, {count} on {}", tier.name());

            let key = block("00112233445566778899AABBCCDDEEFF");
            let sm4 = Sm4::on(tier, &key);
            let mut shared = data.clone();
            sm4.encrypt_each(&mut shared);
            let expected: Vec<_> = data.iter().map(|d| oracle(&key, d)).collect();
            assert!(shared == expected, "one key, {count} on {}", tier.name());
            sm4.decrypt_each(&mut shared);
            assert!(shared == data, "back, {count} on {}", tier.name());

            if count <= LANES {
                let lanes = Lanes::on(tier, &keys);
                for fewer in [count, count / 2] {
                    let mut stored = data[..fewer].to_vec();
                    lanes.encrypt(&mut stored);
                    lanes.encrypt(&mut stored);
                    let twice = keys
                        .iter()
                        .zip(&data[..fewer])
                        .map(|(k, d)| oracle(k, &oracle(k, d)));
                    assert!(
                        stored == twice.collect::<Vec<_>>(),
                        "stored, {fewer} of {count} on {}",
                        tier.name()
                    );
                }
            }
        }
    }
}

/// Two keys, with few blocks, half of the lanes and more.
#[test]
fn two_keys_side_by_side_are_what_they_are_alone() {
    let keys = [[0x11; 16], [0xEE; 16]];
    let counts = [0, 1, 16, 17, 57, 63, 64, 65, 130];
    for tier in tiers() {
        let [a, b] = keys.map(|key| Sm4::on(tier, &key));
        for (first, second) in counts.iter().flat_map(|f| counts.map(|s| (*f, s))) {
            let (mut ours, mut theirs) = (numbered(first, 1), numbered(second, 2));
            let alone = |key, data: &[Block]| data.iter().map(|d| oracle(key, d)).collect();
            let expected: [Vec<_>; 2] = [alone(&keys[0], &ours), alone(&keys[1], &theirs)];
            encrypt_two([&a, &b], [&mut ours, &mut theirs]);
            assert!(
                [ours, theirs] == expected,
                "{first} and {second} on {}",
                tier.name()
            );
        }
    }
}

#[test]
#[should_panic(expected = "a key for each block")]
fn a_block_without_a_key_is_an_error_of_the_caller() {
    encrypt_own(&[[0; 16]], &mut [[0; 16]; 2]);
}

#[test]
fn the_traits_run_on_this_core() {
    let key = block("00112233445566778899AABBCCDDEEFF");
    let sm4 = <Sm4 as KeyInit>::new(&Array(key));
    for count in [1, 63, 64, 65, 200] {
        let data = numbered(count, 7);
        let mut blocks: Vec<_> = data.iter().map(|d| Array(*d)).collect();
        sm4.encrypt_blocks(&mut blocks);
        assert!(
            blocks
                .iter()
                .zip(&data)
                .all(|(b, d)| b.0 == oracle(&key, d))
        );
        cipher::BlockCipherDecrypt::decrypt_blocks(&sm4, &mut blocks);
        assert!(blocks.iter().zip(&data).all(|(b, d)| b.0 == *d));
    }
}

proptest! {
    #[test]
    fn random_keys_and_blocks_agree(pairs in prop::collection::vec(any::<(Block, Block)>(), 1..150)) {
        let (keys, data): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let expected: Vec<_> = keys.iter().zip(&data).map(|(k, d)| oracle(k, d)).collect();
        for tier in tiers() {
            let mut own = data.clone();
            encrypt_own_on(tier, &keys, &mut own);
            prop_assert!(own == expected);
            for (key, (data, expected)) in keys.iter().zip(data.iter().zip(&expected)) {
                let sm4 = Sm4::on(tier, key);
                prop_assert!(sm4.encrypt(data) == *expected);
                prop_assert!(sm4.decrypt(expected) == *data);
            }
        }
    }
}
