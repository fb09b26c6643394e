//! Cards and SAMs for the tests: keys of the vector file (OpenSSL's), certificates of the public test keys.
#![allow(dead_code)] // each test file uses its part

use std::collections::HashMap;

use cardlib_card::cert::{
    CertificateBody, IssuerCertificate, IssuerLevel, Mark, SamCertificate, issuer_code,
};
use cardlib_card::content::CardContent;
use cardlib_card::element::{self, ElementType};
use cardlib_card::gm::sm2::SigningKey;
use cardlib_card::profile::{KeyInstance, Profile};
use cardlib_sim::sam::MintedSam;
use cardlib_sim::{Chip, Random, SamCard, UserCard};

pub const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
pub const NUMBER: &str = "410101198507120012";
pub const SAM_SERIAL: &str = "41010105202600000001";
pub const TODAY: &str = "20261122";

pub fn profile() -> &'static Profile {
    Profile::rhc_2012()
}

pub fn keys(table: &str) -> HashMap<(String, u8), [u8; 16]> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/chain.toml"
    );
    let text = std::fs::read_to_string(path).expect("the vector file");
    let vectors: toml::Table = text.parse().expect("its form");
    let rows = vectors[table].as_array().expect("rows");
    let text = |row: &toml::Value, member: &str| row[member].as_str().expect("text").to_owned();
    rows.iter()
        .map(|row| {
            let version =
                u8::try_from(row["version"].as_integer().expect("number")).expect("version");
            let value = hex::decode(text(row, "value"))
                .expect("hex")
                .try_into()
                .expect("16 bytes");
            ((text(row, "name"), version), value)
        })
        .collect()
}

pub fn root() -> SigningKey {
    SigningKey::from_label(b"RHC-TEST-SM2-ROOT").expect("key")
}

pub fn body(mark: Mark) -> CertificateBody {
    CertificateBody {
        issuer_code: issuer_code("410000", IssuerLevel::Province, 1).expect("code"),
        serial: 7,
        valid_from: [0x20, 0x26, 0x01, 0x01],
        valid_to: [0x20, 0x46, 0x12, 0x31],
        mark,
    }
}

pub fn issuer() -> SigningKey {
    SigningKey::from_label(b"RHC-TEST-SM2-ISSUER-41").expect("key")
}

pub fn issuer_certificate(mark: Mark) -> Vec<u8> {
    let certificate = IssuerCertificate {
        body: body(mark),
        public_key: issuer().verifying_key().clone(),
    };
    let signature = root()
        .sign_message(&certificate.to_be_signed())
        .expect("signature");
    certificate.with_signature(&signature).to_vec()
}

pub fn sam_certificate(mark: Mark) -> Vec<u8> {
    let key = SigningKey::from_label(b"RHC-TEST-SM2-SAM").expect("key");
    let serial = element::encode(ElementType::Cn, 10, SAM_SERIAL).expect("digits");
    let certificate = SamCertificate {
        body: body(mark),
        sam_serial: serial.try_into().expect("10 bytes"),
        public_key: key.verifying_key().clone(),
    };
    let signature = issuer()
        .sign_message(&certificate.to_be_signed())
        .expect("signature");
    certificate.with_signature(&signature).to_vec()
}

/// What is on the card unless a test says otherwise.
pub fn content(changes: &[(u8, &str)]) -> CardContent {
    let mut content = CardContent::default();
    let code = element::decode(ElementType::Cn, &body(Mark::Test).issuer_code).expect("digits");
    let texts = [
        (1, "1"),
        (2, "V1.1"),
        (3, "河南省卫生健康委员会"),
        (4, code.as_str()),
        (6, "20261101"),
        (8, NUMBER),
        (9, "A1B"),
        (10, "41ABCDEFGH"),
        (57, "410101"),
        (11, "张三丰"),
        (12, "1"),
        (13, "01"),
        (14, "19850712"),
        (15, NUMBER),
        (7, "20361231"),
    ];
    content
        .set(profile(), 5, &issuer_certificate(Mark::Test))
        .expect("certificate");
    for (tag, text) in texts.iter().chain(changes) {
        content.set_text(profile(), *tag, text).expect("fits");
    }
    content
}

pub fn card_with(content: &CardContent, spoil: u8) -> UserCard {
    let keys = keys("card_key");
    let key_of = |instance: KeyInstance<'_>| {
        let mut key = keys[&(instance.key.name.clone(), instance.version)];
        key[0] ^= spoil;
        key
    };
    UserCard::minted(
        profile(),
        Chip::test(profile(), FACTOR),
        content,
        key_of,
        Random::from_seed(Some(1)),
    )
    .expect("minted")
}

pub fn sam_of(sam_type: u8, mark: Mark) -> SamCard {
    let roots = keys("root");
    let root_of = |instance: KeyInstance<'_>| roots[&(instance.key.name.clone(), instance.version)];
    let serial = element::encode(ElementType::Cn, 10, SAM_SERIAL).expect("digits");
    let files = [
        ("MF/0015", [&serial[..], &[0x01, sam_type, 0, 0]].concat()),
        ("DF01/001A", application(&body(mark))),
        ("DF01/001B", issuer_certificate(mark)),
        ("DF01/001C", sam_certificate(mark)),
    ];
    let minted = MintedSam {
        sam_type,
        pin: [0x12, 0x34, 0x56],
        private_key: [7; 32],
        files: &files,
    };
    SamCard::minted(
        profile(),
        Chip::test(profile(), [0x22; 8]),
        &minted,
        root_of,
        Random::from_seed(Some(2)),
    )
    .expect("minted")
}

/// 001A (R67): index, province twice, the certificate's dates.
fn application(body: &CertificateBody) -> Vec<u8> {
    let province = b"41000000";
    [
        &[0x01][..],
        province,
        province,
        &body.valid_from,
        &body.valid_to,
    ]
    .concat()
}

pub fn good() -> UserCard {
    card_with(&content(&[]), 0)
}

pub fn sam() -> SamCard {
    sam_of(1, Mark::Test)
}
