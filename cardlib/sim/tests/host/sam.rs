//! SAMs on their way through both stages, for the tests of the dialect and of what comes after it.

use cardlib_card::profile::{Key, Profile, Scope, Signature};
use cardlib_card::suite::SigningKey;
use cardlib_sim::{Chip, Random, SamCard, Stage, TransportMaster, VirtualCard};

use super::*;

pub const SERIAL: [u8; 8] = [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8];
pub const SMK_N: [u8; 9] = [0, 0, 0, 1, 1, 0, 0, 0, 0];
pub const SMK_P: [u8; 9] = [0, 0, 0, 1, 2, 0, 0, 0, 0];
pub const END_NATIONAL: [u8; 4] = [0x84, 0xF0, 3, 0];
pub const ACTIVATE: [u8; 4] = [0x84, 0xF0, 7, 0];
pub const GENERATE: [u8; 4] = [0x84, 0x46, 0, 0];
pub const IMPORT: [u8; 4] = [0x84, 0xD8, 0, 0];
pub const PROVE: [u8; 4] = [0x84, 0x48, 0, 0];
pub const SET_PIN: [u8; 4] = [0x84, 0x24, 0, 0];
pub const WIPE: [u8; 4] = [0x84, 0xE4, 0, 0];

pub fn blank_of(vendor: [u8; 2]) -> SamCard {
    blank_with(Profile::rhc_2012(), vendor)
}

pub fn blank_with(profile: &'static Profile, vendor: [u8; 2]) -> SamCard {
    let mut chip = Chip::test(profile, SERIAL);
    chip.vendor = vendor;
    let key = TransportMaster::test_of(profile).key_of(&SERIAL);
    SamCard::blank(profile, chip, key, Random::from_seed(Some(5)))
}

pub fn blank() -> SamCard {
    blank_of([0x54, 0x54])
}

pub fn header(key: &Key, version: u8) -> [u8; 9] {
    let levels = key.sam_usage >> 5;
    [
        0xDF,
        0x01,
        key.sam_usage,
        key.sam_index,
        version,
        algorithm(),
        levels,
        0,
        0,
    ]
}

pub fn root(key: &Key, version: u8) -> Block {
    card_key(&format!("root/{}-v{version}", key.name))
}

/// Writes every version of the type's keys of one scope.
pub fn write_keys(sam: &mut SamCard, host: &mut Host, sam_type: u8, scope: Scope) {
    write_keys_of(Profile::rhc_2012(), sam, host, sam_type, scope);
}

pub fn write_keys_of(
    profile: &Profile,
    sam: &mut SamCard,
    host: &mut Host,
    sam_type: u8,
    scope: Scope,
) {
    let names = &profile.sam_type(sam_type).unwrap().keys;
    for key in profile
        .keys
        .iter()
        .filter(|k| names.contains(&k.name) && k.scope == scope)
    {
        for version in 0..key.groups {
            let status = host.write_key(sam, 0, &header(key, version), &root(key, version));
            assert_eq!(status, 0x9000, "{}", key.name);
        }
    }
}

pub fn open_national(sam: &mut SamCard) -> Host {
    let mut host = Host::open(sam, &transport_key(SERIAL), 0, 3).unwrap();
    assert_eq!(host.write_key(sam, 1, &SMK_N, &card_key("SMK_N")), 0x9000);
    assert_eq!(sam.stage(), Stage::Initialised);
    Host::open(sam, &card_key("SMK_N"), 1, 3).unwrap()
}

pub fn national(sam: &mut SamCard, sam_type: u8) {
    national_of(Profile::rhc_2012(), sam, sam_type);
}

pub fn national_of(profile: &Profile, sam: &mut SamCard, sam_type: u8) {
    let mut host = open_national(sam);
    assert_eq!(host.run(sam, WIPE, &[]), 0x9000);
    assert_eq!(host.write_key(sam, 1, &SMK_P, &card_key("SMK_P")), 0x9000);
    write_keys_of(profile, sam, &mut host, sam_type, Scope::National);
    assert_eq!(host.run(sam, END_NATIONAL, &[]), 0x9000);
}

pub fn open_provincial(sam: &mut SamCard) -> Host {
    Host::open(sam, &card_key("SMK_P"), 2, 3).unwrap()
}

pub fn files(sam: &mut SamCard, host: &mut Host) {
    files_of_type(sam, host, 0x15);
}

/// The key pair that IMPORT of these bytes makes.
pub const PRIVATE: [u8; 32] = [7; 32];

pub fn imported() -> SigningKey {
    let algorithm = if algorithm() == 5 {
        Signature::EcdsaP256
    } else {
        Signature::Sm2
    };
    SigningKey::from_bytes(algorithm, &PRIVATE).unwrap()
}

/// A certificate as far as the SAM looks at it (D21): whose key.
pub fn certificate_of(public: &[u8]) -> [u8; 190] {
    let mut certificate = [0x1C; 190];
    certificate[62..126].copy_from_slice(public);
    certificate
}

pub fn files_of_type(sam: &mut SamCard, host: &mut Host, sam_type: u8) {
    let public = imported().verifying_key().to_bytes();
    files_naming(sam, host, sam_type, &public);
}

/// The public files with a certificate that names this key.
pub fn files_naming(sam: &mut SamCard, host: &mut Host, sam_type: u8, key: &[u8]) {
    let mut public = [0x15; 14];
    public[11] = sam_type;
    assert_eq!(host.store(sam, "3F0000150000", &public), 0x9000);
    assert_eq!(host.store(sam, "3F0000160000", &[0x16; 6]), 0x9000);
    assert_eq!(host.store(sam, "DF01001A0000", &[0x1A; 25]), 0x9000);
    assert_eq!(host.store(sam, "DF01001B0000", &[0x1B; 180]), 0x9000);
    assert_eq!(
        host.store(sam, "DF01001C0000", &certificate_of(key)),
        0x9000
    );
}

/// An active SAM of a type, as the two stages leave it; PIN 123456.
pub fn active(sam_type: u8) -> SamCard {
    active_of(Profile::rhc_2012(), sam_type)
}

pub fn active_of(profile: &'static Profile, sam_type: u8) -> SamCard {
    let mut sam = blank_with(profile, [0x54, 0x54]);
    national_of(profile, &mut sam, sam_type);
    let mut host = open_provincial(&mut sam);
    write_keys_of(profile, &mut sam, &mut host, sam_type, Scope::Provincial);
    assert_eq!(host.run(&mut sam, IMPORT, &[7; 32]), 0x9000);
    files_of_type(&mut sam, &mut host, sam_type);
    assert_eq!(host.run(&mut sam, SET_PIN, &[0x12, 0x34, 0x56]), 0x9000);
    assert_eq!(host.run(&mut sam, ACTIVATE, &[]), 0x9000);
    sam.reset();
    sam
}

/// PIN given, DF01 selected.
pub fn ready(sam: &mut SamCard) {
    sam.reset();
    for apdu in ["0020000003123456", "00A4000C02DF01"] {
        assert_eq!(status(sam, apdu), "9000");
    }
}
