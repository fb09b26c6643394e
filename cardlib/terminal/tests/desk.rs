//! What a desk does, against the simulators: each data area, visits with signature, settlement, blocking; and what the other
//! SAM types are refused.

mod support;

use cardlib_card::cert::Mark;
use cardlib_card::visit::VisitKind;
use cardlib_reader::{Card, Channel};
use cardlib_sim::VirtualCard;
use cardlib_terminal::areas::{
    Allergy, Clinical, ContactPerson, ContactPersons, Holder, Occupation, Payment, Psychiatric,
    Vaccination,
};
use cardlib_terminal::blocking::Term;
use cardlib_terminal::papers::{Paper, PapersError};
use cardlib_terminal::sam_public::{change_pin, read_public};
use cardlib_terminal::{Desk, FlowError, Office, Pin, SamClient, Session, Validity};
use support::{
    Papers, card, card_with, content, day, inpatient, made, outpatient, pin, powered, profile, sam,
    sam_with, today,
};

/// Serves this card with this SAM.
fn served<T>(
    card: &mut dyn Card,
    sam: impl VirtualCard,
    act: impl FnOnce(&mut Session<'_>) -> Result<T, FlowError>,
) -> Result<T, FlowError> {
    let (mut sam, pin) = (powered(sam), pin());
    Desk::new(profile(), card, &mut sam, &pin, today()).serve(act)
}

fn maintained<T>(
    card: &mut dyn Card,
    sam: impl VirtualCard,
    act: impl FnOnce(&mut Session<'_>) -> Result<T, FlowError>,
) -> Result<T, FlowError> {
    let (mut sam, pin) = (powered(sam), pin());
    Desk::new(profile(), card, &mut sam, &pin, today()).maintain(act)
}

fn office() -> Office<'static> {
    let mut office = Office::new(profile(), cardlib_terminal::Anchors::shipped(), today());
    office
        .keep(&Papers::default().issuer())
        .expect("the ministry's");
    office
}

#[test]
fn everything_is_read_as_typed_values() {
    let all = served(&mut powered(card()), sam(1), |session| {
        assert_eq!(session.validity(), &Validity::Until("20361231".into()));
        session.read_everything()
    })
    .expect("read");
    assert!(all.holder.name == "张三" && all.holder.born == Some(day("19850712")));
    assert!(all.photo == [0xFF, 0xD8, 0xFF, 0xD9] && all.payment.telephone_1 == "13800000000");
    assert!(all.addresses.0[0].kind == "1" && all.addresses.0[0].text == "河南省郑州市中原区");
    assert!(all.addresses.0[1].text.is_empty() && all.clinical.abo == 3);
    assert!(all.contacts.0[0].name == "李四" && all.contacts.0[0].relation == "1");
    assert!(all.allergies.is_empty() && all.vaccinations.is_empty() && !all.psychiatric.flag);
}

#[test]
fn an_update_writes_what_differs_and_nothing_else() {
    let mut card = powered(card());
    let written = served(&mut card, sam(5), |session| {
        let mut contacts: ContactPersons = session.read()?;
        contacts.0[1] = ContactPerson {
            name: "王五".into(),
            relation: "97".into(),
            telephone: "13600000000".into(),
        };
        let first = session.update(&contacts)?;
        let again = session.update(&contacts)?;
        let occupation = session.update(&made(|o: &mut Occupation| o.education = "2".into()))?;
        let mut payment: Payment = session.read()?;
        payment.telephone_2 = "13500000000".into();
        payment.method_1 = "1".into();
        Ok((first, again, occupation, session.update(&payment)?))
    });
    assert_eq!(written, Ok((3, 0, 1, 2)));
    let read = served(&mut card, sam(1), |session| {
        Ok((
            session.read::<ContactPersons>()?,
            session.read::<Payment>()?,
        ))
    });
    let (contacts, payment) = read.unwrap_or_else(|error| panic!("{error}"));
    assert!(contacts.0[0].name == "李四" && contacts.0[1].telephone == "13600000000");
    assert!(payment.telephone_1 == "13800000000" && payment.method_1 == "1");
    assert!(payment.valid_until == Some(day("20361231")));
}

#[test]
fn values_and_codes_are_checked_before_anything_is_written() {
    let refused = served(&mut powered(card()), sam(5), |session| {
        let mut contacts: ContactPersons = session.read()?;
        contacts.0[0].name = "王".repeat(16);
        assert!(matches!(
            session.update(&contacts),
            Err(FlowError::Value(_))
        ));
        let mut contacts: ContactPersons = session.read()?;
        contacts.0[0].name = "王五".into();
        contacts.0[0].relation = "42".into();
        let code = FlowError::Code {
            tag: 26,
            dictionary: "relation".into(),
        };
        assert_eq!(session.update(&contacts), Err(code));
        assert!(
            session.read::<ContactPersons>()?.0[0].name == "李四",
            "nothing was written"
        );
        assert!(matches!(
            session.update_photo(b"GIF89a"),
            Err(FlowError::Photo(_))
        ));
        session.update_photo(&[&[0xFF, 0xD8][..], &[0; 3071]].concat())
    });
    assert!(matches!(refused, Err(FlowError::Photo(_))));
}

#[test]
fn allergies_and_vaccinations_are_appended_and_the_oldest_goes() {
    let mut card = powered(card());
    let allergy = |substance: &str| Allergy {
        substance: substance.into(),
        reaction: "皮疹".into(),
    };
    served(&mut card, sam(2), |session| {
        for substance in ["青霉素", "花粉", "虾", "牛奶"] {
            session.append(&allergy(substance))?;
        }
        session.append(&Vaccination {
            name: "乙肝疫苗".into(),
            given: Some(day("20261101")),
        })
    })
    .expect("types 2 and 3 append");
    let (allergies, vaccinations) = served(&mut card, sam(1), |session| {
        Ok((
            session.entries::<Allergy>()?,
            session.entries::<Vaccination>()?,
        ))
    })
    .unwrap_or_else(|error| panic!("{error}"));
    let substances: Vec<&str> = allergies
        .iter()
        .map(|each| each.substance.as_str())
        .collect();
    assert_eq!(substances, ["花粉", "虾", "牛奶"], "oldest first");
    assert!(vaccinations.len() == 1 && vaccinations[0].given == Some(day("20261101")));
}

#[test]
fn the_photo_is_replaced_and_removed() {
    let mut card = powered(card());
    let jpeg = [&[0xFF, 0xD8][..], &[0x55; 3070]].concat();
    served(&mut card, sam(5), |session| {
        session.update_photo(&jpeg)?;
        assert!(session.photo()? == jpeg);
        session.update_photo(&[])?;
        assert!(session.photo()?.is_empty());
        Ok(())
    })
    .expect("type 5 replaces photos");
}

#[test]
fn a_visit_is_recorded_signed_read_and_settled() {
    let mut card = powered(card());
    for visit in [outpatient(), inpatient()] {
        let kind = visit.kind();
        let number = served(&mut card, sam(3), |session| session.record_visit(&visit));
        assert_eq!(number, Ok(1));
        let stored = served(&mut card, sam(1), |session| {
            assert_eq!(session.visits(kind), Ok(vec![1]));
            session.read_visit(kind, 1)
        })
        .unwrap_or_else(|error| panic!("{error}"));
        assert!(stored.visit == visit);
        let accepted = office().verify(kind, &stored.record);
        let accepted = accepted.unwrap_or_else(|error| panic!("{error}"));
        assert!(accepted.mark == Mark::Test && accepted.visit == visit);

        let settled = served(&mut card, sam(5), |session| {
            let settled = session.settle(kind, 1, &mut office())?;
            assert_eq!(session.visits(kind), Ok(vec![]));
            Ok(settled.record)
        })
        .unwrap_or_else(|error| panic!("{error}"));
        assert!(settled == stored.record);
        let gone = served(&mut card, sam(1), |session| {
            session.read_visit(kind, 1).map(drop)
        });
        assert_eq!(gone, Err(FlowError::NoVisit { kind, number: 1 }));
    }
}

#[test]
fn a_full_index_takes_no_further_visit_and_a_freed_place_is_used_again() {
    let mut card = powered(card());
    let outcome = served(&mut card, sam(5), |session| {
        for number in 1..=5 {
            assert_eq!(session.record_visit(&outpatient()), Ok(number));
        }
        let full = session.record_visit(&outpatient());
        assert_eq!(full, Err(FlowError::NoRoom(VisitKind::Outpatient)));
        assert_eq!(session.visits(VisitKind::Inpatient), Ok(vec![]));
        session.settle(VisitKind::Outpatient, 3, &mut office())?;
        session.record_visit(&outpatient())
    });
    assert_eq!(outcome, Ok(3));
}

#[test]
fn a_visit_goes_into_the_place_that_was_chosen_if_it_is_free() {
    let kind = VisitKind::Outpatient;
    let outcome = served(&mut powered(card()), sam(5), |session| {
        session.record_visit_at(&outpatient(), 4)?;
        let taken = session.record_visit_at(&outpatient(), 4);
        assert_eq!(taken, Err(FlowError::Taken { kind, number: 4 }));
        let beyond = session.record_visit_at(&outpatient(), 6);
        assert!(matches!(beyond, Err(FlowError::Unknown(_))));
        session.visits(kind)
    });
    assert_eq!(outcome, Ok(vec![4]));
}

#[test]
fn a_sam_alone_gives_its_public_files_and_changes_its_pin() {
    let mut sam = powered(sam(5));
    let mut sam = sam.transaction().expect("sam");
    let read = |sam: &mut dyn Channel, path| read_public(profile(), sam, path).expect(path);
    assert_eq!(read(&mut sam, "DF01/001B"), Papers::default().issuer());
    assert_eq!(read(&mut sam, "MF/0016").len(), 6);
    let other = Pin::new("654321").expect("pin");
    let mut change = |old: &Pin, new: &Pin| change_pin(profile(), &mut sam, old, new);
    assert_eq!(
        change(&other, &other),
        Err(FlowError::PinWrong { tries_left: 9 })
    );
    assert_eq!(change(&pin(), &other), Ok(()));
    let refused = SamClient::open(profile(), &mut sam, &pin()).map(drop);
    assert_eq!(refused, Err(FlowError::PinWrong { tries_left: 9 }));
    assert!(SamClient::open(profile(), &mut sam, &other).is_ok());
}

/// Each SAM type and what its desk is refused (R69, SAM 4.5).
#[test]
fn sam_types_permit_what_their_definition_says() {
    for sam_type in 1..=5 {
        let permitted = |act: &dyn Fn(&mut Session<'_>) -> Result<(), FlowError>| {
            let mut card = powered(card());
            let kind = VisitKind::Outpatient;
            served(&mut card, sam(5), |session| {
                session.record_visit(&outpatient())
            })
            .unwrap_or_else(|error| panic!("{error}"));
            let outcome = served(&mut card, sam(sam_type), |session| act(session));
            if let Err(error) = &outcome {
                let named =
                    matches!(error, FlowError::NotPermitted { sam_type: t, .. } if *t == sam_type);
                assert!(named, "type {sam_type}: {error}");
                let left = served(&mut card, sam(5), |session| session.visits(kind));
                assert_eq!(left, Ok(vec![1]), "a refused desk changes nothing");
            }
            outcome.is_ok()
        };
        let mine = [
            permitted(&|session| session.read::<Holder>().map(drop)),
            permitted(&|session| {
                let mut contacts: ContactPersons = session.read()?;
                contacts.0[0].telephone = "1".into();
                session.update(&contacts).map(drop)
            }),
            permitted(&|session| {
                let mut clinical: Clinical = session.read()?;
                clinical.asthma = true;
                session.update(&clinical).map(drop)
            }),
            permitted(&|session| session.update(&Psychiatric { flag: true }).map(drop)),
            permitted(&|session| session.append(&Allergy::default())),
            permitted(&|session| session.record_visit(&outpatient()).map(drop)),
            permitted(&|session| {
                session
                    .settle(VisitKind::Outpatient, 1, &mut office())
                    .map(drop)
            }),
            permitted(&|session| session.block_application("DF01", Term::Temporary)),
        ];
        let wanted = match sam_type {
            1 => [true, false, false, false, false, false, false, false],
            2 => [true, false, true, true, true, true, false, false],
            3 => [true, false, true, false, true, true, false, false],
            4 => [false, false, false, false, false, false, false, true],
            _ => [true; 8],
        };
        assert_eq!(mine, wanted, "type {sam_type}");
    }
}

#[test]
fn applications_are_blocked_for_a_time_or_for_ever() {
    let mut card = powered(card());
    let blocked = |df: &str| FlowError::ApplicationBlocked(df.into());
    maintained(&mut card, sam(4), |session| {
        assert_eq!(
            session.unblock_application("DF02"),
            Err(FlowError::NotBlocked("DF02".into()))
        );
        session.block_application("DF02", Term::Temporary)?;
        assert_eq!(
            session.block_application("DF02", Term::Temporary),
            Err(blocked("DF02"))
        );
        Ok(())
    })
    .expect("type 4 blocks");
    let read = served(&mut card, sam(1), |session| {
        session.read::<Occupation>()?;
        session.read::<Clinical>().map(drop)
    });
    assert_eq!(read, Err(blocked("DF02")), "its neighbours work");
    maintained(&mut card, sam(4), |session| {
        session.unblock_application("DF02")
    })
    .expect("unblocked");
    served(&mut card, sam(1), |session| {
        session.read::<Clinical>().map(drop)
    })
    .expect("works again");

    let forever = maintained(&mut card, sam(4), |session| {
        session.block_application("DF03", Term::ForEver)?;
        session.unblock_application("DF03")
    });
    assert_eq!(forever, Err(FlowError::BlockedForEver("DF03".into())));
    let other = maintained(&mut card, sam(4), |session| {
        session.block_application("DDF1", Term::Temporary)
    });
    assert!(matches!(other, Err(FlowError::Unknown(_))), "R39");
}

#[test]
fn a_blocked_card_answers_nothing_more() {
    let mut card = powered(card());
    maintained(&mut card, sam(4), |session| session.block_card()).expect("type 4 blocks cards");
    let again = maintained(&mut card, sam(4), |session| session.block_card());
    assert!(
        matches!(again, Err(FlowError::NotActive { .. })),
        "R46: the ATR says it"
    );
    let mut transaction = card.transaction().expect("card");
    assert_eq!(
        transaction.transmit(&[0, 0x84, 0, 0, 8]),
        Ok(vec![0x6A, 0x81])
    );
}

/// Three wrong MACs block DDF1 (D10); only its maintenance key opens it again (R39).
#[test]
fn a_blocked_environment_is_opened_by_its_maintenance_key() {
    let mut card = powered(card());
    served(&mut card, sam(5), |session| {
        let flow = session.flow();
        flow.external_authentication("UK1_DDF1")?;
        let file = profile().file("DDF1/EF08").expect("EF08");
        let card = flow.card();
        card.select_file(file)?;
        for _ in 0..3 {
            card.challenge()?;
            let wrong = cardlib_card::apdu::Command::new(0x04, 0xDC, 2, 4).with_data([0; 36]);
            assert!(card.send("UPDATE RECORD", &wrong).is_err());
        }
        Ok(())
    })
    .expect("wrong MACs");
    let blocked = served(&mut card, sam(1), |_| Ok(()));
    assert_eq!(blocked, Err(FlowError::ApplicationBlocked("DDF1".into())));
    let (mut sam_4, pin) = (powered(sam(4)), pin());
    let mut desk = Desk::new(profile(), &mut card, &mut sam_4, &pin, today());
    assert_eq!(desk.unblock_environment(), Ok(()));
    assert_eq!(
        desk.unblock_environment(),
        Err(FlowError::NotBlocked("DDF1".into()))
    );
    served(&mut card, sam(1), |_| Ok(())).expect("works again");
}

#[test]
fn provincial_work_stays_in_its_province() {
    let elsewhere = Papers {
        province: "42",
        ..Papers::default()
    };
    let refused = |outcome: Result<(), FlowError>| {
        assert!(
            matches!(outcome, Err(FlowError::OtherProvince { .. })),
            "{outcome:?}"
        );
    };
    let mut card = powered(card());
    served(&mut card, sam_with(5, &elsewhere), |session| {
        session.record_visit(&outpatient())?;
        refused(
            session
                .settle(VisitKind::Outpatient, 1, &mut office())
                .map(drop),
        );
        refused(session.block_application("DF02", Term::Temporary));
        refused(session.block_card());
        session.append(&Allergy::default())
    })
    .expect("national keys work everywhere");
}

#[test]
fn an_expired_or_forged_card_is_not_served() {
    let mut old = content();
    old.set_text(profile(), 7, "20261121").expect("fits");
    let mut card = powered(card_with(&old, 0, 1));
    let refused = served(&mut card, sam(5), |_| Ok(()));
    assert_eq!(refused, Err(FlowError::Expired("20261121".into())), "R30");
    let unread = served(&mut card, sam(4), |session| Ok(session.validity().clone()));
    assert_eq!(unread, Ok(Validity::NotChecked), "no RK1_DDF1");
    maintained(&mut card, sam(4), |session| {
        session.block_application("DF01", Term::ForEver)
    })
    .expect("blocked though expired");
    let mut forged = powered(card_with(&content(), 1, 1));
    assert_eq!(
        served(&mut forged, sam(5), |_| Ok(())),
        Err(FlowError::NotGenuine)
    );
}

#[test]
fn a_sam_out_of_its_dates_or_with_foreign_papers_signs_nothing() {
    let early = Papers {
        from: [0x20, 0x26, 0x11, 0x23],
        ..Papers::default()
    };
    let late = Papers {
        to: [0x20, 0x26, 0x11, 0x21],
        ..Papers::default()
    };
    for (papers, error) in [
        (early, PapersError::NotYet(Paper::Issuer)),
        (late, PapersError::Past(Paper::Issuer)),
    ] {
        let mut card = powered(card());
        let outcome = served(&mut card, sam_with(5, &papers), |session| {
            session.record_visit(&outpatient())
        });
        assert_eq!(outcome, Err(FlowError::Papers(error)));
        let left = served(&mut card, sam(1), |session| {
            session.visits(VisitKind::Outpatient)
        });
        assert_eq!(left, Ok(vec![]));
    }
    let papers = Papers::default();
    let other = support::sam_of(5, &papers, papers.sam("41010520269999999999"));
    let outcome = served(&mut powered(card()), other, |session| {
        session.check_papers()
    });
    assert_eq!(
        outcome,
        Err(FlowError::Papers(PapersError::Other(Paper::Sam)))
    );
    let chain = served(&mut powered(card()), sam(2), |session| {
        session.check_papers()
    });
    assert!(chain.is_ok_and(|chain| chain.by_root && chain.mark == Mark::Test));
}

#[test]
fn a_visit_of_tomorrow_is_not_recorded() {
    let mut visit = outpatient();
    if let cardlib_card::visit::Visit::Outpatient(visit) = &mut visit {
        visit.seen = "20261123000000".parse().ok();
    }
    let outcome = served(&mut powered(card()), sam(5), |session| {
        session.record_visit(&visit)
    });
    assert!(matches!(outcome, Err(FlowError::Office(_))));
}
