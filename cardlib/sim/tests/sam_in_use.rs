//! What the issuer does with a SAM in use (D12, D40, D45): ceilings, new and retired key versions, lock, destruction; and
//! the state rules of hash and signature (R48, R49, R57).
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod host;

use cardlib_card::gm::sm2::SigningKey;
use cardlib_card::gm::sm3;
use cardlib_card::profile::Profile;
use cardlib_sim::{Random, SamCard, Stage, TransportMaster, VirtualCard};
use host::sam::*;
use host::*;

const SET_CEILING: [u8; 4] = [0x84, 0xDC, 0, 0];
const RETIRE: [u8; 4] = [0x84, 0xE6, 0, 0];
const LOCK: [u8; 4] = [0x84, 0xF2, 1, 0];
const UNLOCK: [u8; 4] = [0x84, 0xF2, 2, 0];
const DESTROY: [u8; 4] = [0x84, 0xF2, 3, 0];
/// DELIVERY of RK1_DDF1 version 1: usage 47, index 11, card, province, random.
const DELIVERY: &str = "80DE473118112233445566778834313030303030300102030405060708";

fn session(sam: &mut SamCard) -> Host {
    Host::open(sam, &card_key("SMK_P"), 2, 3).unwrap()
}

#[test]
fn a_ceiling_counts_durably_and_ends_in_6985() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sam");
    let profile = Profile::rhc_2012();
    let chip = cardlib_sim::Chip::test(profile, SERIAL);
    let key = TransportMaster::test().key_of(&SERIAL);
    let random = || Random::from_seed(Some(5));
    let mut sam = SamCard::blank_at(&path, profile, chip, key, random()).unwrap();
    make_active(&mut sam, 1);
    let mut host = session(&mut sam);
    let ceiling = |host: &mut Host, sam: &mut SamCard, limit: u32| {
        let plain = [&[0x11, 1][..], &limit.to_be_bytes()].concat();
        let command = host.command(SET_CEILING, &plain);
        send(sam, &command)
    };
    assert_eq!(ceiling(&mut host, &mut sam, 3), (vec![0; 4], 0x9000));
    ready(&mut sam);
    assert_eq!(status(&mut sam, DELIVERY), "9000");
    assert_eq!(status(&mut sam, DELIVERY), "9000");
    // A refused one does not count: another level, another usage byte.
    assert_eq!(
        status(&mut sam, "80DE4731101122334455667788 0102030405060708"),
        "6A80"
    );
    drop(sam);
    let mut sam = SamCard::open(&path, profile, random()).unwrap();
    ready(&mut sam);
    assert_eq!(status(&mut sam, DELIVERY), "9000", "the third of three");
    assert_eq!(status(&mut sam, DELIVERY), "6985");
    assert_eq!(
        status(&mut sam, &format!("80FA000010{}", "00".repeat(16))),
        "6901",
        "a refused DELIVERY leaves no session key"
    );
    let other = DELIVERY.replace("80DE4731", "80DE4711");
    assert_eq!(status(&mut sam, &other), "9000", "version 0 has no ceiling");
    let mut host = session(&mut sam);
    assert_eq!(ceiling(&mut host, &mut sam, 4), (vec![0, 0, 0, 3], 0x9000));
    ready(&mut sam);
    assert_eq!(status(&mut sam, DELIVERY), "9000");
    assert_eq!(status(&mut sam, DELIVERY), "6985");
    let mut host = session(&mut sam);
    assert_eq!(ceiling(&mut host, &mut sam, 0), (vec![0, 0, 0, 4], 0x9000));
    ready(&mut sam);
    assert_eq!(status(&mut sam, DELIVERY), "9000");
    let mut host = session(&mut sam);
    let absent = [0x02, 0, 0, 0, 0, 1];
    assert_eq!(
        host.run(&mut sam, SET_CEILING, &absent),
        0x6A88,
        "type 1 has no STK_DDF1"
    );
}

/// The provincial stage of a SAM that stands on a blank.
fn make_active(sam: &mut SamCard, sam_type: u8) {
    use cardlib_card::profile::Scope;
    national(sam, sam_type);
    let mut host = open_provincial(sam);
    write_keys(sam, &mut host, sam_type, Scope::Provincial);
    assert_eq!(host.run(sam, IMPORT, &[7; 32]), 0x9000);
    files_of_type(sam, &mut host, sam_type);
    assert_eq!(host.run(sam, SET_PIN, &[0x12, 0x34, 0x56]), 0x9000);
    assert_eq!(host.run(sam, ACTIVATE, &[]), 0x9000);
}

#[test]
fn rotation_brings_a_version_in_and_takes_one_out() {
    let profile = Profile::rhc_2012();
    let mut sam = active(3);
    let probe = initialize_update(&mut sam, 0xFF, [0; 8]).unwrap();
    assert_eq!((probe.version, probe.state), (2, 7));
    let key = |name| profile.key(name).unwrap();
    let mut host = session(&mut sam);
    assert_eq!(host.run(&mut sam, RETIRE, &[0x11, 1]), 0x9000);
    assert_eq!(host.run(&mut sam, RETIRE, &[0x11, 1]), 0x6A88);
    ready(&mut sam);
    assert_eq!(status(&mut sam, DELIVERY), "6A88");
    let mut host = session(&mut sam);
    let rk1 = key("RK1_DDF1");
    assert_eq!(
        host.write_key(&mut sam, 0, &header(rk1, 1), &root(rk1, 1)),
        0x9000
    );
    // A type 3 SAM never gets the psychiatric flag's key, nor one that its type lacks.
    let uk2 = key("UK2_DF02");
    assert_eq!(
        host.write_key(&mut sam, 0, &header(uk2, 1), &root(uk2, 1)),
        0x6A80
    );
    let stk = key("STK_MF");
    assert_eq!(
        host.write_key(&mut sam, 0, &header(stk, 0), &root(stk, 0)),
        0x6A80
    );
    assert_eq!(
        host.write_key(&mut sam, 0, &header(rk1, 4), &root(rk1, 4)),
        0x6A80
    );
    // The master key stays.
    let mut host = session(&mut sam);
    assert_eq!(
        host.write_key(&mut sam, 1, &SMK_P, &card_key("other")),
        0x6985
    );
    ready(&mut sam);
    assert_eq!(status(&mut sam, DELIVERY), "9000");
    let wanted = {
        let spread_all =
            |factors: &[[u8; 8]]| factors.iter().fold(root(rk1, 1), |k, f| spread(&k, *f));
        let factors = [
            *b"41000000",
            [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88],
        ];
        let random = [1, 2, 3, 4, 5, 6, 7, 8];
        sm4(&spread(&spread_all(&factors), random), [0; 16])
    };
    let (data, _) = send(&mut sam, &[&[0x80, 0xFA, 0, 0, 16][..], &[0; 16]].concat());
    assert_eq!(data, wanted);
}

/// Types 2 and 3 differ in UK2_DF02 only (SAM types, 4.5).
#[test]
fn types_two_and_three() {
    let uk2 = "80DE472D18112233445566778834313030303030300102030405060708";
    let uk3 = "80DE472E18112233445566778834313030303030300102030405060708";
    let rk3 = "80DE473418112233445566778834313030303030300102030405060708";
    let uk1_ddf1 = "80DE272A1011223344556677880102030405060708";
    for (sam_type, psychiatric) in [(2, "9000"), (3, "6A88")] {
        let mut sam = active(sam_type);
        ready(&mut sam);
        assert_eq!(status(&mut sam, uk2), psychiatric);
        assert_eq!(status(&mut sam, uk3), "9000");
        assert_eq!(status(&mut sam, rk3), "9000");
        assert_eq!(status(&mut sam, uk1_ddf1), "6A88");
    }
}

#[test]
fn a_stranger_cannot_manage_a_sam() {
    let mut sam = active(1);
    assert!(matches!(
        Host::open_unchecked(&mut sam, &card_key("wrong"), 2),
        Err(0x6300)
    ));
    for apdu in ["84F2010008", "84E600000A", "84DC00000E"] {
        let len = usize::from(u8::from_str_radix(&apdu[8..], 16).unwrap());
        assert_eq!(
            status(&mut sam, &format!("{apdu}{}", "00".repeat(len))),
            "6985",
            "{apdu}"
        );
    }
    // Nor with a right session and a wrong MAC.
    let mut host = session(&mut sam);
    let mut lock = host.command(LOCK, &[]);
    *lock.last_mut().unwrap() ^= 1;
    assert_eq!(send(&mut sam, &lock).1, 0x6988);
    let mut host = session(&mut sam);
    assert_eq!(host.run(&mut sam, [0x84, 0xF2, 4, 0], &[]), 0x6A86);
    assert_eq!(
        host.run(&mut sam, UNLOCK, &[]),
        0x6985,
        "the refusal ended the session"
    );
    // A minted or half-made SAM knows these commands not at all.
    let mut half = blank();
    national(&mut half, 1);
    let mut host = open_provincial(&mut half);
    assert_eq!(host.run(&mut half, LOCK, &[]), 0x6985);
}

#[test]
fn a_locked_sam_shows_its_serial_and_does_nothing_else() {
    let mut sam = active(2);
    ready(&mut sam);
    assert_eq!(status(&mut sam, DELIVERY), "9000");
    let mut host = session(&mut sam);
    assert_eq!(host.run(&mut sam, LOCK, &[]), 0x9000);
    assert_eq!(
        status(&mut sam, &format!("80FA000010{}", "00".repeat(16))),
        "6A81"
    );
    assert_eq!(sam.reset().last(), Some(&0x0F));
    for refused in [
        "0020000003123456",
        "805E010007123456FF123456",
        DELIVERY,
        "80C8000001AA",
        &format!("80C4000020{}", "11".repeat(32)),
    ] {
        assert_eq!(status(&mut sam, refused), "6A81", "{refused}");
    }
    for open in [
        "00A4000C023F00",
        "00A4000C020015",
        "00B000000E",
        "0084000008",
    ] {
        assert_eq!(status(&mut sam, open), "9000", "{open}");
    }
    let probe = initialize_update(&mut sam, 0xFF, [0; 8]).unwrap();
    assert_eq!(probe.state, 0x0F);
    let mut host = session(&mut sam);
    assert_eq!(host.run(&mut sam, LOCK, &[]), 0x6985, "locked already");
    assert_eq!(
        host.run(&mut sam, UNLOCK, &[]),
        0x9000,
        "a refusal after the right MAC keeps the session"
    );
    assert_eq!(sam.reset().last(), Some(&0x07));
    ready(&mut sam);
    assert_eq!(status(&mut sam, DELIVERY), "9000");
}

#[test]
fn a_destroyed_sam_answers_nothing_and_its_file_holds_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sam");
    let profile = Profile::rhc_2012();
    let chip = cardlib_sim::Chip::test(profile, SERIAL);
    let key = TransportMaster::test().key_of(&SERIAL);
    let mut sam = SamCard::blank_at(&path, profile, chip, key, Random::from_seed(Some(5))).unwrap();
    make_active(&mut sam, 5);
    let holds = |needle: &[u8]| {
        let file = std::fs::read(&path).unwrap();
        file.windows(needle.len()).any(|at| at == needle)
    };
    let rk1 = root(profile.key("RK1_DDF1").unwrap(), 1);
    assert!(holds(&rk1) && holds(&[7; 32]) && holds(&card_key("SMK_P")));
    let mut host = session(&mut sam);
    assert_eq!(host.run(&mut sam, DESTROY, &[]), 0x9000);
    assert_eq!(sam.stage(), Stage::Blocked);
    for apdu in [
        "00A40000023F00",
        "0084000008",
        "8050FF00080000000000000000",
        "00C0000000",
    ] {
        assert_eq!(status(&mut sam, apdu), "6A81", "{apdu}");
    }
    assert!(!holds(&rk1) && !holds(&[7; 32]) && !holds(&card_key("SMK_P")));
    drop(sam);
    let mut sam = SamCard::open(&path, profile, Random::System).unwrap();
    assert_eq!(sam.reset().last(), Some(&0x0F));
    assert_eq!(status(&mut sam, "0084000008"), "6A81");
}

#[test]
fn a_new_pin_under_the_master_key_ends_a_blocked_one() {
    let mut sam = active(1);
    for _ in 0..10 {
        status(&mut sam, "0020000003999999");
    }
    assert_eq!(status(&mut sam, "0020000003123456"), "6983");
    let mut host = session(&mut sam);
    assert_eq!(host.run(&mut sam, SET_PIN, &[0x65, 0x43, 0x21]), 0x9000);
    assert_eq!(status(&mut sam, "0020000003654321"), "9000");
}

/// R48, R49, R57: the hash lives in DF01, with the PIN, until its last block or another directory.
#[test]
fn hash_and_signature_in_every_corner() {
    let mut sam = active(2);
    let more = |data: &str| format!("80C80200{:02X}{data}", data.len() / 2);
    let last = |data: &str| format!("80C80000{:02X}{data}", data.len() / 2);
    let digest = |sam: &mut SamCard, apdu: &str| send(sam, &hex::decode(apdu).unwrap());
    // Order: 6A86, 6700, directory 6985, PIN 6982.
    assert_eq!(status(&mut sam, "80C8010001AA"), "6A86");
    assert_eq!(status(&mut sam, "80C8000101AA"), "6A86");
    assert_eq!(status(&mut sam, "80C80000"), "6700");
    assert_eq!(status(&mut sam, "80C8000001AA"), "6985", "in the MF");
    assert_eq!(status(&mut sam, "00A4000C02DF01"), "9000");
    assert_eq!(status(&mut sam, "80C8000001AA"), "6982", "R49");
    assert_eq!(status(&mut sam, "80C4000020"), "6700");
    assert_eq!(
        status(&mut sam, &format!("80C400001F{}", "00".repeat(31))),
        "6700"
    );
    assert_eq!(
        status(&mut sam, &format!("80C4010020{}", "00".repeat(32))),
        "6A86"
    );
    assert_eq!(
        status(&mut sam, &format!("80C4000020{}", "00".repeat(32))),
        "6982"
    );
    assert_eq!(
        status(&mut sam, "0020000003123456"),
        "6985",
        "PIN commands in the MF only"
    );

    ready(&mut sam);
    // No alignment, 1 to 255 bytes a call; other commands in between do not disturb it.
    let long = "AB".repeat(255);
    assert_eq!(status(&mut sam, &more("61")), "9000");
    assert_eq!(status(&mut sam, &more(&long)), "9000");
    assert_eq!(status(&mut sam, "80C80500 01 AA"), "6A86", "a refused call");
    assert_eq!(status(&mut sam, DELIVERY), "9000");
    assert_eq!(
        status(&mut sam, "00A4000C02DF01"),
        "9000",
        "the current directory: kept"
    );
    assert_eq!(
        status(&mut sam, "00A4000C02001B"),
        "9000",
        "one of its files: kept"
    );
    let message = [vec![0x61], vec![0xAB; 255], b"bc".to_vec()].concat();
    assert_eq!(
        digest(&mut sam, &last("6263")),
        (sm3::digest(&message).to_vec(), 0x9000)
    );
    // The last block ended it.
    assert_eq!(
        digest(&mut sam, &last("616263")),
        (sm3::digest(b"abc").to_vec(), 0x9000)
    );

    // Another directory takes it, so does a reset.
    assert_eq!(status(&mut sam, &more("78")), "9000");
    assert_eq!(status(&mut sam, "00A4000C023F00"), "9000");
    assert_eq!(status(&mut sam, "00A4000C02DF01"), "9000");
    assert_eq!(
        digest(&mut sam, &last("616263")).0,
        sm3::digest(b"abc"),
        "and the PIN stayed"
    );
    assert_eq!(status(&mut sam, &more("78")), "9000");
    ready(&mut sam);
    assert_eq!(digest(&mut sam, &last("616263")).0, sm3::digest(b"abc"));

    // Any 32 bytes are signed, with e as it stands (D17).
    let public = SigningKey::from_bytes(&[7; 32])
        .unwrap()
        .verifying_key()
        .clone();
    for e in [[0u8; 32], [0xFF; 32], sm3::digest(b"abc")] {
        let (signature, sw) = digest(&mut sam, &format!("80C4000020{}", hex::encode(e)));
        assert_eq!((signature.len(), sw), (64, 0x9000));
        assert_eq!(public.verify_digest(&e, &signature), Ok(()));
    }
    // T=0: the answer waits, and any other command loses it (R10, R12).
    assert_eq!(
        sam.handle(&hex::decode(last("616263")).unwrap()),
        [0x61, 0x20]
    );
    assert_eq!(status(&mut sam, "00C0000021"), "6C20");
    assert_eq!(sam.handle(&[0, 0xC0, 0, 0, 0x10])[16..], [0x61, 0x10]);
    assert_eq!(status(&mut sam, "0084000008"), "9000");
    assert_eq!(status(&mut sam, "00C0000010"), "6985");
}
