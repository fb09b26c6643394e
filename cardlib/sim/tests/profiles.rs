//! Every embedded profile is the same card and SAM with other data (D4, D46, P6): made by the full script, authenticated
//! both ways, updated, signed; and what the bank's directories refuse.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod host;

use cardlib_card::profile::{FactorKind, Profile, Scope};
use cardlib_card::suite::{Hasher, SigningKey};
use cardlib_sim::{UserCard, VirtualCard};
use host::card::*;
use host::sam::{active_of, ready, root};
use host::*;

fn all() -> impl Iterator<Item = &'static Profile> {
    Profile::names().map(|name| Profile::named(name).unwrap())
}

fn finished(profile: &'static Profile) -> UserCard {
    speak(profile);
    let mut card = blank_card(profile);
    finish(profile, &mut card);
    card
}

#[test]
fn cards_of_every_profile_are_made_read_and_written() {
    for profile in all() {
        let mut card = finished(profile);
        let name = &profile.name;
        assert_eq!(card.reset().last(), Some(&7), "{name}");
        select(&mut card, &["DDF1"]);
        let apdu = [
            &[0x00, 0x88, 0x00, 0x00, 17][..],
            b"\x01\x02\x03\x04\x05\x06\x07\x08terminal\x01",
        ]
        .concat();
        let (proof, status) = send(&mut card, &apdu);
        let wanted = cryptogram(
            &card_key("IRK_DDF1-v1"),
            [1, 2, 3, 4, 5, 6, 7, 8],
            *b"terminal",
        );
        assert_eq!((proof.as_slice(), status), (&wanted[..], 0x9000), "{name}");

        select(&mut card, &["DF01", "EF07"]);
        assert_eq!(authenticate(&mut card, "UK1_DF01", 0x85), 0x9000, "{name}");
        let update = secured(&mut card, "STK_DF01-v0", [0x04, 0xDC, 1, 4], &[34, 1, 0x2F]);
        assert_eq!(send(&mut card, &update).1, 0x9000, "{name}");
        assert_eq!(authenticate(&mut card, "RK1_DF01", 0x84), 0x9000, "{name}");
        let (record, _) = send(&mut card, &[0x00, 0xB2, 1, 4, 0]);
        assert_eq!(record, [34, 1, 0x2F], "{name}");

        select(&mut card, &["DF03", "EF05"]);
        assert_eq!(authenticate(&mut card, "UK1_DF03", 0x85), 0x9000, "{name}");
        let write = with_mac(&mut card, "STK_DF03-v0", [0x84, 0xD2, 1, 0]);
        assert_eq!(send(&mut card, &write).1, 0x9000, "{name}");
    }
}

/// R51 for one, two and three levels; the factors a terminal sends run from the card upwards.
#[test]
fn sams_of_every_profile_derive_session_keys_and_sign() {
    const CARD: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
    const RANDOM: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
    for profile in all() {
        speak(profile);
        let mut sam = active_of(profile, 5);
        ready(&mut sam);
        for key in &profile.keys {
            let version = u8::from(key.groups > 1);
            let downwards: Vec<[u8; 8]> = match (profile.name.as_str(), key.scope) {
                ("rhc-three-level", Scope::National) => vec![*b"41000000", *b"41010000", CARD],
                ("rhc-three-level", Scope::Provincial) => vec![*b"41010000", CARD],
                (_, Scope::National) => vec![*b"41000000", CARD],
                (_, Scope::Provincial) => vec![CARD],
            };
            assert_eq!(downwards.len(), key.factors.len());
            assert_eq!(key.factors.last(), Some(&FactorKind::Card));
            let mut apdu = vec![0x80, 0xDE, key.sam_usage, version << 5 | key.sam_index];
            apdu.push((downwards.len() * 8 + 8) as u8);
            apdu.extend(downwards.iter().rev().flatten());
            apdu.extend(RANDOM);
            assert_eq!(
                send(&mut sam, &apdu).1,
                0x9000,
                "{} {}",
                profile.name,
                key.name
            );
            let card_key = downwards
                .iter()
                .fold(root(key, version), |k, f| spread(&k, *f));
            let wanted = sm4(&spread(&card_key, RANDOM), [0x5A; 16]);
            let (cipher, _) = send(
                &mut sam,
                &[&[0x80, 0xFA, 0, 0, 16][..], &[0x5A; 16]].concat(),
            );
            assert_eq!(cipher, wanted, "{} {}", profile.name, key.name);
            // A level more or less is not the key's.
            let mut longer = apdu.clone();
            longer.splice(5..5, [0; 8]);
            longer[4] += 8;
            let refused = if longer[4] > 0x20 { 0x6700 } else { 0x6A80 };
            assert_eq!(send(&mut sam, &longer).1, refused);
        }
        let (digest, _) = send(&mut sam, b"\x80\xC8\x00\x00\x03abc");
        let mut hash = Hasher::new(profile.crypto.hash);
        hash.update(b"abc");
        assert_eq!(digest, hash.finish());
        let (signature, _) = send(&mut sam, &[&[0x80, 0xC4, 0, 0, 32], &digest[..]].concat());
        let key = SigningKey::from_bytes(profile.crypto.signature, &[7; 32]).unwrap();
        let digest = digest.try_into().unwrap();
        assert_eq!(
            key.verifying_key().verify_digest(&digest, &signature),
            Ok(())
        );
    }
}

#[test]
fn a_card_of_one_profile_is_refused_under_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card");
    let aes = Profile::named("rhc-aes").unwrap();
    drop(blank_card_at(&path, aes));
    let random = || cardlib_sim::Random::from_seed(Some(1));
    let refused = UserCard::open(&path, Profile::rhc_2012(), random())
        .err()
        .unwrap();
    assert!(refused.to_string().contains("rhc-aes"), "{refused}");
    assert!(UserCard::open(&path, aes, random()).is_ok());
}

/// P6, R8.
#[test]
fn the_banks_directories_can_be_selected_and_refuse_the_health_commands() {
    let profile = Profile::named("rhc-2012-bank").unwrap();
    let mut card = finished(profile);
    let pse = "315041592E5359532E4444463031";
    let (fci, _) = send(&mut card, &hex::decode(format!("00A404000E{pse}")).unwrap());
    assert_eq!(hex::encode_upper(fci), format!("6F10840E{pse}"));
    for name in [
        "0E325041592E5359532E4444463031",
        "08A000000333010101",
        "08A000000333010106",
    ] {
        assert_eq!(
            status(&mut card, &format!("00A4040C{name}")),
            "9000",
            "{name}"
        );
        for (apdu, refused) in [
            ("0084000008", "6985"),
            ("00B2010400", "6986"),
            ("00B0000010", "6986"),
            ("00D600000100", "6986"),
            ("04DC010414F2A8F3CB5C9AA233D721EA90404F1E7D7D019C7B", "6986"),
            ("84D20100043D8415B0", "6986"),
            ("840C01000420D81EFF", "6986"),
            ("008800001101020304050607081122334455667788 01", "6A88"),
            ("008200041101020304050607081122334455667788 01", "6A88"),
            ("841E00000400000000", "6985"),
            ("841800000400000000", "6985"),
            ("841600000400000000", "6985"),
            ("00A4000C02EF05", "6A82"),
        ] {
            assert_eq!(status(&mut card, apdu), refused, "{apdu} in {name}");
        }
    }
    // The health environment is where it was, and its rights end at the bank's door (R35).
    select(&mut card, &["3F00", "DDF1"]);
    assert_eq!(authenticate(&mut card, "RK1_DDF1", 0x04), 0x9000);
    assert_eq!(status(&mut card, &format!("00A4040C0E{pse}")), "9000");
    select(&mut card, &["3F00", "DDF1", "EF06"]);
    assert_eq!(status(&mut card, "00B2010400"), "6982");
    // In the plain profile there is no bank.
    let mut plain = finished(Profile::rhc_2012());
    assert_eq!(status(&mut plain, &format!("00A404000E{pse}")), "6A82");
}
