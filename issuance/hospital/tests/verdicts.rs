//! Every verdict, from simulated cards and SAMs whose keys are those of the vector file.

use std::collections::HashMap;

use cardlib_card::cert::{
    CertificateBody, IssuerCertificate, IssuerLevel, Mark, SamCertificate, issuer_code,
};
use cardlib_card::content::CardContent;
use cardlib_card::element::{self, ElementType};
use cardlib_card::gm::sm2::SigningKey;
use cardlib_card::profile::{KeyInstance, Profile};
use cardlib_reader::inprocess::{InProcess, Signal};
use cardlib_sim::sam::MintedSam;
use cardlib_sim::{Chip, Random, SamCard, TransportMaster, UserCard, VirtualCard};
use cardlib_terminal::{FlowError, Pin};
use issuance_hospital::check::{Findings, Request, verify};
use issuance_hospital::registry::{Registry, Standing};
use issuance_hospital::report::Report;
use issuance_hospital::trouble::Trouble;
use issuance_hospital::verdict::Verdict;
use issuance_registry_api::CardState;
use kms_platform::client::ClientError;

const FACTOR: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
const NUMBER: &str = "410101198507120012";
const SAM_SERIAL: &str = "41010105202600000001";
const TODAY: &str = "20261122";

fn profile() -> &'static Profile {
    Profile::rhc_2012()
}

fn keys(table: &str) -> HashMap<(String, u8), [u8; 16]> {
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

fn root() -> SigningKey {
    SigningKey::from_label(b"RHC-TEST-SM2-ROOT").expect("key")
}

fn body(mark: Mark) -> CertificateBody {
    CertificateBody {
        issuer_code: issuer_code("410000", IssuerLevel::Province, 1).expect("code"),
        serial: 7,
        valid_from: [0x20, 0x26, 0x01, 0x01],
        valid_to: [0x20, 0x46, 0x12, 0x31],
        mark,
    }
}

fn issuer() -> SigningKey {
    SigningKey::from_label(b"RHC-TEST-SM2-ISSUER-41").expect("key")
}

fn issuer_certificate(mark: Mark) -> Vec<u8> {
    let certificate = IssuerCertificate {
        body: body(mark),
        public_key: issuer().verifying_key().clone(),
    };
    let signature = root()
        .sign_message(&certificate.to_be_signed())
        .expect("signature");
    certificate.with_signature(&signature).to_vec()
}

fn sam_certificate(mark: Mark) -> Vec<u8> {
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
fn content(changes: &[(u8, &str)]) -> CardContent {
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

fn card_with(content: &CardContent, spoil: u8) -> UserCard {
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

fn sam_of(sam_type: u8, mark: Mark) -> SamCard {
    let roots = keys("root");
    let root_of = |instance: KeyInstance<'_>| roots[&(instance.key.name.clone(), instance.version)];
    let serial = element::encode(ElementType::Cn, 10, SAM_SERIAL).expect("digits");
    let files = [
        ("MF/0015", [&serial[..], &[0x01, sam_type, 0, 0]].concat()),
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

fn powered(mut chip: impl VirtualCard) -> InProcess<impl FnMut(Signal<'_>) -> Vec<u8>> {
    InProcess::new(move |signal: Signal<'_>| match signal {
        Signal::Reset => chip.reset(),
        Signal::Command(command) => chip.handle(command),
    })
}

/// A registry that always says the same.
struct Says(Option<Standing>);

impl Registry for Says {
    fn standing(&self, number: &str, serial: &str) -> Result<Standing, Trouble> {
        assert_eq!((number, serial), (NUMBER, "41ABCDEFGH"));
        let down = || ClientError::Unreachable {
            url: "https://registry".into(),
            why: "down".into(),
        };
        self.0.clone().ok_or_else(|| Trouble::Registry(down()))
    }
}

fn known(state: CardState, mark: kms_platform::mark::Mark) -> Says {
    Says(Some(Standing::Known {
        state,
        since: "2026-11-01T00:00:00Z".into(),
        mark,
    }))
}

fn run(
    card: impl VirtualCard,
    sam: impl VirtualCard,
    registry: Option<&dyn Registry>,
) -> Result<Findings, Trouble> {
    let pin = Pin::new("123456").expect("pin");
    let root = root().verifying_key().clone();
    let request = Request {
        profile: profile(),
        pin: &pin,
        today: TODAY,
        registry,
        root: Some(&root),
    };
    verify(&mut powered(card), &mut powered(sam), &request)
}

fn good() -> UserCard {
    card_with(&content(&[]), 0)
}

fn sam() -> SamCard {
    sam_of(1, Mark::Test)
}

fn verdict(
    card: impl VirtualCard,
    sam: impl VirtualCard,
    registry: Option<&dyn Registry>,
) -> Verdict {
    run(card, sam, registry)
        .map(|findings| findings.verdict)
        .expect("a verdict")
}

#[test]
fn a_good_card_is_genuine_and_its_report_is_masked() {
    let registry = known(CardState::Active, kms_platform::mark::Mark::Test);
    let findings = run(good(), sam(), Some(&registry)).expect("a verdict");
    assert_eq!(findings.verdict, Verdict::Genuine);
    let masked = serde_json::to_string(&Report::of(&findings, false)).expect("json");
    assert!(
        !masked.contains(NUMBER) && !masked.contains("三丰") && !masked.contains("07-12"),
        "{masked}"
    );
    for part in [
        r#""verdict":"genuine""#,
        r#""exit_code":0"#,
        "410101***********2",
        "张**",
        r#""mark":"test""#,
    ] {
        assert!(masked.contains(part), "{part} is not in {masked}");
    }
    assert!(
        masked.contains(r#""certificates_by_root":true"#),
        "{masked}"
    );
    let full = serde_json::to_string(&Report::of(&findings, true)).expect("json");
    assert!(full.contains(NUMBER) && full.contains("张三丰"));
    assert!(
        findings.timings.card_commands.commands > 20
            && findings.timings.total > findings.timings.sam
    );
}

#[test]
fn off_line_the_report_says_that_the_registry_was_not_asked() {
    let findings = run(good(), sam(), None).expect("a verdict");
    let report = Report::of(&findings, false);
    assert_eq!(
        (findings.verdict, report.registry.is_none()),
        (Verdict::Genuine, true)
    );
    assert!(report.reason.contains("not asked"));
}

#[test]
fn right_data_with_wrong_keys_are_forged() {
    let registry = known(CardState::Active, kms_platform::mark::Mark::Test);
    let findings = run(card_with(&content(&[]), 1), sam(), Some(&registry)).expect("a verdict");
    assert_eq!(
        (findings.verdict, findings.authenticated),
        (Verdict::Forged, false)
    );
    assert!(
        findings.holder.is_empty() && findings.standing.is_none(),
        "nothing more is read or asked"
    );
}

#[test]
fn the_registrys_states_become_verdicts() {
    use kms_platform::mark::Mark::{Production, Test};
    let with = |registry: Says| verdict(good(), sam(), Some(&registry));
    assert_eq!(with(known(CardState::Lost, Test)), Verdict::Lost);
    assert_eq!(with(known(CardState::Cancelled, Test)), Verdict::Cancelled);
    assert_eq!(with(known(CardState::Voided, Test)), Verdict::Cancelled);
    assert_eq!(
        with(known(CardState::Reserved, Test)),
        Verdict::UnknownToRegistry
    );
    assert_eq!(
        with(Says(Some(Standing::Unknown))),
        Verdict::UnknownToRegistry
    );
    assert_eq!(
        with(known(CardState::Active, Production)),
        Verdict::MixedMarks
    );
}

#[test]
fn a_registry_that_is_down_is_no_verdict() {
    let trouble = run(good(), sam(), Some(&Says(None)))
        .err()
        .expect("no verdict");
    assert_eq!(trouble.slug(), "registry-unreachable");
}

#[test]
fn a_sam_without_the_reading_key_is_not_permitted() {
    let findings = run(good(), sam_of(4, Mark::Test), None).expect("a verdict");
    assert_eq!(findings.verdict, Verdict::NotPermittedWithThisSam);
    assert!(findings.authenticated, "the card is genuine all the same");
    let report = Report::of(&findings, false);
    assert!(
        report.reason.contains("RK1_DDF1") && report.exit_code == 3,
        "{}",
        report.reason
    );
}

#[test]
fn an_expired_card_is_refused_the_day_after_its_last() {
    assert_eq!(
        verdict(card_with(&content(&[(7, "20261121")]), 0), sam(), None),
        Verdict::Expired
    );
    assert_eq!(
        verdict(card_with(&content(&[(7, "20261122")]), 0), sam(), None),
        Verdict::Genuine
    );
}

#[test]
fn class_version_and_issuer_are_checked() {
    let changed = |changes: &[(u8, &str)]| verdict(card_with(&content(changes), 0), sam(), None);
    assert_eq!(changed(&[(1, "3")]), Verdict::Unsupported);
    assert_eq!(changed(&[(2, "V9.9")]), Verdict::Unsupported);
    assert_eq!(
        changed(&[(4, "4200002000000017")]),
        Verdict::Inconsistent,
        "another issuer than the certificate's"
    );
    assert_eq!(
        changed(&[(15, "410101198507120039")]),
        Verdict::Inconsistent,
        "another person's number"
    );
    let mut damaged = content(&[]);
    let mut certificate = issuer_certificate(Mark::Test);
    certificate[179] ^= 1;
    damaged
        .set(profile(), 5, &certificate)
        .expect("certificate");
    assert_eq!(
        verdict(card_with(&damaged, 0), sam(), None),
        Verdict::Inconsistent,
        "signature of the certificate"
    );
}

#[test]
fn test_and_production_do_not_mix() {
    assert_eq!(
        verdict(good(), sam_of(1, Mark::Production), None),
        Verdict::MixedMarks
    );
}

#[test]
fn blank_and_foreign_cards_are_told_apart() {
    let transport = TransportMaster::test().key_of(&FACTOR);
    let chip = Chip::test(profile(), FACTOR);
    let blank = UserCard::blank(profile(), chip, transport, Random::from_seed(Some(1)));
    assert_eq!(verdict(blank, sam(), None), Verdict::NotIssued);

    struct Bank;
    impl VirtualCard for Bank {
        fn reset(&mut self) -> Vec<u8> {
            vec![0x3B, 0x00]
        }
        fn handle(&mut self, _: &[u8]) -> Vec<u8> {
            vec![0x6D, 0x00]
        }
    }
    assert_eq!(verdict(Bank, sam(), None), Verdict::Foreign);
    let trouble = run(good(), Bank, None).err().expect("no verdict");
    assert_eq!(trouble.slug(), "sam-not-usable");
}

#[test]
fn a_wrong_pin_is_trouble_not_a_verdict() {
    let pin = Pin::new("000000").expect("form");
    let request = Request {
        profile: profile(),
        pin: &pin,
        today: TODAY,
        registry: None,
        root: None,
    };
    let trouble = verify(&mut powered(good()), &mut powered(sam()), &request)
        .err()
        .expect("no verdict");
    assert!(matches!(
        trouble,
        Trouble::Flow(FlowError::PinWrong { tries_left: 9 })
    ));
}

/// A card that vanishes at its n-th answer.
struct Vanishing(UserCard, usize);

impl VirtualCard for Vanishing {
    fn reset(&mut self) -> Vec<u8> {
        self.0.reset()
    }
    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.1 = self.1.saturating_sub(1);
        if self.1 == 0 {
            Vec::new()
        } else {
            self.0.handle(apdu)
        }
    }
}

#[test]
fn a_card_pulled_at_any_moment_is_trouble_not_a_verdict() {
    for at in 1..25 {
        let trouble = run(Vanishing(good(), at), sam(), None)
            .err()
            .expect("no verdict");
        assert_eq!(trouble.slug(), "card-lost", "at answer {at}");
    }
}
