//! The terminal's part of the one vector file (`tests/vectors/chain.toml`), whose values come from OpenSSL: key chain,
//! key tables, DELIVERY, authentications and secure messages, to the byte; and of the vectors of the other profiles
//! (`profiles.toml` beside it).

use std::collections::VecDeque;

use cardlib_card::apdu::Command;
use cardlib_card::profile::{FactorKind, Profile, Scope};
use cardlib_reader::{Channel, ReaderError};
use cardlib_terminal::card::{external_authenticate, internal_authenticate};
use cardlib_terminal::formulas::{self, Key, fold, pad, proof_input};
use cardlib_terminal::secure::{Protection, cipher_and_mac, mac_only};
use cardlib_terminal::{Factors, Pin, SamClient};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    chain: Chain,
    root: Vec<KeyRow>,
    card_key: Vec<KeyRow>,
    delivery: Vec<Delivery>,
    authentication: Vec<Authentication>,
    secure_message: Vec<SecureMessage>,
}

#[derive(Deserialize)]
struct Chain {
    root: String,
    kcv: String,
    province: String,
    province_factor: String,
    kp: String,
    card_factor: String,
    kc: String,
    random: String,
    sk: String,
    info: String,
    e: String,
    auth: String,
    update_plain: String,
    update_record: String,
    write_record: String,
    erase_record: String,
}

#[derive(Deserialize)]
struct KeyRow {
    name: String,
    version: u8,
    value: String,
    kcv: String,
}

#[derive(Deserialize)]
struct Delivery {
    key: String,
    version: u8,
    card_factor: String,
    province_factor: String,
    random: String,
    apdu: String,
}

#[derive(Deserialize)]
struct Authentication {
    kind: String,
    key: String,
    version: u8,
    random: String,
    info: String,
    sam_command: String,
    sam_answer: String,
    proof: String,
    apdu: String,
}

#[derive(Deserialize)]
struct SecureMessage {
    key: String,
    header: String,
    plain: String,
    random: String,
    cipher: String,
    mac: String,
    apdu: String,
    sam: Vec<(String, String)>,
}

const CARD: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
const PROVINCE: [u8; 8] = *b"41000000";
const FACTORS: Factors = Factors {
    card: CARD,
    province: PROVINCE,
    prefecture: *b"41010000",
};
const SERIAL: &str = "4101052026000000001700";

fn vectors() -> Vectors {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/chain.toml"
    );
    toml::from_str(&std::fs::read_to_string(path).expect("the vector file")).expect("its form")
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hex")
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    bytes(text).try_into().expect("length")
}

fn shown(bytes: impl AsRef<[u8]>) -> String {
    hex::encode_upper(bytes)
}

fn key(text: &str) -> Key {
    Key::new(array(text))
}

/// A SAM that answers exactly this conversation and nothing else.
struct Script(VecDeque<(String, String)>);

impl Script {
    /// The opening of every flow (public file, PIN, application), then the given steps.
    fn opened(steps: &[(String, String)]) -> Self {
        let public = format!("{}01050000", &SERIAL[..20]);
        let opening = [
            ("00A40000023F00", "9000".into()),
            ("00A40000020015", "9000".into()),
            ("00B000000E", format!("{public}9000")),
            ("0020000003123456", "9000".into()),
            ("00A4000002DF01", "9000".into()),
        ];
        let opening = opening
            .into_iter()
            .map(|(send, answer)| (send.to_owned(), answer));
        Self(opening.chain(steps.iter().cloned()).collect())
    }
}

impl Channel for Script {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let (expected, answer) = self.0.pop_front().expect("the conversation goes on");
        assert_eq!(shown(command), expected);
        Ok(bytes(&answer))
    }
}

fn with_sam<T>(steps: &[(String, String)], act: impl FnOnce(&mut SamClient<'_>) -> T) -> T {
    with_sam_of(Profile::rhc_2012(), steps, act)
}

fn with_sam_of<T>(
    profile: &Profile,
    steps: &[(String, String)],
    act: impl FnOnce(&mut SamClient<'_>) -> T,
) -> T {
    let mut script = Script::opened(steps);
    let pin = Pin::new("123456").expect("pin");
    let mut sam = SamClient::open(profile, &mut script, &pin).expect("opened");
    let result = act(&mut sam);
    assert!(script.0.is_empty(), "the conversation was not finished");
    result
}

#[test]
fn the_chain_of_the_decisions() {
    let chain = vectors().chain;
    let root = key(&chain.root);
    assert_eq!(shown(root.check_value()), chain.kcv);
    let factor = Profile::rhc_2012()
        .factors
        .province
        .of_area(&chain.province)
        .expect("factor");
    assert_eq!(shown(factor), chain.province_factor);
    let province = root.derive(factor);
    assert_eq!(
        shown(province.encrypt(&[0; 16])),
        shown(key(&chain.kp).encrypt(&[0; 16]))
    );
    let card = province.derive(array(&chain.card_factor));
    assert_eq!(
        shown(card.encrypt(&[0; 16])),
        shown(key(&chain.kc).encrypt(&[0; 16]))
    );
    let session = card.derive(array(&chain.random));
    assert_eq!(
        shown(session.encrypt(&[0; 16])),
        shown(key(&chain.sk).encrypt(&[0; 16]))
    );

    let info = array(&chain.info);
    let block = session.encrypt(&proof_input(info));
    assert_eq!(
        (shown(block), shown(fold(&block))),
        (chain.e, chain.auth.clone())
    );
    assert_eq!(shown(session.proof(info)), chain.auth);

    let plain = bytes(&chain.update_plain);
    let cipher = session
        .ecb(&pad(&[&[plain.len() as u8], &plain[..]].concat()))
        .expect("blocks");
    assert_eq!(
        shown(protected(&session, [0x04, 0xDC, 0x01, 0x04], &cipher)),
        chain.update_record
    );
    assert_eq!(
        shown(protected(&session, [0x84, 0xD2, 0x01, 0x00], &[])),
        chain.write_record
    );
    assert_eq!(
        shown(protected(&session, [0x84, 0x0C, 0x01, 0x00], &[])),
        chain.erase_record
    );
}

fn protected(session: &Key, header: [u8; 4], data: &[u8]) -> Vec<u8> {
    let head = [&header[..], &[data.len() as u8 + 4], data].concat();
    let mac = session.mac4(&formulas::pad(&head)).expect("blocks");
    [&head[..], &mac].concat()
}

#[test]
fn every_card_key_comes_from_its_root_by_the_profiles_factors() {
    let vectors = vectors();
    let profile = Profile::rhc_2012();
    assert_eq!(vectors.card_key.len(), profile.totals.key_instances);
    for row in &vectors.card_key {
        let root = vectors
            .root
            .iter()
            .find(|r| r.name == row.name && r.version == row.version)
            .expect("root");
        assert_eq!(shown(key(&root.value).check_value()), root.kcv);
        let definition = profile.key(&row.name).expect("key of the profile");
        assert!(row.version < definition.groups);
        let card_key =
            definition
                .factors
                .iter()
                .fold(key(&root.value), |key, factor| match factor {
                    FactorKind::Province => key.derive(PROVINCE),
                    FactorKind::Prefecture => key.derive(FACTORS.prefecture),
                    FactorKind::Card | FactorKind::Chip => key.derive(CARD),
                });
        assert_eq!(
            shown(card_key.check_value()),
            row.kcv,
            "{} v{}",
            row.name,
            row.version
        );
        assert_eq!(
            shown(card_key.encrypt(&[0; 16])),
            shown(key(&row.value).encrypt(&[0; 16]))
        );
        let national = definition.scope == Scope::National;
        assert_eq!(definition.levels(), if national { 2 } else { 1 });
    }
}

#[test]
fn delivery_is_sent_to_the_byte() {
    for row in vectors().delivery {
        let factors = Factors {
            card: array(&row.card_factor),
            province: array(&row.province_factor),
            ..FACTORS
        };
        let definition = Profile::rhc_2012().key(&row.key).expect("key");
        let steps = [(row.apdu, "9000".to_owned())];
        let done = with_sam(&steps, |sam| {
            sam.deliver(definition, row.version, &factors, array(&row.random))
        });
        assert_eq!(done, Ok(()));
    }
}

#[test]
fn authentications_carry_the_sams_cryptogram() {
    let vectors = vectors();
    for row in &vectors.authentication {
        let card_key = vectors
            .card_key
            .iter()
            .find(|k| k.name == row.key && k.version == row.version)
            .expect("key");
        let session = key(&card_key.value).derive(array(&row.random));
        assert_eq!(shown(session.proof(array(&row.info))), row.proof);
        let waiting = format!("61{:02X}", row.sam_answer.len() / 2);
        let steps = [
            (row.sam_command.clone(), waiting),
            ("00C0000010".to_owned(), format!("{}9000", row.sam_answer)),
        ];
        let proof = with_sam(&steps, |sam| sam.proof(array(&row.info))).expect("proof");
        assert_eq!(shown(proof), row.proof);
        let kid = Profile::rhc_2012().key(&row.key).expect("key").kid;
        let command = match row.kind.as_str() {
            "internal" => internal_authenticate(array(&row.random), array(&row.info), row.version),
            _ => external_authenticate(kid, proof, array(&row.info), row.version),
        };
        assert_eq!(shown(command.encode().expect("short")), row.apdu);
    }
}

#[test]
fn secure_messages_are_made_with_the_sam_to_the_byte() {
    let vectors = vectors();
    for row in &vectors.secure_message {
        let definition = Profile::rhc_2012().key(&row.key).expect("key");
        let with = Protection {
            key: definition,
            version: 0,
            factors: FACTORS,
            challenge: array(&row.random),
        };
        let (header, plain) = (array(&row.header), bytes(&row.plain));
        let command: Command = with_sam(&row.sam, |sam| {
            if plain.is_empty() {
                mac_only(sam, &with, header)
            } else {
                cipher_and_mac(sam, &with, header, &plain)
            }
        })
        .expect("command");
        assert_eq!(shown(command.encode().expect("short")), row.apdu);

        let card_key = vectors
            .card_key
            .iter()
            .find(|k| k.name == row.key && k.version == 0)
            .expect("key");
        let session = key(&card_key.value).derive(array(&row.random));
        assert!(row.apdu.ends_with(&format!("{}{}", row.cipher, row.mac)));
        assert_eq!(
            shown(protected(&session, header, &bytes(&row.cipher))),
            row.apdu
        );
    }
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
    version: u8,
    random: String,
    apdu: String,
    info: String,
    block: String,
    proof: String,
}

#[derive(Deserialize)]
struct OtherMessage {
    profile: String,
    key: String,
    header: String,
    plain: String,
    random: String,
    apdu: String,
}

fn others() -> Others {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/profiles.toml"
    );
    toml::from_str(&std::fs::read_to_string(path).expect("the vector file")).expect("its form")
}

fn profile_of(name: &str) -> &'static Profile {
    Profile::named(name).expect("an embedded profile")
}

fn key_of(profile: &Profile, text: &str) -> Key {
    Key::of(profile.crypto.cipher, array(text))
}

impl Others {
    fn session(&self, profile: &str, name: &str, version: u8, random: &str) -> Key {
        let same = |row: &&OtherKey| (row.profile == profile) && row.name == name;
        let found = self.card_key.iter().filter(same);
        let mut found = found.filter(|row| row.version == version);
        let row = found.next().expect("key");
        key_of(profile_of(profile), &row.value).derive(array(random))
    }
}

#[test]
fn other_profiles_derive_deliver_and_seal_to_the_byte() {
    let others = others();
    assert_eq!(others.card_key.len(), 2 * 57);
    for row in &others.card_key {
        let profile = profile_of(&row.profile);
        let definition = profile.key(&row.name).expect("key of the profile");
        let root = key_of(profile, &row.root);
        let made = definition
            .factors
            .iter()
            .fold(root, |key, factor| match factor {
                FactorKind::Province => key.derive(PROVINCE),
                FactorKind::Prefecture => key.derive(FACTORS.prefecture),
                FactorKind::Card | FactorKind::Chip => key.derive(CARD),
            });
        assert_eq!(
            shown(made.check_value()),
            row.kcv,
            "{} {}",
            row.profile,
            row.name
        );
    }
    for row in &others.delivery {
        let profile = profile_of(&row.profile);
        let definition = profile.key(&row.key).expect("key");
        assert_eq!(profile.flow_version(definition), row.version);
        let steps = [(row.apdu.clone(), "9000".to_owned())];
        let done = with_sam_of(profile, &steps, |sam| {
            sam.deliver(definition, row.version, &FACTORS, array(&row.random))
        });
        assert_eq!(done, Ok(()));
        let session = others.session(&row.profile, &row.key, row.version, &row.random);
        let block = session.encrypt(&proof_input(array(&row.info)));
        assert_eq!(
            (shown(block), shown(fold(&block))),
            (row.block.clone(), row.proof.clone())
        );
    }
    for row in &others.message {
        let session = others.session(&row.profile, &row.key, 0, &row.random);
        let plain = bytes(&row.plain);
        let cipher = if plain.is_empty() {
            Vec::new()
        } else {
            let padded = pad(&[&[plain.len() as u8], &plain[..]].concat());
            session.ecb(&padded).expect("blocks")
        };
        assert_eq!(
            shown(protected(&session, array(&row.header), &cipher)),
            row.apdu
        );
    }
}
