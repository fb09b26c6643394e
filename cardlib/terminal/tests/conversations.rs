//! The conversations of every flow in every profile, as files under `tests/conversations/<profile>/`: made from the simulators with
//! seeds, and compared with what is written there. `tests/judges/conversations.py` recomputes every cryptogram, MAC,
//! digest and signature in them with OpenSSL.
//!
//! `RHC_CONVERSATIONS=write cargo test -p cardlib-terminal --test conversations` writes the files anew.

mod support;

use std::path::PathBuf;

use cardlib_card::profile::Profile;
use cardlib_card::visit::VisitKind;
use cardlib_reader::Card;
use cardlib_reader::conversation::{Conversation, Recorder, Replay};
use cardlib_terminal::areas::{
    Addresses, Allergy, Clinical, ContactPersons, Occupation, OtherDocuments, Payment, Psychiatric,
    Vaccination,
};
use cardlib_terminal::blocking::Term;
use cardlib_terminal::{Anchors, Desk, FlowError, Office, Session};
use support::{
    Papers, card_of, content_of, day, inpatient, made, outpatient, pin, powered, sam_with, today,
};

const PROFILES: [&str; 4] = ["rhc-2012", "rhc-2012-bank", "rhc-three-level", "rhc-aes"];

type Act = fn(&mut Desk<'_>, &'static Profile) -> Result<(), FlowError>;

/// One conversation: its file's name, what it shows, the SAM's type, what was done before (not recorded), the flow.
struct Case {
    name: &'static str,
    about: &'static str,
    sam_type: u8,
    before: Option<(u8, Act)>,
    act: Act,
}

const fn case(name: &'static str, about: &'static str, sam_type: u8, act: Act) -> Case {
    Case {
        name,
        about,
        sam_type,
        before: None,
        act,
    }
}

const CASES: [Case; 16] = [
    case(
        "overall-operation",
        "select, internal authentication, issuer data, validity",
        1,
        |desk, _| desk.serve(|_| Ok(())),
    ),
    case(
        "read-everything",
        "all areas of DDF1, DF01 and DF02",
        1,
        |desk, _| desk.serve(|session| session.read_everything().map(drop)),
    ),
    case(
        "update-environment",
        "payment data and photo (DDF1)",
        5,
        |desk, _| desk.serve(update_environment),
    ),
    case(
        "update-identity",
        "addresses, contact persons, occupation, documents (DF01)",
        5,
        |desk, _| desk.serve(update_identity),
    ),
    case(
        "update-health",
        "clinical data and psychiatric flag (DF02) with type 2",
        2,
        |desk, _| desk.serve(update_health),
    ),
    case(
        "append-records",
        "allergies and vaccinations (cyclic files) with type 3",
        3,
        |desk, _| desk.serve(append_records),
    ),
    case(
        "record-outpatient",
        "an outpatient visit with signature",
        3,
        |desk, _| desk.serve(|session| session.record_visit(&outpatient()).map(drop)),
    ),
    case(
        "record-inpatient",
        "a stay in hospital with signature",
        2,
        |desk, _| desk.serve(|session| session.record_visit(&inpatient()).map(drop)),
    ),
    Case {
        before: Some((3, |desk, _| {
            desk.serve(|session| session.record_visit(&outpatient()).map(drop))
        })),
        ..case(
            "settle-outpatient",
            "read a visit, let the back office judge it, erase its index",
            5,
            |desk, profile| settle(desk, profile, VisitKind::Outpatient),
        )
    },
    Case {
        before: Some((2, |desk, _| {
            desk.serve(|session| session.record_visit(&inpatient()).map(drop))
        })),
        ..case(
            "settle-inpatient",
            "read a stay, let the back office judge it, erase its index",
            5,
            |desk, profile| settle(desk, profile, VisitKind::Inpatient),
        )
    },
    case(
        "block-and-unblock",
        "DF01, DF02, DF03 blocked for a time and unblocked",
        4,
        |desk, _| desk.maintain(block_and_unblock),
    ),
    case(
        "block-for-ever",
        "DF03 blocked for ever: UNBLOCK answers 9303",
        4,
        |desk, _| desk.maintain(block_for_ever),
    ),
    Case {
        before: Some((5, |desk, _| desk.serve(three_wrong_macs))),
        ..case(
            "unblock-environment",
            "DDF1 after three wrong MACs",
            4,
            |desk, _| desk.unblock_environment(),
        )
    },
    case("block-card", "the whole card, for ever", 4, |desk, _| {
        desk.maintain(|session| session.block_card())
    }),
    case(
        "refused-with-type-1",
        "updates, appending and recording need keys that a check terminal's SAM lacks",
        1,
        |desk, _| desk.serve(|session| refused(session, 1)),
    ),
    case(
        "refused-with-type-3",
        "DF01 and the psychiatric flag need other SAMs",
        3,
        |desk, _| desk.serve(|session| refused(session, 3)),
    ),
];

fn update_environment(session: &mut Session<'_>) -> Result<(), FlowError> {
    let mut payment: Payment = session.read()?;
    payment.telephone_2 = "13900000042".into();
    payment.method_1 = "1".into();
    session.update(&payment)?;
    session.update_photo(&[&[0xFF, 0xD8][..], &[0x5A; 200], &[0xFF, 0xD9]].concat())?;
    session.photo().map(drop)
}

fn update_identity(session: &mut Session<'_>) -> Result<(), FlowError> {
    let mut contacts: ContactPersons = session.read()?;
    contacts.0[1].name = "王五".into();
    contacts.0[1].relation = "97".into();
    contacts.0[1].telephone = "13600000000".into();
    session.update(&contacts)?;
    let mut addresses: Addresses = session.read()?;
    addresses.0[1].kind = "2".into();
    addresses.0[1].text = "河南省郑州市二七区".into();
    session.update(&addresses)?;
    session.update(&made(|data: &mut Occupation| {
        data.education = "2".into();
        data.marriage = "20".into();
        data.occupation = "1".into();
    }))?;
    session.update(&made(|data: &mut OtherDocuments| {
        data.kind = "3".into();
        data.number = "G12345678".into();
        data.health_record = "41010100100100001".into();
    }))?;
    session.read::<ContactPersons>().map(drop)
}

fn update_health(session: &mut Session<'_>) -> Result<(), FlowError> {
    let mut clinical: Clinical = session.read()?;
    clinical.rh_negative = "1".into();
    clinical.diabetes = true;
    clinical.other_alert = "青霉素过敏性休克史".into();
    session.update(&clinical)?;
    session.update(&made(|data: &mut Psychiatric| data.flag = true))?;
    session.read::<Clinical>().map(drop)
}

fn append_records(session: &mut Session<'_>) -> Result<(), FlowError> {
    for substance in ["青霉素", "花粉"] {
        session.append(&made(|allergy: &mut Allergy| {
            allergy.substance = substance.into();
            allergy.reaction = "皮疹".into();
        }))?;
    }
    session.append(&made(|vaccination: &mut Vaccination| {
        vaccination.name = "乙肝疫苗".into();
        vaccination.given = Some(day("20261101"));
    }))?;
    session.entries::<Allergy>()?;
    session.entries::<Vaccination>().map(drop)
}

fn settle(
    desk: &mut Desk<'_>,
    profile: &'static Profile,
    kind: VisitKind,
) -> Result<(), FlowError> {
    let mut office = Office::new(profile, Anchors::shipped(), today());
    office.keep(&Papers::of(profile).issuer())?;
    desk.serve(|session| session.settle(kind, 1, &mut office).map(drop))
}

fn block_and_unblock(session: &mut Session<'_>) -> Result<(), FlowError> {
    for df in ["DF01", "DF02", "DF03"] {
        session.block_application(df, Term::Temporary)?;
        session.unblock_application(df)?;
    }
    Ok(())
}

fn block_for_ever(session: &mut Session<'_>) -> Result<(), FlowError> {
    session.block_application("DF03", Term::ForEver)?;
    let refused = session.unblock_application("DF03");
    assert_eq!(refused, Err(FlowError::BlockedForEver("DF03".into())));
    Ok(())
}

fn three_wrong_macs(session: &mut Session<'_>) -> Result<(), FlowError> {
    session.flow().external_authentication("UK1_DDF1")?;
    let card = session.flow().card();
    let file = card.profile().file("DDF1/EF08").expect("EF08");
    card.select_file(file)?;
    for _ in 0..3 {
        card.challenge()?;
        let wrong = cardlib_card::apdu::Command::new(0x04, 0xDC, 2, 4).with_data([0; 36]);
        assert!(card.send("UPDATE RECORD", &wrong).is_err());
    }
    Ok(())
}

fn refused(session: &mut Session<'_>, sam_type: u8) -> Result<(), FlowError> {
    let mut contacts: ContactPersons = session.read()?;
    contacts.0[0].telephone = "13600000000".into();
    let mut outcomes = vec![session.update(&contacts).map(drop)];
    outcomes.push(
        session
            .update(&made(|data: &mut Psychiatric| data.flag = true))
            .map(drop),
    );
    if sam_type == 1 {
        outcomes.push(session.append(&Allergy::default()));
        outcomes.push(session.record_visit(&outpatient()).map(drop));
    }
    for outcome in outcomes {
        let named =
            matches!(outcome, Err(FlowError::NotPermitted { sam_type: t, .. }) if t == sam_type);
        assert!(named, "{outcome:?}");
    }
    Ok(())
}

fn folder(profile: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/conversations"
    ))
    .join(profile)
}

fn act_on(
    case: (u8, Act),
    profile: &'static Profile,
    card: &mut dyn Card,
    sam: &mut dyn Card,
) -> Result<(), FlowError> {
    let pin = pin();
    (case.1)(&mut Desk::new(profile, card, sam, &pin, today()), profile)
}

/// Card and SAM from their seeds, what came before, then the flow under recording.
fn recorded(case: &Case, profile: &'static Profile) -> Conversation {
    let mut card = powered(card_of(profile, &content_of(profile), 0, 1));
    let papers = Papers::of(profile);
    if let Some(before) = case.before {
        let mut sam = powered(sam_with(before.0, &papers));
        act_on(before, profile, &mut card, &mut sam).expect("what comes before");
    }
    let recorder = Recorder::new(profile);
    recorder.comment(&format!("{}: {}", case.name, case.about));
    let chips = format!(
        "profile {}, test card 1122334455667788 of 410100, SAM type {}",
        profile.name, case.sam_type
    );
    recorder.comment(&chips);
    let mut card = recorder.chip("card", card);
    let mut sam = recorder.chip("sam", powered(sam_with(case.sam_type, &papers)));
    act_on((case.sam_type, case.act), profile, &mut card, &mut sam)
        .unwrap_or_else(|error| panic!("{} {}: {error}", profile.name, case.name));
    recorder.conversation()
}

#[test]
fn every_conversation_is_as_it_is_written() {
    let write = std::env::var_os("RHC_CONVERSATIONS").is_some_and(|word| word == "write");
    for name in PROFILES {
        let profile = Profile::named(name).expect("an embedded profile");
        let folder = folder(name);
        for case in &CASES {
            let held = recorded(case, profile);
            let path = folder.join(format!("{}.txt", case.name));
            if write {
                std::fs::create_dir_all(&folder).expect("folder");
                std::fs::write(&path, held.to_string()).expect("file");
            }
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
            let written: Conversation = text.parse().expect("form");
            let difference = written.difference(&held);
            assert_eq!(difference, None, "{}", path.display());
        }
        let files = std::fs::read_dir(&folder).expect("folder").count();
        assert_eq!(
            files,
            CASES.len(),
            "{}: files that no flow makes",
            folder.display()
        );
    }
}

/// The written conversations need no simulator: every flow runs to its end against the files alone.
#[test]
fn every_flow_runs_against_its_file() {
    for name in PROFILES {
        let profile = Profile::named(name).expect("an embedded profile");
        for case in &CASES {
            let text = std::fs::read_to_string(folder(name).join(format!("{}.txt", case.name)));
            let replay = Replay::new(text.expect("file").parse().expect("form"));
            let (mut card, mut sam) = (replay.chip("card"), replay.chip("sam"));
            let outcome = act_on((case.sam_type, case.act), profile, &mut card, &mut sam);
            assert_eq!(outcome, Ok(()), "{name} {}", case.name);
            assert!(replay.is_over(), "{name} {}", case.name);
        }
    }
}

/// The comparison can fail: one changed answer is found.
#[test]
fn a_changed_conversation_is_found() {
    let profile = Profile::rhc_2012();
    let held = recorded(&CASES[0], profile);
    let text = held.to_string().replacen("> 9000", "> 6985", 1);
    let changed: Conversation = text.parse().expect("form");
    assert!(changed.difference(&held).is_some());
}
