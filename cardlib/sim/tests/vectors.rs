//! The simulators against the project's one vector file (`tests/vectors/chain.toml`), which was computed with OpenSSL:
//! formulas, the personalisation channel to the byte, and the conversations of R11, R28, R36 and R50–R53.

#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

use std::collections::HashMap;

use cardlib_card::content::CardContent;
use cardlib_card::profile::{KeyInstance, Profile};
use cardlib_sim::apdu::Incoming;
use cardlib_sim::channel::{Level, Opening};
use cardlib_sim::crypto::{Key, pad};
use cardlib_sim::sam::MintedSam;
use cardlib_sim::{Chip, Random, SamCard, TransportMaster, UserCard, VirtualCard};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    chain: Chain,
    transport: Transport,
    root: Vec<NamedKey>,
    card_key: Vec<NamedKey>,
    scp: Vec<Scp>,
    content: Vec<Content>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Chain {
    root: String,
    kcv: String,
    province_factor: String,
    kp: String,
    card_factor: String,
    kc: String,
    random: String,
    info: String,
    auth: String,
    update_plain: String,
    update_record: String,
    write_record: String,
    erase_record: String,
}

#[derive(Deserialize)]
struct Transport {
    factor: String,
    value: String,
}

#[derive(Deserialize)]
struct NamedKey {
    name: String,
    version: u8,
    #[serde(default)]
    scope: String,
    value: String,
    kcv: String,
}

#[derive(Deserialize)]
struct Scp {
    base: String,
    counter: u32,
    host_challenge: String,
    card_challenge: String,
    card_cryptogram: String,
    level: u8,
    steps: Vec<[String; 3]>,
}

#[derive(Deserialize)]
struct Content {
    tag: u8,
    value: String,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    rule: String,
    on: String,
    sam_type: Option<u8>,
    #[serde(default)]
    keys: HashMap<String, String>,
    #[serde(default)]
    challenges: Vec<String>,
    steps: Vec<[String; 3]>,
}

fn vectors() -> Vectors {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/chain.toml"
    );
    toml::from_str(&std::fs::read_to_string(path).expect(path)).unwrap()
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn key(text: &str) -> Key {
    Key::new(bytes(text))
}

/// Keys are compared by what they do: they cannot be read out of [`Key`].
fn assert_key(found: &Key, wanted: &str, what: &str) {
    assert!(found.is_same(&key(wanted)), "{what}");
}

#[test]
fn the_chain_of_the_decisions() {
    let chain = vectors().chain;
    let root = key(&chain.root);
    assert_eq!(hex::encode_upper(root.check_value()), chain.kcv);
    let province = root.diversify(&bytes(&chain.province_factor));
    assert_key(&province, &chain.kp, "KP");
    let card = province.diversify(&bytes(&chain.card_factor));
    assert_key(&card, &chain.kc, "KC");
    let session = card.session(&bytes(&chain.random));
    let proof = session.authenticator(&bytes(&chain.info));
    assert_eq!(hex::encode_upper(proof), chain.auth);

    let plain = hex::decode(&chain.update_plain).unwrap();
    let body = session.encrypt_ecb(&pad(&[&[plain.len() as u8][..], &plain].concat()));
    for (header, body, wanted) in [
        ("04DC010414", body.as_slice(), &chain.update_record),
        ("84D2010004", &[], &chain.write_record),
        ("840C010004", &[], &chain.erase_record),
    ] {
        let signed = [&hex::decode(header).unwrap(), body].concat();
        let mac = session.cbc_mac([0; 16], &pad(&signed));
        let sent = [&signed, &mac[..4]].concat();
        assert_eq!(hex::encode_upper(sent), *wanted);
    }
}

#[test]
fn the_transport_key_of_a_blank() {
    let transport = vectors().transport;
    let made = TransportMaster::test().key_of(&bytes(&transport.factor));
    assert_key(&made, &transport.value, "transport key");
}

#[test]
fn check_values_of_every_key() {
    let vectors = vectors();
    assert_eq!(vectors.card_key.len(), 57);
    for k in vectors.root.iter().chain(&vectors.card_key) {
        let found = hex::encode_upper(key(&k.value).check_value());
        assert_eq!(found, k.kcv, "{} v{}", k.name, k.version);
    }
}

/// Each session: the card's challenge and cryptogram, the host's first command, and what is in each further one.
#[test]
fn sessions_of_the_dialect_to_the_byte() {
    for scp in vectors().scp {
        let host_challenge = bytes(&scp.host_challenge);
        let opening = Opening::new(&key(&scp.base), scp.counter, host_challenge);
        assert_eq!(
            hex::encode_upper(opening.card_challenge()),
            scp.card_challenge
        );
        assert_eq!(
            hex::encode_upper(opening.card_cryptogram()),
            scp.card_cryptogram
        );
        let level = Level::from_p1(scp.level).unwrap();
        let first = hex::decode(&scp.steps[0][2]).unwrap();
        let first = Incoming::parse(&first).unwrap();
        let mut session = opening
            .authenticate(&first, level)
            .expect("host cryptogram and MAC");
        for [_, plain, sent] in &scp.steps[1..] {
            let sent = hex::decode(sent).unwrap();
            let content = session
                .open(&Incoming::parse(&sent).unwrap())
                .expect("MAC")
                .expect("padding");
            assert_eq!(hex::encode_upper(&*content), *plain);
        }
        let mut changed = hex::decode(&scp.steps.last().unwrap()[2]).unwrap();
        *changed.last_mut().unwrap() ^= 1;
        assert!(session.open(&Incoming::parse(&changed).unwrap()).is_none());
    }
}

#[test]
fn conversations_with_the_user_card() {
    let vectors = vectors();
    let run = run_cases(&vectors, "card", |case| {
        let profile = Profile::rhc_2012();
        let mut content = CardContent::default();
        for element in &vectors.content {
            let value = hex::decode(&element.value).unwrap();
            content.set(profile, element.tag, &value).unwrap();
        }
        let key_of = |i: KeyInstance<'_>| find_key(&vectors.card_key, &case.keys, i, None);
        let chip = Chip::test(profile, bytes(&vectors.chain.card_factor));
        Box::new(UserCard::minted(profile, chip, &content, key_of, script(case)).unwrap())
    });
    assert!(run >= 20, "only {run} card cases were found");
}

#[test]
fn conversations_with_the_sam() {
    let vectors = vectors();
    let run = run_cases(&vectors, "sam", |case| {
        let profile = Profile::rhc_2012();
        let sam = MintedSam {
            sam_type: case.sam_type.unwrap_or(5),
            pin: [0x12, 0x34, 0x56],
            private_key: [7; 32],
            files: &[],
        };
        let root_of = |i: KeyInstance<'_>| find_key(&vectors.root, &case.keys, i, Some(()));
        let chip = Chip::test(profile, [0x22; 8]);
        Box::new(SamCard::minted(profile, chip, &sam, root_of, script(case)).unwrap())
    });
    assert!(run >= 15, "only {run} SAM cases were found");
}

#[derive(Deserialize)]
struct Others {
    card_key: Vec<OtherKey>,
    delivery: Vec<OtherDelivery>,
    message: Vec<OtherMessage>,
}

#[derive(Deserialize)]
struct OtherKey {
    profile: String,
    name: String,
    version: u8,
    root: String,
    value: String,
    kcv: String,
}

#[derive(Deserialize)]
struct OtherDelivery {
    profile: String,
    key: String,
    apdu: String,
    info: String,
    block: String,
}

#[derive(Deserialize)]
struct OtherMessage {
    profile: String,
    key: String,
    random: String,
    apdu: String,
}

/// `profiles.toml`: SAMs of the other profiles make OpenSSL's session keys from OpenSSL's roots, and cards of them take
/// OpenSSL's MACs up to where a right is asked for.
#[test]
fn cards_and_sams_of_the_other_profiles() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/profiles.toml"
    );
    let others: Others = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        (others.delivery.len(), others.message.len()),
        (2 * 21, 2 * 5)
    );
    let find = |profile: &str, i: KeyInstance<'_>| {
        let same = |k: &&OtherKey| k.profile == profile && k.name == i.key.name;
        let mut found = others.card_key.iter().filter(same);
        found.find(|k| k.version == i.version).unwrap()
    };
    for name in ["rhc-three-level", "rhc-aes"] {
        let profile = Profile::named(name).unwrap();
        let minted = MintedSam {
            sam_type: 5,
            pin: [0x12, 0x34, 0x56],
            private_key: [7; 32],
            files: &[],
        };
        let root_of = |i: KeyInstance<'_>| bytes(&find(name, i).root);
        let chip = Chip::test(profile, [0x22; 8]);
        let mut sam =
            SamCard::minted(profile, chip, &minted, root_of, Random::from_seed(Some(1))).unwrap();
        sam.reset();
        for apdu in ["0020000003123456", "00A4000C02DF01"] {
            assert_eq!(sam.handle(&hex::decode(apdu).unwrap()), [0x90, 0x00]);
        }
        for row in others.delivery.iter().filter(|row| row.profile == name) {
            let said = sam.handle(&hex::decode(&row.apdu).unwrap());
            assert_eq!(said, [0x90, 0x00], "{name} {}", row.key);
            let cipher = format!("80FA000010{}0000000000000000", row.info);
            assert_eq!(sam.handle(&hex::decode(cipher).unwrap()), [0x61, 0x10]);
            let block = sam.handle(&[0x00, 0xC0, 0x00, 0x00, 0x10]);
            assert_eq!(
                hex::encode_upper(&block[..16]),
                row.block,
                "{name} {}",
                row.key
            );
        }
        for row in others.card_key.iter().filter(|row| row.profile == name) {
            let key = Key::of(profile.crypto.cipher, bytes(&row.value));
            assert_eq!(hex::encode_upper(key.check_value()), row.kcv);
        }
        for row in others.message.iter().filter(|row| row.profile == name) {
            let key = others
                .card_key
                .iter()
                .find(|k| k.profile == name && k.name == row.key && k.version == 0);
            let key = Key::of(profile.crypto.cipher, bytes(&key.unwrap().value));
            let sent = hex::decode(&row.apdu).unwrap();
            let (signed, mac) = sent.split_at(sent.len() - 4);
            let made = key
                .session(&bytes(&row.random))
                .cbc_mac([0; 16], &pad(signed));
            assert_eq!(made[..4], *mac, "{name} {}", row.key);
        }
    }
}

fn script(case: &Case) -> Random {
    let challenges: Vec<[u8; 8]> = case.challenges.iter().map(|c| bytes(c)).collect();
    Random::scripted(&challenges)
}

fn find_key(
    keys: &[NamedKey],
    instead: &HashMap<String, String>,
    instance: KeyInstance<'_>,
    roots: Option<()>,
) -> [u8; 16] {
    let (name, version) = (instance.key.name.as_str(), instance.version);
    if let Some(value) = instead.get(&format!("{name}-v{version}")) {
        return bytes(value);
    }
    let found = keys
        .iter()
        .find(|k| k.name == name && k.version == version)
        .unwrap_or_else(|| panic!("no key {name} v{version}"));
    assert!(roots.is_none() || found.scope != "service");
    bytes(&found.value)
}

fn run_cases(vectors: &Vectors, on: &str, make: impl Fn(&Case) -> Box<dyn VirtualCard>) -> usize {
    let cases: Vec<&Case> = vectors.case.iter().filter(|c| c.on == on).collect();
    for case in &cases {
        let mut card = make(case);
        card.reset();
        for (number, [sent, wanted, note]) in case.steps.iter().enumerate() {
            if sent == "RESET" {
                card.reset();
                continue;
            }
            let answer = card.handle(&hex::decode(sent).unwrap());
            assert_eq!(
                hex::encode_upper(answer),
                *wanted,
                "{} ({}), step {}: {note}: {sent}",
                case.id,
                case.rule,
                number + 1
            );
        }
    }
    cases.len()
}
