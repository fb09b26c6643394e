//! The back office against records that are not as they should be; and the desk's reset, whatever happened.

mod support;

use std::cell::Cell;

use cardlib_card::cert::Mark;
use cardlib_card::visit::{SignedVisit, Visit, VisitKind};
use cardlib_reader::inprocess::{InProcess, Signal};
use cardlib_reader::{Card, Channel};
use cardlib_sim::VirtualCard;
use cardlib_terminal::office::OfficeError;
use cardlib_terminal::papers::{Paper, PapersError};
use cardlib_terminal::{Anchors, Desk, FlowError, Office};
use support::{
    Papers, card, day, inpatient, outpatient, pin, powered, profile, sam, serial, today,
};

const SAM_TYPE: u8 = 3;

/// A record as a SAM of these papers would sign it.
fn signed(visit: &Visit, papers: &Papers) -> SignedVisit {
    let data = visit.encode(profile()).expect("fits").to_vec();
    let serial = serial(papers.province, SAM_TYPE);
    let digest = cardlib_card::suite::digest(profile().crypto.hash, &data);
    let signature = papers.sam_key(&serial).sign_digest(&digest);
    SignedVisit {
        data,
        signature: signature.expect("signature").to_vec(),
        certificate: papers.sam(&serial),
    }
}

fn office(papers: &Papers) -> Office<'static> {
    let mut office = Office::new(profile(), Anchors::shipped(), today());
    office.keep(&papers.issuer()).expect("the ministry's");
    office
}

fn verdict(papers: &Papers, record: &SignedVisit) -> Option<OfficeError> {
    let kind = VisitKind::Outpatient;
    office(papers).verify(kind, record).err()
}

#[test]
fn a_right_record_is_accepted_and_each_changed_part_is_found() {
    let papers = Papers::default();
    let right = signed(&outpatient(), &papers);
    assert_eq!(verdict(&papers, &right), None);
    for at in [0, 80, 1638, 3012] {
        let mut record = right.clone();
        record.data[at] ^= 1;
        assert_eq!(
            verdict(&papers, &record),
            Some(OfficeError::Signature),
            "data {at}"
        );
    }
    for at in [0, 63] {
        let mut record = right.clone();
        record.signature[at] ^= 1;
        assert_eq!(
            verdict(&papers, &record),
            Some(OfficeError::Signature),
            "signature {at}"
        );
    }
    for (at, error) in [
        (1, PapersError::Form(Paper::Sam)),
        (20, PapersError::Signature(Paper::Sam)),
        (61, PapersError::Signature(Paper::Sam)),
        (189, PapersError::Signature(Paper::Sam)),
    ] {
        let mut record = right.clone();
        record.certificate[at] ^= 1;
        let wanted = Some(OfficeError::Papers(error));
        assert_eq!(verdict(&papers, &record), wanted, "certificate {at}");
    }
    let mut short = right.clone();
    short.data.pop();
    assert!(matches!(
        verdict(&papers, &short),
        Some(OfficeError::Form(_))
    ));
    let stay = office(&papers).verify(VisitKind::Inpatient, &right);
    assert!(
        matches!(stay.err(), Some(OfficeError::Form(_))),
        "another kind of record"
    );
}

#[test]
fn certificates_must_be_of_the_ministry_and_of_their_time() {
    let papers = Papers::default();
    let elsewhere = Papers {
        province: "42",
        ..Papers::default()
    };
    let record = signed(&outpatient(), &elsewhere);
    let unknown = verdict(&papers, &record);
    assert!(
        matches!(unknown, Some(OfficeError::UnknownIssuer(_))),
        "{unknown:?}"
    );

    // The visit of the tests is of 2026-11-21.
    let late = Papers {
        from: [0x20, 0x26, 0x11, 0x22],
        ..Papers::default()
    };
    let wanted = OfficeError::Papers(PapersError::NotYet(Paper::Issuer));
    assert_eq!(verdict(&late, &signed(&outpatient(), &late)), Some(wanted));
    let early = Papers {
        to: [0x20, 0x26, 0x11, 0x20],
        ..Papers::default()
    };
    let wanted = OfficeError::Papers(PapersError::Past(Paper::Issuer));
    assert_eq!(
        verdict(&early, &signed(&outpatient(), &early)),
        Some(wanted)
    );

    let demo = Papers {
        mark: Mark::Demo,
        ..Papers::default()
    };
    let mut office = Office::new(profile(), Anchors::shipped(), today());
    assert_eq!(
        office.keep(&demo.issuer()),
        Err(OfficeError::NoAnchor(Mark::Demo))
    );
    let mut forged = papers.issuer();
    forged[60] ^= 1;
    let refused = office.keep(&forged);
    assert!(
        matches!(refused, Err(OfficeError::Papers(_))),
        "{refused:?}"
    );
}

#[test]
fn a_record_needs_a_day_that_is_not_ahead() {
    let papers = Papers::default();
    let mut visit = outpatient();
    if let Visit::Outpatient(visit) = &mut visit {
        visit.seen = None;
    }
    assert_eq!(
        verdict(&papers, &signed(&visit, &papers)),
        Some(OfficeError::NoDay)
    );
    if let Visit::Outpatient(visit) = &mut visit {
        visit.seen = "20261123000000".parse().ok();
    }
    assert_eq!(
        verdict(&papers, &signed(&visit, &papers)),
        Some(OfficeError::Future)
    );
    let stay = signed(&inpatient(), &papers);
    let accepted = office(&papers).verify(VisitKind::Inpatient, &stay);
    assert!(
        accepted.is_ok_and(|accepted| accepted.day == day("20261118")),
        "the discharge counts"
    );
}

/// Resets of card and SAM after a flow that ended like this.
fn resets(outcome: Result<(), FlowError>) -> (usize, usize) {
    let counts = [Cell::new(0), Cell::new(0)];
    let (mut card, mut sam) = (card(), sam(5));
    let mut card = InProcess::new(|signal: Signal<'_>| match signal {
        Signal::Reset => {
            counts[0].set(counts[0].get() + 1);
            card.reset()
        }
        Signal::Command(command) => card.handle(command),
    });
    let mut sam = InProcess::new(|signal: Signal<'_>| match signal {
        Signal::Reset => {
            counts[1].set(counts[1].get() + 1);
            sam.reset()
        }
        Signal::Command(command) => sam.handle(command),
    });
    let pin = pin();
    let mut desk = Desk::new(profile(), &mut card, &mut sam, &pin, today());
    let wanted = outcome.clone();
    assert_eq!(desk.serve(|_| outcome), wanted);
    // One reset of each was power-on.
    (counts[0].get() - 1, counts[1].get() - 1)
}

#[test]
fn a_desk_resets_card_and_sam_whatever_happened() {
    assert_eq!(resets(Ok(())), (1, 1));
    assert_eq!(resets(Err(FlowError::NotGenuine)), (1, 1));
    let (mut card, mut sam) = (powered(card()), powered(sam(5)));
    let pin = pin();
    let mut desk = Desk::new(profile(), &mut card, &mut sam, &pin, today());
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        desk.serve(|session| -> Result<(), FlowError> {
            session.flow().external_authentication("RK1_DDF1")?;
            panic!("in the middle of a flow")
        })
    }));
    assert!(unwound.is_err());
    let mut transaction = card.transaction().expect("card");
    for command in ["00A404000C57532E5359532E4444463031", "00A4000002EF06"] {
        let command = hex::decode(command).expect("hex");
        transaction.transmit(&command).expect("answer");
    }
    let read = transaction.transmit(&[0x00, 0xB2, 0x01, 0x04, 0x00]);
    assert_eq!(
        read,
        Ok(vec![0x69, 0x82]),
        "no right is left even after a panic"
    );
}
