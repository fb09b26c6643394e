//! Every verdict, from simulated cards and SAMs whose keys are those of the vector file.

mod common;

use cardlib_card::cert::Mark;
use cardlib_reader::inprocess::{InProcess, Signal};
use cardlib_sim::{Chip, Random, TransportMaster, UserCard, VirtualCard};
use cardlib_terminal::papers::{Paper, PapersError};
use cardlib_terminal::{Anchors, FlowError, Pin};
use common::{
    FACTOR, NUMBER, TODAY, card_with, content, good, issuer_certificate, profile, sam, sam_of,
};
use issuance_hospital::check::{Findings, Request, verify};
use issuance_hospital::registry::{Registry, Standing};
use issuance_hospital::report::Report;
use issuance_hospital::trouble::Trouble;
use issuance_hospital::verdict::Verdict;
use issuance_registry_api::CardState;
use kms_platform::client::ClientError;

fn powered(mut chip: impl VirtualCard) -> InProcess<impl FnMut(Signal<'_>) -> Vec<u8>> {
    InProcess::new(move |signal: Signal<'_>| match signal {
        Signal::Reset => chip.reset(),
        Signal::Command(command) => chip.handle(command),
    })
}

/// A registry that always says the same.
struct Says(Option<Standing>);

impl Registry for Says {
    fn standing(&self, number: &str, serial: &str, chip: &[u8; 8]) -> Result<Standing, Trouble> {
        assert_eq!((number, serial, *chip), (NUMBER, "41ABCDEFGH", FACTOR));
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
    run_on(TODAY, card, sam, registry)
}

fn run_on(
    day: &str,
    card: impl VirtualCard,
    sam: impl VirtualCard,
    registry: Option<&dyn Registry>,
) -> Result<Findings, Trouble> {
    let pin = Pin::new("123456").expect("pin");
    let anchors = Anchors::shipped();
    let request = Request {
        profile: profile(),
        pin: &pin,
        today: day.parse().expect("a day"),
        registry,
        anchors: &anchors,
    };
    verify(&mut powered(card), &mut powered(sam), &request)
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
    assert_eq!(with(Says(Some(Standing::OtherChip))), Verdict::Forged);
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

/// The certificates of the tests begin on 2026-01-01 and end with 2046.
#[test]
fn certificates_have_their_dates() {
    let early = verdict(card_with(&content(&[(6, "20251231")]), 0), sam(), None);
    assert_eq!(
        early,
        Verdict::Inconsistent,
        "issued before its issuer's certificate"
    );
    for (day, wanted) in [
        ("20251231", PapersError::NotYet(Paper::Issuer)),
        ("20470101", PapersError::Past(Paper::Issuer)),
    ] {
        let trouble = run_on(day, good(), sam(), None).err().expect("no verdict");
        assert_eq!(trouble.slug(), "sam-certificates", "{day}");
        assert!(matches!(trouble, Trouble::SamPapers(cause) if cause == wanted));
    }
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
        today: TODAY.parse().expect("a day"),
        registry: None,
        anchors: &Anchors::shipped(),
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

/// A card whose n-th answer is spoiled in some way.
struct Garbling {
    card: UserCard,
    at: usize,
    how: fn(Vec<u8>) -> Vec<u8>,
}

impl VirtualCard for Garbling {
    fn reset(&mut self) -> Vec<u8> {
        self.card.reset()
    }
    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let answer = self.card.handle(apdu);
        self.at = self.at.saturating_sub(1);
        if self.at == 0 {
            (self.how)(answer)
        } else {
            answer
        }
    }
}

#[test]
fn no_garbled_answer_is_followed_by_a_panic_or_by_more_than_its_own_damage() {
    let ways: [fn(Vec<u8>) -> Vec<u8>; 5] = [
        |answer| answer.iter().map(|byte| byte ^ 0x55).collect(),
        |answer| [&[0xFF; 300][..], &answer].concat(),
        |answer| answer[answer.len() / 2..].to_vec(),
        |_| vec![0x61, 0x00],
        |_| vec![0x90, 0x00],
    ];
    let right = run(good(), sam(), None)
        .expect("a verdict")
        .timings
        .card_commands
        .commands;
    for at in 1..=usize::try_from(right).expect("small") {
        for how in ways {
            let garbling = Garbling {
                card: good(),
                at,
                how,
            };
            if let Ok(findings) = run(garbling, sam(), None) {
                let holder = Report::of(&findings, true).holder;
                let honest = holder
                    .iter()
                    .all(|entry| entry.tag != 15 || entry.value == NUMBER);
                assert!(
                    findings.verdict != Verdict::Genuine || honest,
                    "answer {at}"
                );
            }
        }
    }
}
