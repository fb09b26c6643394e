//! The personalisation dialect on the user card: the whole script from blank to active, its interruptions, and every
//! refusal that `docs/cos-dialect.md` names.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod host;

use cardlib_card::profile::Profile;
use cardlib_sim::{Chip, Random, Stage, TransportMaster, UserCard, VirtualCard};
use host::*;

const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];

fn blank() -> UserCard {
    let profile = Profile::rhc_2012();
    let chip = Chip::test(profile, FACTOR);
    let key = TransportMaster::test().key_of(&FACTOR);
    UserCard::blank(profile, chip, key, Random::from_seed(Some(1)))
}

fn script(card: &mut UserCard, level: u8) -> Script<'_> {
    Script {
        profile: Profile::rhc_2012(),
        card,
        factor: FACTOR,
        level,
    }
}

/// External authentication in the current directory, with the keys of [`card_key`].
fn authenticate(card: &mut UserCard, key: &str, kid: u8) -> u16 {
    let (challenge, _) = send(card, &[0x00, 0x84, 0x00, 0x00, 0x08]);
    let version = u8::from(!key.ends_with("-v0"));
    let session = spread(&card_key(key), challenge.try_into().unwrap());
    let mut info = [0u8; 16];
    info[..8].copy_from_slice(b"terminal");
    let e = sm4(&session, info);
    let proof: Vec<u8> = (0..8).map(|i| e[i] ^ e[i + 8]).collect();
    let apdu = [
        &[0x00, 0x82, 0x00, kid, 0x11],
        &proof[..],
        &info[..8],
        &[version],
    ]
    .concat();
    send(card, &apdu).1
}

#[test]
fn from_blank_to_active_and_the_data_are_there() {
    for level in [1, 3] {
        let mut card = blank();
        assert_eq!(
            hex::encode_upper(card.reset()),
            "3B6C0002112233445566778854540101"
        );
        script(&mut card, level).whole();
        assert_eq!(
            hex::encode_upper(card.reset()),
            "3B6C0002112233445566778854540107"
        );

        assert_eq!(
            status(&mut card, "00A4040C0C 57532E5359532E4444463031"),
            "9000"
        );
        assert_eq!(status(&mut card, "00A4000C02 EF05"), "9000");
        assert_eq!(
            send(&mut card, &[0x00, 0xB2, 0x39, 0x00, 0x00]).0,
            [0x39, 3, 0x41, 1, 0]
        );
        // Tag 06 was not stored: all padding (R20).
        assert_eq!(
            send(&mut card, &[0x00, 0xB2, 0x06, 0x00, 0x00]).0,
            [6, 4, 0xFF, 0xFF, 0xFF, 0xFF]
        );
        assert_eq!(status(&mut card, "00A4000C02 EF06"), "9000");
        assert_eq!(status(&mut card, "00B2010400"), "6982");
        assert_eq!(authenticate(&mut card, "RK1_DDF1-v1", 0x04), 0x9000);
        let (name, _) = send(&mut card, &[0x00, 0xB2, 0x01, 0x04, 0x00]);
        assert_eq!(name[2..8], *"张三".as_bytes());
        assert_eq!(status(&mut card, "00A4000C02 EF07"), "9000");
        assert_eq!(
            send(&mut card, &[0x00, 0xB0, 0x00, 0x00, 0x06]).0,
            *b"\x00\x03JPG\x00"
        );
        assert_eq!(
            send(&mut card, &[0x00, 0xB0, 0x03, 0xE7, 0x02]).0,
            [0, 0x5A]
        );

        assert_eq!(status(&mut card, "00A4040C06 915600013201"), "9000");
        assert_eq!(authenticate(&mut card, "RK1_DF02-v1", 0x84), 0x9000);
        assert_eq!(status(&mut card, "00A4000C02 EF08"), "9000");
        // The newest record first (R19).
        assert_eq!(send(&mut card, &[0x00, 0xB2, 0x01, 0x04, 0x00]).0, [2; 24]);
        assert_eq!(send(&mut card, &[0x00, 0xB2, 0x02, 0x04, 0x00]).0, [1; 24]);
        assert_eq!(status(&mut card, "00B2030400"), "6A83");

        assert_eq!(status(&mut card, "00A4040C06 915600013202"), "9000");
        assert_eq!(authenticate(&mut card, "RK1_DF03-v1", 0x84), 0x9000);
        assert_eq!(status(&mut card, "00A4000C02 EF05"), "9000");
        for (record, flag) in [(1, 0xFF), (2, 0x00), (3, 0xFF)] {
            assert_eq!(send(&mut card, &[0x00, 0xB2, record, 0x04, 0x00]).0, [flag]);
        }
    }
}

/// R32, D13: P2 00 and 04 name IRK_DDF1, in DDF1 only; every version of every key was loaded.
#[test]
fn every_loaded_key_version_answers() {
    let mut card = blank();
    script(&mut card, 3).whole();
    let (random, info) = (*b"terminal", *b"anythng!");
    for version in 0..4u8 {
        status(&mut card, "00A4040C0C 57532E5359532E4444463031");
        let session = spread(&card_key(&format!("IRK_DDF1-v{version}")), random);
        let mut block = [0u8; 16];
        block[..8].copy_from_slice(&info);
        let e = sm4(&session, block);
        let wanted: Vec<u8> = (0..8).map(|i| e[i] ^ e[i + 8]).collect();
        for p2 in [0x00, 0x04] {
            let apdu = [&[0, 0x88, 0, p2, 0x11][..], &random, &info, &[version]].concat();
            assert_eq!(send(&mut card, &apdu), (wanted.clone(), 0x9000));
        }
    }
    let dfs = [
        ("00A4000C023F00", "BK_MF-v0", 0x03u8),
        ("00A4000C02DDF1", "UK1_DDF1-v1", 0x05),
        ("00A4000C02DF01", "LK_DF01-v0", 0x83),
        ("00A4000C02DF02", "UK2_DF02-v1", 0x86),
        ("00A4000C02DF02", "UK3_DF02-v1", 0x87),
        ("00A4000C02DF03", "UK2_DF03-v1", 0x86),
    ];
    for (select, key, kid) in dfs {
        assert_eq!(status(&mut card, select), "9000", "{key}");
        assert_eq!(authenticate(&mut card, key, kid), 0x9000, "{key}");
    }
}

#[test]
fn a_probe_changes_nothing_and_the_counter_only_on_success() {
    let mut card = blank();
    let probe = initialize_update(&mut card, 0xFF, [0; 8]).unwrap();
    assert_eq!((probe.version, probe.counter, probe.state), (0, 0, 1));
    assert_eq!(probe.factor, FACTOR);
    assert_eq!(initialize_update(&mut card, 1, [0; 8]), Err(0x6A88));
    assert_eq!(initialize_update(&mut card, 0, [0; 8]).unwrap(), probe);
    assert_eq!(initialize_update(&mut card, 0xFF, [0; 8]).unwrap(), probe);
    assert!(Host::open(&mut card, &transport_key(FACTOR), 0, 3).is_ok());
    let after = initialize_update(&mut card, 0xFF, [0; 8]).unwrap();
    assert_eq!((after.version, after.counter, after.state), (0, 1, 1));
}

/// A wrong base key, a changed cryptogram, a changed MAC: 6300, and the counter stays.
#[test]
fn a_wrong_host_is_refused() {
    let mut card = blank();
    let transport = transport_key(FACTOR);
    for at in [5, 12, 13, 20] {
        let greeting = initialize_update(&mut card, 0, *b"hostchal").unwrap();
        assert_eq!(greeting.counter, 0);
        let (_, mut apdu) = Host::prepare(&transport, &greeting, *b"hostchal", 3);
        apdu[at] ^= 1;
        assert_eq!(send(&mut card, &apdu).1, 0x6300);
        // The opening is gone as well.
        apdu[at] ^= 1;
        assert_eq!(send(&mut card, &apdu).1, 0x6985);
    }
    assert!(Host::open(&mut card, &transport, 0, 3).is_ok());
    assert_eq!(initialize_update(&mut card, 0, [0; 8]).unwrap().counter, 1);
}

#[test]
fn external_authenticate_follows_directly() {
    let mut card = blank();
    let transport = transport_key(FACTOR);
    let greeting = initialize_update(&mut card, 0, *b"hostchal").unwrap();
    let (_, apdu) = Host::prepare(&transport, &greeting, *b"hostchal", 3);
    status(&mut card, "0084000008");
    assert_eq!(send(&mut card, &apdu).1, 0x6985, "a command in between");
    initialize_update(&mut card, 0, *b"hostchal").unwrap();
    let mut bad_level = apdu.clone();
    bad_level[2] = 0x02;
    assert_eq!(send(&mut card, &bad_level).1, 0x6A86);
    initialize_update(&mut card, 0, *b"hostchal").unwrap();
    card.reset();
    assert_eq!(send(&mut card, &apdu).1, 0x6985, "a reset in between");
    initialize_update(&mut card, 0, *b"hostchal").unwrap();
    assert_eq!(send(&mut card, &apdu).1, 0x9000);
    assert_eq!(send(&mut card, &apdu).1, 0x6985, "twice");
}

/// A recorded script does not run again: the counter has moved, so the card's challenge is another.
#[test]
fn a_script_runs_at_most_once() {
    let mut card = blank();
    let transport = transport_key(FACTOR);
    let greeting = initialize_update(&mut card, 0, *b"hostchal").unwrap();
    let (_, apdu) = Host::prepare(&transport, &greeting, *b"hostchal", 3);
    assert_eq!(send(&mut card, &apdu).1, 0x9000);
    card.reset();
    let again = initialize_update(&mut card, 0, *b"hostchal").unwrap();
    assert_ne!(again.challenge, greeting.challenge);
    assert_eq!(send(&mut card, &apdu).1, 0x6300);
}

#[test]
fn what_ends_a_session() {
    let mut card = blank();
    script(&mut card, 3).open();
    let cmk = card_key("CMK");
    let ends: [(&str, &str); 6] = [
        ("00A4000C023F00", "9000"),
        ("84E40000080000000000000000", "6988"),
        ("84E40000", "6700"),
        ("84E4000101", "6A86"),
        ("80CA0000", "6D00"),
        ("8050020008 0000000000000000", "6A88"),
    ];
    for (apdu, wanted) in ends {
        let mut host = Host::open(&mut card, &cmk, 1, 3).unwrap();
        assert_eq!(
            host.run(&mut card, [0x84, 0xE4, 0, 0], &[]),
            0x9000,
            "it is open"
        );
        assert_eq!(status(&mut card, apdu), wanted, "{apdu}");
        assert_eq!(
            host.run(&mut card, [0x84, 0xE4, 0, 0], &[]),
            0x6985,
            "{apdu}"
        );
    }
    // Content that is refused after a right MAC leaves the session open; so do plain commands.
    let mut host = Host::open(&mut card, &cmk, 1, 3).unwrap();
    let bad = host.command([0x84, 0xE0, 0, 0], &[0xAA; 14]);
    assert_eq!(send(&mut card, &bad).1, 0x6A80);
    assert_eq!(status(&mut card, "0084000008"), "9000");
    assert_eq!(status(&mut card, "00B0000000"), "6985");
    assert_eq!(host.run(&mut card, [0x84, 0xE4, 0, 0], &[]), 0x9000);
}

#[test]
fn before_activation_the_application_is_closed() {
    let mut card = blank();
    for apdu in [
        "00B2010400",
        "00B0000000",
        "00D600000100",
        "04DC010404 00000000",
        "84D2010004 00000000",
        "0088000011 0000000000000000000000000000000000",
        "0082000411 0000000000000000000000000000000000",
        "841E000004 00000000",
    ] {
        assert_eq!(status(&mut card, apdu), "6985", "{apdu}");
    }
    assert_eq!(status(&mut card, "00A4000C023F00"), "9000");
    assert_eq!(
        status(&mut card, "00A4040C0C 57532E5359532E4444463031"),
        "6A82"
    );
    assert_eq!(status(&mut card, "0084000000"), "9000");
    assert_eq!(status(&mut card, "00C0000000"), "6985");
    assert_eq!(status(&mut card, "8450000008 0000000000000000"), "6E00");
    assert_eq!(status(&mut card, "8046000000"), "6D00", "a SAM's command");
}

#[test]
fn after_activation_the_dialect_is_closed() {
    let mut card = blank();
    script(&mut card, 3).whole();
    assert_eq!(initialize_update(&mut card, 0xFF, [0; 8]), Err(0x6D00));
    for ins in ["D4", "E0", "DA", "E4", "F0"] {
        let apdu = format!("84{ins}0000080000000000000000");
        assert_eq!(status(&mut card, &apdu), "6D00", "{ins}");
    }
    assert_eq!(
        status(&mut card, "8482030010 00000000000000000000000000000000"),
        "6E00"
    );
}

#[test]
fn a_blank_takes_nothing_but_its_master_key() {
    let mut card = blank();
    let transport = transport_key(FACTOR);
    for header in [[0x84, 0xE4, 0, 0], [0x84, 0xF0, 5, 0], [0x84, 0xF0, 7, 0]] {
        let mut host = Host::open(&mut card, &transport, 0, 3).unwrap();
        assert_eq!(host.run(&mut card, header, &[]), 0x6985);
    }
    let mut host = Host::open(&mut card, &transport, 0, 3).unwrap();
    assert_eq!(host.store(&mut card, "DDF1EF050000", b"\x01\x011"), 0x6985);
    let mut host = Host::open(&mut card, &transport, 0, 3).unwrap();
    let mut field = host.key_field(&CMK_HEADER, &card_key("CMK"));
    field[27] ^= 1;
    assert_eq!(
        host.run(&mut card, [0x84, 0xD4, 1, 0], &field),
        0x6A80,
        "check value"
    );
    let smk_p = [0, 0, 0, 1, 2, 0, 0, 0, 0];
    assert_eq!(host.write_key(&mut card, 1, &smk_p, &card_key("x")), 0x6A80);
    assert_eq!(card.stage(), Stage::Blank);
    assert_eq!(
        host.write_key(&mut card, 1, &CMK_HEADER, &card_key("CMK")),
        0x9000
    );
    let probe = initialize_update(&mut card, 0xFF, [0; 8]).unwrap();
    assert_eq!((probe.version, probe.counter, probe.state), (1, 0, 3));
    assert_eq!(Host::open(&mut card, &transport, 0, 3).err(), Some(0x6A88));
}

#[test]
fn keys_that_the_profile_does_not_know_are_refused() {
    let mut card = blank();
    let mut script = script(&mut card, 3);
    let mut host = script.open();
    let (name, header) = key_headers(script.profile)
        .into_iter()
        .find(|k| k.0 == "RK1_DF01-v2")
        .unwrap();
    let key = card_key(&name);
    assert_eq!(
        host.write_key(&mut card, 0, &header, &key),
        0x6A82,
        "no DF01 yet"
    );
    let mut script = self::script(&mut card, 3);
    script.files(&mut host);
    for at in 0..9 {
        let mut wrong = header;
        wrong[at] ^= 0x40;
        assert_eq!(
            host.write_key(&mut card, 0, &wrong, &key),
            0x6A80,
            "byte {at}"
        );
    }
    let mut version_4 = header;
    version_4[4] = 4;
    assert_eq!(host.write_key(&mut card, 0, &version_4, &key), 0x6A80);
    assert_eq!(host.write_key(&mut card, 0, &header, &key), 0x9000);
    assert_eq!(
        host.write_key(&mut card, 0, &header, &key),
        0x9000,
        "the later counts"
    );
}

#[test]
fn files_are_made_as_the_profile_has_them() {
    let mut card = blank();
    let mut script = script(&mut card, 3);
    let mut host = script.open();
    let profile = script.profile;
    let create = [0x84, 0xE0, 0, 0];
    let ef05 = ef_descriptor(profile, 0xDDF1, profile.file("DDF1/EF05").unwrap());
    assert_eq!(host.run(&mut card, create, &ef05), 0x6A82, "no parent");
    assert_eq!(
        host.run(&mut card, create, &df_descriptor(0xDDF1, 0xDF01)),
        0x6A82
    );
    assert_eq!(
        host.run(&mut card, create, &df_descriptor(0x3F00, 0xDF01)),
        0x6A80
    );
    assert_eq!(
        host.run(&mut card, create, &df_descriptor(0x3F00, 0xDDF1)),
        0x9000
    );
    assert_eq!(
        host.run(&mut card, create, &df_descriptor(0x3F00, 0xDDF1)),
        0x6A84
    );
    for at in 0..14 {
        let mut wrong = ef05.clone();
        wrong[at] ^= 0x80;
        assert_eq!(host.run(&mut card, create, &wrong), 0x6A80, "byte {at}");
    }
    assert_eq!(host.run(&mut card, create, &ef05), 0x9000);
    assert_eq!(host.run(&mut card, create, &ef05), 0x6A84);
    // WIPE takes it all away again.
    assert_eq!(host.run(&mut card, [0x84, 0xE4, 0, 0], &[]), 0x9000);
    assert_eq!(host.run(&mut card, create, &ef05), 0x6A82);
}

#[test]
fn data_that_do_not_fit_are_refused_whole() {
    let mut card = blank();
    let mut script = script(&mut card, 3);
    let mut host = script.open();
    assert_eq!(
        host.store(script.card, "DDF1EF050000", b"\x01\x011"),
        0x6A82,
        "no file yet"
    );
    script.files(&mut host);
    let refused: [(&str, &[u8], u16); 14] = [
        ("DDF1EF090000", &[0], 0x6A82),
        ("DDF2EF050000", &[0], 0x6A82),
        ("DDF1EF050001", b"\x01\x011", 0x6A80),
        ("DDF1EF050000", b"\x01\x011\x02", 0x6A80),
        ("DDF1EF050000", b"\x01\x0212", 0x6A80),
        ("DDF1EF050000", b"\x07\x04\x20\x26\x01\x01", 0x6A80),
        ("DDF1EF050000", b"\x01\x01", 0x6A80),
        ("DDF1EF070C02", &[0], 0x6A84),
        ("DDF1EF070C01", &[0, 0], 0x6A84),
        ("DF03EF050000", &[0], 0x6A84),
        ("DF03EF050004", &[0], 0x6A84),
        ("DF03EF050001", &[0, 0], 0x6A80),
        ("DF02EF080000", &[0; 23], 0x6A80),
        ("DF02EF080001", &[0; 24], 0x6A80),
    ];
    for (place, bytes, wanted) in refused {
        assert_eq!(host.store(script.card, place, bytes), wanted, "{place}");
    }
    // A good record before a bad one is not written either.
    let half = b"\x01\x012\x02\x01x";
    assert_eq!(host.store(script.card, "DDF1EF050000", half), 0x6A80);
    script.keys(&mut host);
    script.finish(&mut host);
    status(&mut card, "00A4000C02DDF1");
    status(&mut card, "00A4000C02EF05");
    assert_eq!(
        send(&mut card, &[0x00, 0xB2, 0x01, 0x00, 0x00]).0,
        [1, 1, 0]
    );
}

#[test]
fn states_come_in_order_and_only_when_all_is_there() {
    let mut card = blank();
    let mut script = script(&mut card, 3);
    let mut host = script.open();
    let set = |host: &mut Host, card: &mut dyn VirtualCard, s: u8| {
        host.run(card, [0x84, 0xF0, s, 0], &[])
    };
    assert_eq!(set(&mut host, script.card, 5), 0x6985, "nothing there");
    script.files(&mut host);
    assert_eq!(set(&mut host, script.card, 5), 0x6985, "no keys");
    script.keys(&mut host);
    assert_eq!(set(&mut host, script.card, 5), 0x9000);
    assert_eq!(
        host.store(script.card, "DDF1EF050000", b"\x01\x011"),
        0x6985,
        "data are closed"
    );
    let mut host = Host::open(script.card, &card_key("CMK"), 1, 3).unwrap();
    assert_eq!(host.run(script.card, [0x84, 0xE4, 0, 0], &[]), 0x9000);
    assert_eq!(
        initialize_update(script.card, 0xFF, [0; 8]).unwrap().state,
        3,
        "05 falls back to 03"
    );
    let mut host = Host::open(script.card, &card_key("CMK"), 1, 3).unwrap();
    assert_eq!(set(&mut host, script.card, 7), 0x6985);
    let mut host = Host::open(script.card, &card_key("CMK"), 1, 3).unwrap();
    assert_eq!(set(&mut host, script.card, 3), 0x6A86, "a SAM's state");
}

/// The card pulled between any two phases: state 01, 03, 05 or 07, and the same script again ends in the same card.
#[test]
fn an_interrupted_script_is_resumed() {
    for stop_after in 0..5 {
        let mut card = blank();
        {
            let mut script = script(&mut card, 3);
            let mut host = script.open();
            type Phase = fn(&mut Script<'_>, &mut Host);
            let phases: [Phase; 4] = [
                |script, host| script.files(host),
                |script, host| script.keys(host),
                |script, host| script.data(host),
                |script, host| script.finish(host),
            ];
            for phase in phases.iter().take(stop_after) {
                phase(&mut script, &mut host);
            }
        }
        card.reset();
        if stop_after == 4 {
            assert_eq!(card.stage(), Stage::Active);
            continue;
        }
        // The same master key may come again, another one may not.
        let mut host = Host::open(&mut card, &card_key("CMK"), 1, 3).unwrap();
        assert_eq!(
            host.write_key(&mut card, 1, &CMK_HEADER, &card_key("CMK")),
            0x9000
        );
        assert_eq!(
            host.write_key(&mut card, 1, &CMK_HEADER, &card_key("other")),
            0x6A80
        );
        script(&mut card, 3).whole();
        assert_eq!(card.stage(), Stage::Active);
    }
}

#[test]
fn the_state_file_carries_a_half_made_card_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.state");
    let profile = Profile::rhc_2012();
    let key = TransportMaster::test().key_of(&FACTOR);
    let chip = Chip::test(profile, FACTOR);
    let mut card = UserCard::blank_at(&path, profile, chip, key, Random::System).unwrap();
    let mut first = script(&mut card, 3);
    let mut host = first.open();
    first.files(&mut host);
    first.keys(&mut host);
    drop(card);

    let mut card = UserCard::open(&path, profile, Random::System).unwrap();
    let probe = initialize_update(&mut card, 0xFF, [0; 8]).unwrap();
    assert_eq!((probe.version, probe.counter, probe.state), (1, 1, 3));
    script(&mut card, 3).whole();
    assert_eq!(
        UserCard::open(&path, profile, Random::System)
            .err()
            .map(|e| e.to_string().contains("in use")),
        Some(true)
    );
    drop(card);

    // A forgery has the data and not the keys, and its original stays as it was.
    let forged_path = dir.path().join("forged.state");
    let mut forged = UserCard::forged(
        &path,
        Some(&forged_path),
        profile,
        Random::from_seed(Some(3)),
    )
    .unwrap();
    let mut card = UserCard::open(&path, profile, Random::System).unwrap();
    assert_eq!(card.reset(), forged.reset());
    for (card, wanted) in [(&mut card, 0x9000), (&mut forged, 0x63C9)] {
        status(card, "00A4000C02DDF1");
        status(card, "00A4000C02EF05");
        assert_eq!(
            send(card, &[0x00, 0xB2, 0x39, 0x00, 0x00]).0,
            [0x39, 3, 0x41, 1, 0]
        );
        assert_eq!(authenticate(card, "RK1_DDF1-v1", 0x04), wanted);
    }
}

/// Records what a card was asked and answered.
struct Recorder {
    card: UserCard,
    tape: Vec<(Vec<u8>, Vec<u8>)>,
}

impl VirtualCard for Recorder {
    fn reset(&mut self) -> Vec<u8> {
        self.card.reset()
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let answer = self.card.handle(apdu);
        self.tape.push((apdu.to_vec(), answer.clone()));
        answer
    }
}

/// What the benchmark rests on: a copy of the state file and the same seed answer the same commands with the same bytes.
#[test]
fn a_replay_on_a_copy_answers_alike() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("a.state"), dir.path().join("b.state"));
    let profile = Profile::rhc_2012();
    let key = TransportMaster::test().key_of(&FACTOR);
    let seeded = || Random::from_seed(Some(11));
    let chip = Chip::test(profile, FACTOR);
    drop(UserCard::blank_at(&path, profile, chip, key, seeded()).unwrap());
    std::fs::copy(&path, &copy).unwrap();

    let mut first = Recorder {
        card: UserCard::open(&path, profile, seeded()).unwrap(),
        tape: Vec::new(),
    };
    let mut script = Script {
        profile,
        card: &mut first,
        factor: FACTOR,
        level: 3,
    };
    script.whole();
    send(&mut first, &[0x00, 0x84, 0x00, 0x00, 0x08]);
    assert!(first.tape.len() > 95);

    let mut second = UserCard::open(&copy, profile, seeded()).unwrap();
    second.reset();
    for (apdu, answer) in &first.tape {
        assert_eq!(&second.handle(apdu), answer);
    }
    drop((first, second));
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&copy).unwrap());
}
