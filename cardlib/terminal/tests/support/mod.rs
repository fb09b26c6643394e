//! Cards and SAMs for the tests: symmetric keys are those of the vector file (OpenSSL's), so that terminal and simulator
//! cannot agree on a wrong formula; certificates are made with the public test keys (D33, D36, D37).
#![allow(dead_code)] // each test file uses its part

use std::collections::HashMap;

use cardlib_card::cert::{
    CertificateBody, IssuerCertificate, IssuerLevel, Mark, SamCertificate, issuer_code, sam_serial,
};
use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::element::{self, ElementType};
use cardlib_card::profile::{FactorKind, KeyInstance, Profile, Scope};
use cardlib_card::suite::{self, SigningKey};
use cardlib_card::visit::{Complaint, Day, Drug, Fen, Inpatient, Outpatient, OutpatientFee, Visit};
use cardlib_reader::inprocess::{InProcess, Signal};
use cardlib_sim::crypto::Key;
use cardlib_sim::sam::MintedSam;
use cardlib_sim::{Chip, Random, SamCard, UserCard, VirtualCard};
use cardlib_terminal::Pin;
use serde::Deserialize;

pub const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
pub const NUMBER: &str = "410101198507120012";
pub const TODAY: &str = "20261122";

#[derive(Deserialize)]
struct Vectors {
    root: Vec<KeyRow>,
    card_key: Vec<KeyRow>,
}

#[derive(Deserialize)]
struct KeyRow {
    name: String,
    version: u8,
    value: String,
}

type Keys = HashMap<(String, u8), [u8; 16]>;

pub fn profile() -> &'static Profile {
    Profile::rhc_2012()
}

pub fn day(text: &str) -> Day {
    text.parse().expect("a day")
}

pub fn today() -> Day {
    day(TODAY)
}

pub fn pin() -> Pin {
    Pin::new("123456").expect("pin")
}

fn keys(rows: &[KeyRow]) -> Keys {
    let value = |row: &KeyRow| hex::decode(&row.value).ok()?.try_into().ok();
    rows.iter()
        .map(|row| {
            (
                (row.name.clone(), row.version),
                value(row).expect("16 bytes"),
            )
        })
        .collect()
}

fn vectors() -> &'static (Keys, Keys) {
    static ALL: std::sync::LazyLock<(Keys, Keys)> = std::sync::LazyLock::new(|| {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/vectors/chain.toml"
        );
        let text = std::fs::read_to_string(path).expect("the vector file");
        let vectors: Vectors = toml::from_str(&text).expect("its form");
        (keys(&vectors.root), keys(&vectors.card_key))
    });
    &ALL
}

/// Root of a key (D31, D32): the vector file's where it has the profile, else by the formula.
fn root_of(profile: &Profile, instance: KeyInstance<'_>, province: &str) -> [u8; 16] {
    let (key, version) = (instance.key, instance.version);
    if profile.name == "rhc-2012" && province == "41" {
        return vectors().0[&(key.name.clone(), version)];
    }
    let owner = match key.scope {
        Scope::National => String::new(),
        Scope::Provincial => format!("{province}-"),
    };
    let label = format!("RHC-TEST-{owner}{}-v{version}", key.name);
    let digest = suite::digest(profile.crypto.hash, label.as_bytes());
    *digest.first_chunk().expect("16 bytes of 32")
}

/// Key of the card in province 41, prefecture 4101: the vector file's, or with the simulator's cipher (tests/judges checks the
/// conversations that come of it).
fn card_key(profile: &Profile, instance: KeyInstance<'_>) -> [u8; 16] {
    if profile.name == "rhc-2012" {
        return vectors().1[&(instance.key.name.clone(), instance.version)];
    }
    let factor = |kind: &FactorKind| match kind {
        FactorKind::Province => *b"41000000",
        FactorKind::Prefecture => *b"41010000",
        FactorKind::Card | FactorKind::Chip => FACTOR,
    };
    let root = root_of(profile, instance, "41");
    instance
        .key
        .factors
        .iter()
        .map(factor)
        .fold(root, |key, factor| {
            let inverted = factor.map(|byte| !byte);
            let block: [u8; 16] = [factor, inverted].concat().try_into().expect("16 bytes");
            Key::of(profile.crypto.cipher, key).encrypt_block(block)
        })
}

/// Who makes a certificate, for which days, of which world and profile.
#[derive(Clone)]
pub struct Papers {
    pub profile: &'static Profile,
    pub mark: Mark,
    pub province: &'static str,
    pub from: [u8; 4],
    pub to: [u8; 4],
}

impl Default for Papers {
    fn default() -> Self {
        Self {
            profile: profile(),
            mark: Mark::Test,
            province: "41",
            from: [0x20, 0x26, 0x01, 0x01],
            to: [0x20, 0x36, 0x12, 0x31],
        }
    }
}

impl Papers {
    pub fn of(profile: &'static Profile) -> Self {
        Self {
            profile,
            ..Self::default()
        }
    }

    fn body(&self) -> CertificateBody {
        let area = format!("{}0000", self.province);
        CertificateBody {
            issuer_code: issuer_code(&area, IssuerLevel::Province, 1).expect("code"),
            serial: 7,
            valid_from: self.from,
            valid_to: self.to,
            mark: self.mark,
        }
    }

    fn label(&self, text: &str) -> SigningKey {
        SigningKey::from_label(self.profile.crypto.signature, text.as_bytes()).expect("key")
    }

    pub fn issuer_key(&self) -> SigningKey {
        self.label(&format!("RHC-TEST-SM2-ISSUER-{}", self.province))
    }

    pub fn sam_key(&self, serial: &str) -> SigningKey {
        self.label(&format!("RHC-TEST-SM2-SAM-{serial}"))
    }

    pub fn issuer(&self) -> Vec<u8> {
        let certificate = IssuerCertificate {
            body: self.body(),
            public_key: self.issuer_key().verifying_key(),
        };
        let root = self.label("RHC-TEST-SM2-ROOT");
        let signature = root.sign_message(&certificate.to_be_signed());
        let signature = signature.expect("signature");
        certificate.with_signature(&signature).to_vec()
    }

    pub fn sam(&self, serial: &str) -> Vec<u8> {
        let bytes = element::encode(ElementType::Cn, 10, serial).expect("digits");
        let certificate = SamCertificate {
            body: self.body(),
            sam_serial: bytes.try_into().expect("10 bytes"),
            public_key: self.sam_key(serial).verifying_key(),
        };
        let signature = self.issuer_key().sign_message(&certificate.to_be_signed());
        let signature = signature.expect("signature");
        certificate.with_signature(&signature).to_vec()
    }

    /// 001A (R67).
    pub fn application(&self) -> Vec<u8> {
        let factor = self.profile.factors.province.of_area(self.province);
        let factor = factor.expect("factor");
        [&[0x01][..], &factor, &factor, &self.from, &self.to].concat()
    }
}

pub fn serial(province: &str, sam_type: u8) -> String {
    let bytes = sam_serial(&format!("{province}01"), sam_type, 2026, 17).expect("serial");
    hex::encode(bytes)
}

pub fn content() -> CardContent {
    content_of(profile())
}

pub fn content_of(profile: &'static Profile) -> CardContent {
    let mut content = CardContent::default();
    let papers = Papers::of(profile);
    content
        .set(profile, 5, &papers.issuer())
        .expect("certificate");
    let code = element::decode(ElementType::Cn, &papers.body().issuer_code).expect("digits");
    for (tag, text) in [
        (1, "1"),
        (2, "V1.1"),
        (3, "河南省卫生健康委员会"),
        (4, code.as_str()),
        (6, "20261122"),
        (8, NUMBER),
        (9, "A1B"),
        (10, "41ABCDEFGH"),
        (57, "410100"),
        (11, "张三"),
        (12, "1"),
        (13, "01"),
        (14, "19850712"),
        (15, NUMBER),
        (7, "20361231"),
        (16, "13800000000"),
        (21, "1"),
        (22, "河南省郑州市中原区"),
        (25, "李四"),
        (26, "1"),
        (27, "13700000000"),
        (41, "3"),
    ] {
        content.set_text(profile, tag, text).expect("fits");
    }
    let photo = FileData::Binary([&[0x00, 0x04][..], &[0xFF, 0xD8, 0xFF, 0xD9]].concat());
    content.files.push(FileContent {
        path: "DDF1/EF07".into(),
        data: photo,
    });
    content
}

/// An active card; `spoil` ≠ 0 gives it keys that nobody holds.
pub fn card_with(content: &CardContent, spoil: u8, seed: u64) -> UserCard {
    card_of(profile(), content, spoil, seed)
}

pub fn card_of(profile: &'static Profile, content: &CardContent, spoil: u8, seed: u64) -> UserCard {
    let key_of = |instance: KeyInstance<'_>| {
        let mut key = card_key(profile, instance);
        key[0] ^= spoil;
        key
    };
    let random = Random::from_seed(Some(seed));
    UserCard::minted(
        profile,
        Chip::test(profile, FACTOR),
        content,
        key_of,
        random,
    )
    .expect("minted")
}

pub fn card() -> UserCard {
    card_with(&content(), 0, 1)
}

pub fn sam(sam_type: u8) -> SamCard {
    sam_with(sam_type, &Papers::default())
}

pub fn sam_with(sam_type: u8, papers: &Papers) -> SamCard {
    let serial = serial(papers.province, sam_type);
    let own = papers.sam(&serial);
    sam_of(sam_type, papers, own)
}

/// A SAM that holds this certificate as its own.
pub fn sam_of(sam_type: u8, papers: &Papers, own: Vec<u8>) -> SamCard {
    let profile = papers.profile;
    let serial = serial(papers.province, sam_type);
    let public = hex::decode(&serial).expect("digits");
    let minted = MintedSam {
        sam_type,
        pin: [0x12, 0x34, 0x56],
        private_key: *papers.sam_key(&serial).to_bytes(),
        files: &[
            ("MF/0015", [&public[..], &[0x01, sam_type, 0, 0]].concat()),
            ("DF01/001A", papers.application()),
            ("DF01/001B", papers.issuer()),
            ("DF01/001C", own),
        ],
    };
    let chip = Chip::test(profile, [0x22; 8]);
    let root = |instance: KeyInstance<'_>| root_of(profile, instance, papers.province);
    SamCard::minted(profile, chip, &minted, root, Random::from_seed(Some(2))).expect("minted")
}

/// A simulated chip as a card in a reader.
pub fn powered(mut chip: impl VirtualCard) -> InProcess<impl FnMut(Signal<'_>) -> Vec<u8>> {
    InProcess::new(move |signal: Signal<'_>| match signal {
        Signal::Reset => chip.reset(),
        Signal::Command(command) => chip.handle(command),
    })
}

/// A value of which some fields are set: these types wipe themselves and so have no `..Default::default()`.
pub fn made<T: Default>(set: impl FnOnce(&mut T)) -> T {
    let mut value = T::default();
    set(&mut value);
    value
}

pub fn outpatient() -> Visit {
    Visit::Outpatient(Box::new(made(|visit: &mut Outpatient| {
        visit.institution = "郑州市第一人民医院".into();
        visit.institution_code = "4101001234".into();
        visit.seen = "20261121093000".parse().ok();
        visit.visit_number = "MZ20261121000017".into();
        visit.department = "呼吸内科".into();
        visit.payment = "1".into();
        visit.complaints = vec![made(|complaint: &mut Complaint| {
            complaint.symptom = "发热".into();
            complaint.diagnosed = Some(day("20261121"));
            complaint.diagnosis = "急性上呼吸道感染".into();
            complaint.diagnosis_code = "J06.9".into();
        })];
        visit.drugs = vec![made(|drug: &mut Drug| {
            drug.name = "布洛芬缓释胶囊".into();
            drug.days = Some(3);
            drug.unit = "mg".into();
            drug.dose = Some(300);
        })];
        visit.fees = vec![made(|fee: &mut OutpatientFee| {
            fee.category = "西药费".into();
            fee.amount = Some(Fen(2350));
        })];
    })))
}

pub fn inpatient() -> Visit {
    Visit::Inpatient(Box::new(made(|stay: &mut Inpatient| {
        stay.institution = "郑州市第一人民医院".into();
        stay.institution_code = "4101001234".into();
        stay.admitted = Some(day("20261110"));
        stay.discharged = Some(day("20261118"));
        stay.days = Some(8);
        stay.case_number = "ZY20261110000003".into();
        stay.total_fee = Some(Fen(1_234_567));
    })))
}
