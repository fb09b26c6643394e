//! Whatever comes, a card answers with at least a status word, never more than 258 bytes, and goes on: commands near
//! the real ones, in every stage of life, from a fixed sequence of random numbers (so a failure repeats).
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod host;

use cardlib_card::content::CardContent;
use cardlib_card::profile::Profile;
use cardlib_sim::sam::MintedSam;
use cardlib_sim::{Chip, Random, SamCard, TransportMaster, UserCard, VirtualCard};
use host::*;

const CLASSES: [u8; 5] = [0x00, 0x04, 0x80, 0x84, 0x90];
const INSTRUCTIONS: [u8; 29] = [
    0x0C, 0x16, 0x18, 0x1E, 0x20, 0x24, 0x46, 0x48, 0x50, 0x5E, 0x82, 0x84, 0x88, 0xA4, 0xA4, 0xB0,
    0xB2, 0xC0, 0xC4, 0xC8, 0xD2, 0xD4, 0xD6, 0xD8, 0xDA, 0xDC, 0xDE, 0xE4, 0xFA,
];
const FILES: [u16; 14] = [
    0x3F00, 0xDDF1, 0xDF01, 0xDF02, 0xDF03, 0xEF05, 0xEF06, 0xEF07, 0xEF08, 0xEE01, 0xED05, 0x0015,
    0x001C, 0xFFFF,
];

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    let [a, b] = random.draw::<2>().unwrap();
    from[usize::from(u16::from_be_bytes([a, b])) % from.len()]
}

/// Something like a command.
fn command(random: &mut Random) -> Vec<u8> {
    let [choice, p1, p2, len, le] = random.draw::<5>().unwrap();
    if choice < 40 {
        let fid = pick(random, &FILES).to_be_bytes();
        return [&[0x00, 0xA4, 0x00, choice & 0x0C, 0x02], &fid[..]].concat();
    }
    let mut bytes = vec![
        pick(random, &CLASSES),
        pick(random, &INSTRUCTIONS),
        if choice & 1 == 0 { p1 } else { p1 & 0x07 },
        if choice & 2 == 0 { p2 } else { p2 & 0x07 },
    ];
    match choice % 5 {
        0 => bytes.push(le),
        1 => {}
        _ => {
            let len = pick(random, &[len, 4, 8, 16, 17, 20, 24, 32, 40]);
            let mut data = vec![0u8; usize::from(len)];
            random.fill(&mut data).unwrap();
            bytes.push(len);
            bytes.extend(data);
            if choice & 8 == 0 {
                bytes.push(le);
            }
        }
    }
    if choice > 250 {
        bytes.truncate(usize::from(len) % bytes.len());
    }
    bytes
}

fn storm(card: &mut dyn VirtualCard, seed: u64) {
    let mut random = Random::from_seed(Some(seed));
    for number in 0..20_000 {
        let bytes = command(&mut random);
        let answer = card.handle(&bytes);
        assert!(
            (2..=258).contains(&answer.len()),
            "{number}: {} bytes to {}",
            answer.len(),
            hex::encode(&bytes)
        );
        let sw1 = answer[answer.len() - 2];
        assert!(
            matches!(sw1, 0x90 | 0x61..=0x6E | 0x93),
            "{number}: {sw1:02X}"
        );
        if number % 1000 == 999 {
            assert_eq!(card.reset().len(), 16);
        }
    }
}

#[test]
fn user_cards() {
    let profile = Profile::rhc_2012();
    let chip = Chip::test(profile, [1; 8]);
    let transport = TransportMaster::test().key_of(&[1; 8]);
    let mut blank = UserCard::blank(profile, chip, transport.clone(), Random::from_seed(Some(1)));
    storm(&mut blank, 1);
    let mut half = UserCard::blank(profile, chip, transport, Random::from_seed(Some(1)));
    let mut script = Script {
        profile,
        card: &mut half,
        factor: [1; 8],
        level: 3,
    };
    let mut host = script.open();
    script.files(&mut host);
    storm(&mut half, 2);
    let content = CardContent::default();
    let random = Random::from_seed(Some(1));
    let mut active = UserCard::minted(profile, chip, &content, |_| [7; 16], random).unwrap();
    storm(&mut active, 3);
}

#[test]
fn sams() {
    let profile = Profile::rhc_2012();
    let chip = Chip::test(profile, [1; 8]);
    let transport = TransportMaster::test().key_of(&[1; 8]);
    let mut blank = SamCard::blank(profile, chip, transport, Random::from_seed(Some(1)));
    storm(&mut blank, 4);
    let sam = MintedSam {
        sam_type: 5,
        pin: [0x12, 0x34, 0x56],
        private_key: [7; 32],
        files: &[],
    };
    let random = Random::from_seed(Some(1));
    let mut active = SamCard::minted(profile, chip, &sam, |_| [7; 16], random).unwrap();
    active.handle(&[0x00, 0x20, 0x00, 0x00, 0x03, 0x12, 0x34, 0x56]);
    storm(&mut active, 5);
}

/// With the right to everything: a key holder's nonsense must not break the card either.
#[test]
fn a_session_of_the_dialect() {
    let profile = Profile::rhc_2012();
    let chip = Chip::test(profile, [1; 8]);
    let transport = TransportMaster::test().key_of(&[1; 8]);
    let mut card = UserCard::blank(profile, chip, transport, Random::from_seed(Some(1)));
    let mut script = Script {
        profile,
        card: &mut card,
        factor: [1; 8],
        level: 3,
    };
    let mut host = script.open();
    script.files(&mut host);
    let mut random = Random::from_seed(Some(6));
    for _ in 0..5_000 {
        let ins = pick(&mut random, &[0xD4, 0xE0, 0xDA, 0xDA, 0xDA]);
        let len = usize::from(pick(&mut random, &[14u8, 28, 7, 8, 30, 239, 60]));
        let mut plain = vec![0u8; len];
        random.fill(&mut plain).unwrap();
        if ins == 0xDA {
            plain[..2].copy_from_slice(&pick(&mut random, &FILES[1..5]).to_be_bytes());
            plain[2..4].copy_from_slice(&pick(&mut random, &FILES[5..9]).to_be_bytes());
            plain[4] &= 0x0F;
            plain[6] = pick(&mut random, &[1, 8, 11, 16, 22, 37, 57]);
        }
        let status = host.run(&mut card, [0x84, ins, 0, 0], &plain);
        let known = [0x9000, 0x6700, 0x6A80, 0x6A82, 0x6A84, 0x6985];
        assert!(known.contains(&status), "{status:04X} to {ins:02X}");
        if matches!(status, 0x6700 | 0x6985) {
            host = Host::open(&mut card, &card_key("CMK"), 1, 3).unwrap();
        }
    }
}
