//! The personalisation dialect on the SAM: both stages from blank to active, and what each of them refuses.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod host;

use cardlib_card::gm::sm2::{SigningKey, VerifyingKey};
use cardlib_card::gm::sm3;
use cardlib_card::profile::{Profile, Scope};
use cardlib_sim::{SamCard, VirtualCard};
use host::sam::*;
use host::*;

#[test]
fn both_stages_from_blank_to_active() {
    let mut sam = blank();
    assert_eq!(
        hex::encode_upper(sam.reset()),
        "3B6C0002A1A2A3A4A5A6A7A854540101"
    );
    national(&mut sam, 5);
    let probe = initialize_update(&mut sam, 0xFF, [0; 8]).unwrap();
    assert_eq!((probe.version, probe.counter, probe.state), (2, 0, 3));
    assert_eq!(probe.factor, SERIAL);

    let mut host = open_provincial(&mut sam);
    write_keys(&mut sam, &mut host, 5, Scope::Provincial);
    let generate = host.command(GENERATE, &[]);
    assert_eq!(sam.handle(&generate), [0x61, 0x40]);
    let (public, status) = send(&mut sam, &[0x00, 0xC0, 0x00, 0x00, 0x40]);
    assert_eq!((public.len(), status), (64, 0x9000));
    // Stage b is a session of its own.
    sam.reset();
    let mut host = open_provincial(&mut sam);
    files_naming(&mut sam, &mut host, 5, &public);
    assert_eq!(host.run(&mut sam, SET_PIN, &[0x12, 0x34, 0x56]), 0x9000);
    assert_eq!(host.run(&mut sam, ACTIVATE, &[]), 0x9000);
    assert_eq!(
        hex::encode_upper(sam.reset()),
        "3B6C0002A1A2A3A4A5A6A7A854540107"
    );

    // R57, D16, D17: digest in two pieces, signature over it as e.
    assert_eq!(status_of(&mut sam, "0020000003123456"), 0x9000);
    assert_eq!(status_of(&mut sam, "00A4000C02DF01"), 0x9000);
    assert_eq!(status_of(&mut sam, "80C80200026162"), 0x9000);
    let (digest, _) = send(&mut sam, &hex::decode("80C800000163").unwrap());
    assert_eq!(digest, sm3::digest(b"abc"));
    let (signature, _) = send(&mut sam, &[&[0x80, 0xC4, 0, 0, 0x20][..], &digest].concat());
    let public = VerifyingKey::from_bytes(&public).unwrap();
    public
        .verify_digest(&sm3::digest(b"abc"), &signature)
        .unwrap();
}

fn status_of(sam: &mut SamCard, apdu: &str) -> u16 {
    send(sam, &hex::decode(apdu).unwrap()).1
}

/// Every key of every type delivers a session key; the terminal's formula on the card key agrees with the SAM's.
#[test]
fn session_keys_come_from_the_roots() {
    let profile = Profile::rhc_2012();
    let (card, province, random) = (
        *b"\x11\x22\x33\x44\x55\x66\x77\x88",
        *b"41000000",
        *b"8 random",
    );
    for sam_type in [1, 4, 5] {
        let mut sam = active(sam_type);
        assert_eq!(status_of(&mut sam, "0020000003123456"), 0x9000);
        assert_eq!(status_of(&mut sam, "00A4000C02DF01"), 0x9000);
        for key in &profile.keys {
            let loaded = profile.sam_type(sam_type).unwrap().keys.contains(&key.name);
            for version in 0..key.groups {
                let mut data = card.to_vec();
                if key.sam_usage >> 5 == 2 {
                    data.extend(province);
                }
                data.extend(random);
                let p2 = version << 5 | key.sam_index;
                let apdu = [
                    &[0x80, 0xDE, key.sam_usage, p2, data.len() as u8],
                    &data[..],
                ]
                .concat();
                let wanted = if loaded { 0x9000 } else { 0x6A88 };
                assert_eq!(
                    send(&mut sam, &apdu).1,
                    wanted,
                    "type {sam_type} {}",
                    key.name
                );
                if !loaded {
                    continue;
                }
                let mut derived = root(key, version);
                if key.sam_usage >> 5 == 2 {
                    derived = spread(&derived, province);
                }
                let session = spread(&spread(&derived, card), random);
                let block = *b"sixteen bytes...";
                let apdu = [&[0x80, 0xFA, 0x00, 0x00, 0x10], &block[..]].concat();
                assert_eq!(
                    send(&mut sam, &apdu).0,
                    sm4(&session, block),
                    "{}",
                    key.name
                );
            }
        }
    }
}

#[test]
fn each_stage_refuses_the_others_commands() {
    let profile = Profile::rhc_2012();
    let national_key = profile.key("RK1_DDF1").unwrap();
    let provincial_key = profile.key("STK_DF01").unwrap();
    let mut sam = blank();
    for header in [WIPE, END_NATIONAL, ACTIVATE, GENERATE] {
        let mut host = Host::open(&mut sam, &transport_key(SERIAL), 0, 3).unwrap();
        assert_eq!(host.run(&mut sam, header, &[]), 0x6985);
    }
    let mut host = Host::open(&mut sam, &transport_key(SERIAL), 0, 3).unwrap();
    assert_eq!(
        host.write_key(&mut sam, 0, &header(national_key, 1), &[1; 16]),
        0x6985
    );
    let mut host = Host::open(&mut sam, &transport_key(SERIAL), 0, 3).unwrap();
    assert_eq!(
        host.write_key(&mut sam, 1, &SMK_P, &[1; 16]),
        0x6985,
        "SMK_N comes first"
    );

    let mut host = open_national(&mut sam);
    assert_eq!(
        host.write_key(&mut sam, 0, &header(provincial_key, 0), &[1; 16]),
        0x6A80
    );
    assert_eq!(
        host.write_key(&mut sam, 0, &header(national_key, 4), &[1; 16]),
        0x6A80
    );
    assert_eq!(
        host.run(&mut sam, END_NATIONAL, &[]),
        0x6985,
        "no SMK_P, no key"
    );
    assert_eq!(
        host.write_key(&mut sam, 1, &SMK_P, &card_key("SMK_P")),
        0x9000
    );
    assert_eq!(host.run(&mut sam, END_NATIONAL, &[]), 0x6985, "no key");
    assert_eq!(
        host.write_key(&mut sam, 0, &header(national_key, 1), &[1; 16]),
        0x9000
    );
    for (command, plain) in [
        (GENERATE, &[][..]),
        (IMPORT, &[7; 32]),
        (PROVE, &[7; 32]),
        (SET_PIN, &[0x11; 3]),
        (ACTIVATE, &[]),
    ] {
        let mut host = Host::open(&mut sam, &card_key("SMK_N"), 1, 3).unwrap();
        assert_eq!(host.run(&mut sam, command, plain), 0x6985);
    }
    let mut host = Host::open(&mut sam, &card_key("SMK_N"), 1, 3).unwrap();
    assert_eq!(host.store(&mut sam, "3F0000150000", &[1; 14]), 0x6985);
    let mut host = Host::open(&mut sam, &card_key("SMK_N"), 1, 3).unwrap();
    assert_eq!(host.run(&mut sam, END_NATIONAL, &[]), 0x9000);

    assert_eq!(
        Host::open(&mut sam, &card_key("SMK_N"), 1, 3).err(),
        Some(0x6A88)
    );
    let mut host = open_provincial(&mut sam);
    assert_eq!(
        host.write_key(&mut sam, 0, &header(national_key, 1), &[1; 16]),
        0x6A80
    );
    assert_eq!(
        host.write_key(&mut sam, 0, &header(provincial_key, 0), &[1; 16]),
        0x9000
    );
    assert_eq!(host.run(&mut sam, END_NATIONAL, &[]), 0x6985);
}

#[test]
fn activation_wants_everything() {
    let ready: [fn(&mut SamCard, &mut Host); 3] = [
        |sam, host| assert_eq!(host.run(sam, IMPORT, &[7; 32]), 0x9000),
        files,
        |sam, host| assert_eq!(host.run(sam, SET_PIN, &[0x12, 0x34, 0x56]), 0x9000),
    ];
    for missing in 0..ready.len() {
        let mut sam = blank();
        national(&mut sam, 1);
        let mut host = open_provincial(&mut sam);
        for (at, step) in ready.iter().enumerate() {
            if at != missing {
                step(&mut sam, &mut host);
            }
        }
        assert_eq!(
            host.run(&mut sam, ACTIVATE, &[]),
            0x6985,
            "without step {missing}"
        );
        ready[missing](&mut sam, &mut host);
        assert_eq!(host.run(&mut sam, ACTIVATE, &[]), 0x9000);
    }
}

#[test]
fn wipe_of_the_provincial_stage_leaves_the_national_keys() {
    let mut sam = blank();
    national(&mut sam, 4);
    let mut host = open_provincial(&mut sam);
    write_keys(&mut sam, &mut host, 4, Scope::Provincial);
    assert_eq!(host.run(&mut sam, IMPORT, &[7; 32]), 0x9000);
    files(&mut sam, &mut host);
    assert_eq!(host.run(&mut sam, SET_PIN, &[0x12, 0x34, 0x56]), 0x9000);
    assert_eq!(host.run(&mut sam, WIPE, &[]), 0x9000);
    assert_eq!(
        host.run(&mut sam, ACTIVATE, &[]),
        0x6985,
        "nothing of it is left"
    );
    assert_eq!(host.run(&mut sam, IMPORT, &[7; 32]), 0x9000);
    files(&mut sam, &mut host);
    assert_eq!(host.run(&mut sam, SET_PIN, &[0x12, 0x34, 0x56]), 0x9000);
    assert_eq!(host.run(&mut sam, ACTIVATE, &[]), 0x9000);
    assert_eq!(status_of(&mut sam, "0020000003123456"), 0x9000);
    assert_eq!(status_of(&mut sam, "00A4000C02DF01"), 0x9000);
    let national = format!("80DE472118{}", "00".repeat(24));
    let provincial = format!("80DE280210{}", "00".repeat(16));
    assert_eq!(status_of(&mut sam, &national), 0x9000, "IRK_DDF1");
    assert_eq!(status_of(&mut sam, &provincial), 0x6A88, "STK_DDF1");
}

#[test]
fn bad_content_is_refused() {
    let mut sam = blank();
    national(&mut sam, 1);
    let mut host = open_provincial(&mut sam);
    assert_eq!(host.run(&mut sam, SET_PIN, &[0x12, 0x34, 0x5A]), 0x6A80);
    assert_eq!(host.run(&mut sam, IMPORT, &[0; 32]), 0x6A80);
    assert_eq!(host.run(&mut sam, IMPORT, &[0xFF; 32]), 0x6A80);
    assert_eq!(
        host.store(&mut sam, "3F00001A0000", &[0; 25]),
        0x6A82,
        "wrong directory"
    );
    assert_eq!(host.store(&mut sam, "DF0200150000", &[0; 14]), 0x6A82);
    assert_eq!(host.store(&mut sam, "3F0000150001", &[0; 14]), 0x6A84);
    let (public, status) = send(&mut sam, &host.command(IMPORT, &[7; 32]));
    assert_eq!(status, 0x9000);
    let known = SigningKey::from_bytes(&[7; 32]).unwrap();
    assert_eq!(public, known.verifying_key().to_bytes());
}

/// The private keys of D37 are public: only chips of the test vendor take them.
#[test]
fn a_demo_chip_makes_its_own_key_pair() {
    let mut sam = blank_of([0x44, 0x45]);
    national(&mut sam, 1);
    let mut host = open_provincial(&mut sam);
    assert_eq!(host.run(&mut sam, IMPORT, &[7; 32]), 0x6985);
    let mut host = open_provincial(&mut sam);
    assert_eq!(host.run(&mut sam, GENERATE, &[]), 0x9000);
}

/// The chip signs that it holds the private half, for this chip and this challenge and nothing else.
#[test]
fn a_key_pair_is_proved() {
    let mut sam = blank_of([0x44, 0x45]);
    national(&mut sam, 1);
    let mut host = open_provincial(&mut sam);
    let challenge = [0xC4; 32];
    assert_eq!(
        host.run(&mut sam, PROVE, &challenge),
        0x6985,
        "no key pair yet"
    );
    let (public, status) = send(&mut sam, &host.command(GENERATE, &[]));
    assert_eq!((public.len(), status), (64, 0x9000));
    assert_eq!(host.run(&mut sam, PROVE, &challenge[..31]), 0x6A80);
    let (signature, status) = send(&mut sam, &host.command(PROVE, &challenge));
    assert_eq!((signature.len(), status), (64, 0x9000));
    let key = VerifyingKey::from_bytes(&public).unwrap();
    let text = |chip: [u8; 8], challenge: [u8; 32]| {
        [&b"RHC-COS-1-PROOF\0"[..], &chip, &challenge, &public].concat()
    };
    key.verify_message(&text(SERIAL, challenge), &signature)
        .unwrap();
    for other in [text([1; 8], challenge), text(SERIAL, [0xC5; 32])] {
        assert!(key.verify_message(&other, &signature).is_err());
    }
}

/// A certificate for another key stays inside: the SAM does not become active, and before that no file can be read.
#[test]
fn a_certificate_for_another_key_never_comes_out() {
    let mut sam = blank();
    national(&mut sam, 1);
    let mut host = open_provincial(&mut sam);
    let (public, _) = send(&mut sam, &host.command(GENERATE, &[]));
    let others = imported().verifying_key().to_bytes();
    files_naming(&mut sam, &mut host, 1, &others);
    assert_eq!(host.run(&mut sam, SET_PIN, &[0x12, 0x34, 0x56]), 0x9000);
    assert_eq!(host.run(&mut sam, ACTIVATE, &[]), 0x6985);
    assert_eq!(status_of(&mut sam, "00A4000C02DF01"), 0x9000);
    assert_eq!(status_of(&mut sam, "00A4000C02001C"), 0x9000);
    assert_eq!(status_of(&mut sam, "00B0000000"), 0x6985);
    let mut host = open_provincial(&mut sam);
    files_naming(&mut sam, &mut host, 1, &public);
    assert_eq!(host.run(&mut sam, ACTIVATE, &[]), 0x9000);
}

#[test]
fn an_active_sam_knows_the_dialects_making_commands_no_more() {
    let mut sam = active(1);
    for ins in ["DA", "E4", "46", "48", "D8", "F0", "E0"] {
        let apdu = format!("84{ins}0300080000000000000000");
        assert_eq!(status_of(&mut sam, &apdu), 0x6D00, "{ins}");
    }
}

/// R54, R66: order of checks, one counter for both commands, 6983 at the end; R70: it survives a reset.
#[test]
fn pin_rules() {
    let mut sam = active(1);
    assert_eq!(status_of(&mut sam, "00200001021234"), 0x6A86);
    assert_eq!(status_of(&mut sam, "00200000021234"), 0x6700);
    assert_eq!(
        status_of(&mut sam, "805E010007123456FF65432A"),
        0x6A80,
        "not decimal"
    );
    assert_eq!(
        status_of(&mut sam, "805E010007123456FE654321"),
        0x6A80,
        "no FF between"
    );
    assert_eq!(status_of(&mut sam, "805E010007999999FF654321"), 0x63C9);
    assert_eq!(status_of(&mut sam, "0020000003654321"), 0x63C8);
    sam.reset();
    assert_eq!(status_of(&mut sam, "0020000003654321"), 0x63C7);
    assert_eq!(
        status_of(&mut sam, "805E010007123456FF654321"),
        0x9000,
        "needs no VERIFY"
    );
    assert_eq!(status_of(&mut sam, "00A4000C02DF01"), 0x9000);
    assert_eq!(status_of(&mut sam, "80C8000001FF"), 0x6982, "and is none");
    assert_eq!(
        status_of(&mut sam, "0020000003654321"),
        0x6985,
        "not in DF01"
    );
    assert_eq!(status_of(&mut sam, "00A4000C023F00"), 0x9000);
    assert_eq!(status_of(&mut sam, "0020000003654321"), 0x9000);
    assert_eq!(status_of(&mut sam, "00A4000C02DF01"), 0x9000);
    assert_eq!(
        status_of(&mut sam, "80C8000001FF"),
        0x9000,
        "the status outlives SELECT"
    );
    assert_eq!(status_of(&mut sam, "00A4000C023F00"), 0x9000);
    assert_eq!(status_of(&mut sam, "805E010007999999FF654321"), 0x63C9);
    assert_eq!(status_of(&mut sam, "00A4000C02DF01"), 0x9000);
    assert_eq!(
        status_of(&mut sam, "80C8000001FF"),
        0x6982,
        "a wrong PIN takes it away"
    );
    assert_eq!(status_of(&mut sam, "00A4000C023F00"), 0x9000);
    assert_eq!(status_of(&mut sam, "0020000003654321"), 0x9000);
    for left in (0..10).rev() {
        assert_eq!(status_of(&mut sam, "0020000003111111"), 0x63C0 + left);
    }
    assert_eq!(status_of(&mut sam, "0020000003654321"), 0x6983);
    sam.reset();
    assert_eq!(status_of(&mut sam, "805E010007654321FF123456"), 0x6983);
}

/// R1, R2, R5, R55: two directories without names, five files, never writable.
#[test]
fn files_of_a_sam() {
    let mut sam = active(1);
    assert_eq!(
        send(&mut sam, &hex::decode("00A40000023F00").unwrap()).0,
        *b"\x6F\x04\x83\x02\x3F\x00"
    );
    assert_eq!(status_of(&mut sam, "00B0000000"), 0x6986);
    assert_eq!(status_of(&mut sam, "00A40000020001"), 0x9000);
    assert_eq!(status_of(&mut sam, "00B0000000"), 0x6B00);
    assert_eq!(status_of(&mut sam, "00A40000020015"), 0x9000);
    assert_eq!(
        hex::encode(send(&mut sam, &hex::decode("00B000000E").unwrap()).0),
        "1515151515151515151515011515",
        "the type in byte 12"
    );
    assert_eq!(status_of(&mut sam, "00B000000F"), 0x6C0E);
    assert_eq!(status_of(&mut sam, "00D600000100"), 0x6982);
    assert_eq!(
        status_of(&mut sam, "00A400000200 1C".replace(' ', "").as_str()),
        0x6A82,
        "not in the MF"
    );
    assert_eq!(
        send(&mut sam, &hex::decode("00A4000002DF01").unwrap()).0,
        *b"\x6F\x04\x83\x02\xDF\x01"
    );
    assert_eq!(status_of(&mut sam, "00A4000002001C"), 0x9000);
    assert_eq!(
        send(&mut sam, &hex::decode("00B0000000").unwrap()).0,
        certificate_of(&imported().verifying_key().to_bytes())
    );
    assert_eq!(
        status_of(&mut sam, "00A4040006915600013200"),
        0x6A82,
        "no names"
    );
    assert_eq!(status_of(&mut sam, "00B2010400"), 0x6D00);
    assert_eq!(status_of(&mut sam, "0088000011"), 0x6D00);
}
