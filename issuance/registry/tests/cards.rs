//! A card's life over the wire: reserve, register, lose, find, cancel, void; and everything that is refused.
#![allow(clippy::unwrap_used)] // a failed unwrap is the failed test

mod common;

use std::collections::HashSet;

use common::{ANNA, BOB, Stand, number, problem, receipt, reservation};
use issuance_registry_api::problems::{
    CARD_UNKNOWN, CHIP_DIFFERS, EVIDENCE_DIFFERS, FACTOR_TAKEN, NOT_READ_BACK, NOT_RESERVED,
    PERSON_HAS_CARD, PERSON_HAS_RESERVATION, RECEIPT_REFUSED, SAM_UNKNOWN, TRANSITION_REFUSED,
};
use issuance_registry_api::{
    CardEvent, CardSerial, CardState, EventRequest, RegistryClient, ReservationRequest,
};
use kms_platform::client::ClientError;
use kms_platform::problem::{AREA_REFUSED, INVALID, ROLE_REFUSED};

const CHIP: &str = "1122334455667788";
const CHIP2: &str = "1122334455667799";

fn happen(
    client: &RegistryClient,
    serial: &CardSerial,
    event: CardEvent,
    reason: &str,
) -> Result<CardState, ClientError> {
    client
        .event(
            serial,
            &EventRequest {
                event,
                reason: reason.into(),
            },
        )
        .map(|done| done.state)
}

#[test]
fn a_card_from_reservation_to_cancellation() {
    let stand = Stand::new();
    let (station, clerk, hospital) = (stand.station(), stand.clerk(), stand.hospital());
    let reserved = station.reserve(&reservation(ANNA, CHIP)).unwrap();
    assert!(reserved.serial.as_str().starts_with("41"));
    assert_eq!(
        hospital
            .verify(&number(ANNA), &reserved.serial, None)
            .unwrap()
            .state,
        CardState::Reserved
    );

    let proof = stand.evidence(&reserved, CHIP, &stand.sam());
    assert_eq!(station.register(&proof).unwrap().state, CardState::Active);
    assert_eq!(
        hospital
            .verify(&number(ANNA), &reserved.serial, None)
            .unwrap()
            .state,
        CardState::Active
    );

    assert_eq!(
        happen(&clerk, &reserved.serial, CardEvent::Lost, "telephone").unwrap(),
        CardState::Lost
    );
    assert_eq!(
        hospital
            .verify(&number(ANNA), &reserved.serial, None)
            .unwrap()
            .state,
        CardState::Lost
    );
    assert_eq!(
        happen(&clerk, &reserved.serial, CardEvent::Found, "brought back").unwrap(),
        CardState::Active
    );
    assert_eq!(
        happen(
            &clerk,
            &reserved.serial,
            CardEvent::Cancelled,
            "moved abroad"
        )
        .unwrap(),
        CardState::Cancelled
    );

    let found = clerk.cards(ANNA).unwrap();
    let told: Vec<_> = found.cards[0]
        .history
        .iter()
        .map(|line| (line.event.as_str(), line.state))
        .collect();
    assert_eq!(
        told,
        [
            ("reserved", CardState::Reserved),
            ("registered", CardState::Active),
            ("lost", CardState::Lost),
            ("found", CardState::Active),
            ("cancelled", CardState::Cancelled),
        ]
    );
    assert_eq!(found.cards[0].history[2].actor, "rhc://41/clerk/li");
    assert_eq!(found.cards[0].history[2].reason, "telephone");
}

#[test]
fn a_repeat_is_the_same_intent_and_nothing_else_is() {
    let stand = Stand::new();
    let station = stand.station();
    let first = station.reserve(&reservation(ANNA, CHIP)).unwrap();
    assert_eq!(station.reserve(&reservation(ANNA, CHIP)).unwrap(), first);
    assert!(problem(station.reserve(&reservation(BOB, CHIP))).is(&FACTOR_TAKEN));
    assert!(problem(station.reserve(&reservation(ANNA, CHIP2))).is(&PERSON_HAS_RESERVATION));

    let proof = stand.evidence(&first, CHIP, &stand.sam());
    let registered = station.register(&proof).unwrap();
    assert_eq!(station.register(&proof).unwrap(), registered);
    assert_eq!(
        station.reserve(&reservation(ANNA, CHIP)).unwrap().state,
        CardState::Active
    );
    assert!(problem(station.reserve(&reservation(ANNA, CHIP2))).is(&PERSON_HAS_CARD));
    assert_eq!(
        stand.clerk().cards(ANNA).unwrap().cards[0].history.len(),
        2,
        "repeats leave no history"
    );

    let other = "CD".repeat(32);
    let vouched = stand.signed("rhc://4101/kms/k1", &receipt(&first, CHIP, &other));
    let other_data = issuance_registry_api::RegistrationRequest {
        data_hash: other.parse().unwrap(),
        read_back_digest: other.parse().unwrap(),
        receipt: Some(vouched),
        ..proof
    };
    assert!(problem(station.register(&other_data)).is(&EVIDENCE_DIFFERS));
}

#[test]
fn a_cancelled_card_makes_room_for_another_and_its_chip_stays_taken() {
    let stand = Stand::new();
    let old = stand.card(ANNA, CHIP);
    assert!(problem(stand.station().reserve(&reservation(ANNA, CHIP2))).is(&PERSON_HAS_CARD));
    happen(&stand.clerk(), &old.serial, CardEvent::Lost, "lost").unwrap();
    assert!(
        problem(stand.station().reserve(&reservation(ANNA, CHIP2))).is(&PERSON_HAS_CARD),
        "lost is still live"
    );
    happen(
        &stand.clerk(),
        &old.serial,
        CardEvent::Cancelled,
        "replaced",
    )
    .unwrap();
    assert!(problem(stand.station().reserve(&reservation(ANNA, CHIP))).is(&FACTOR_TAKEN));
    let new = stand.card(ANNA, CHIP2);
    let found = stand.clerk().cards(ANNA).unwrap().cards;
    assert_eq!(
        found.iter().map(|card| &card.serial).collect::<Vec<_>>(),
        [&new.serial, &old.serial],
        "newest first"
    );
}

#[test]
fn a_voided_attempt_frees_person_and_chip() {
    let stand = Stand::new();
    let station = stand.station();
    let first = station.reserve(&reservation(ANNA, CHIP)).unwrap();
    assert_eq!(
        happen(&station, &first.serial, CardEvent::Voided, "card broke").unwrap(),
        CardState::Voided
    );
    assert_eq!(
        happen(&station, &first.serial, CardEvent::Voided, "card broke").unwrap(),
        CardState::Voided,
        "repeat"
    );
    assert!(
        problem(happen(&station, &first.serial, CardEvent::Voided, "other"))
            .is(&TRANSITION_REFUSED)
    );
    assert!(
        problem(station.register(&stand.evidence(&first, CHIP, &stand.sam()))).is(&NOT_RESERVED)
    );
    let second = station.reserve(&reservation(BOB, CHIP)).unwrap();
    assert_ne!(second.serial, first.serial);
    assert_ne!(
        station.reserve(&reservation(ANNA, CHIP2)).unwrap().serial,
        first.serial
    );
}

#[test]
fn nothing_is_registered_without_the_right_evidence() {
    let stand = Stand::new();
    let station = stand.station();
    let sam = stand.sam();
    let reserved = station.reserve(&reservation(ANNA, CHIP)).unwrap();
    let good = || stand.evidence(&reserved, CHIP, &sam);

    let mut wrong = good();
    wrong.factor = common::factor(CHIP2);
    assert!(problem(station.register(&wrong)).is(&EVIDENCE_DIFFERS));
    let mut wrong = good();
    wrong.read_back_digest = "CD".repeat(32).parse().unwrap();
    assert!(problem(station.register(&wrong)).is(&NOT_READ_BACK));
    let mut wrong = good();
    wrong.checks.authenticated = false;
    assert!(problem(station.register(&wrong)).is(&NOT_READ_BACK));
    let mut wrong = good();
    wrong.checks.security_code = false;
    assert!(problem(station.register(&wrong)).is(&NOT_READ_BACK));
    let mut wrong = good();
    wrong.sam_serial =
        issuance_registry_api::SamSerialNumber::compose("4101", 1, 2020, 99).unwrap();
    assert!(problem(station.register(&wrong)).is(&SAM_UNKNOWN));
    let mut wrong = good();
    wrong.serial = "41ZZZZZZZZ".parse().unwrap();
    assert!(problem(station.register(&wrong)).is(&NOT_RESERVED));

    assert_eq!(
        stand
            .hospital()
            .verify(&number(ANNA), &reserved.serial, None)
            .unwrap()
            .state,
        CardState::Reserved
    );
    station.register(&good()).unwrap();
}

/// P21: the station carries the key service's receipt and can change nothing about it.
#[test]
fn nothing_is_registered_without_a_key_services_receipt() {
    let stand = Stand::new();
    let station = stand.station();
    let sam = stand.sam();
    let reserved = station.reserve(&reservation(ANNA, CHIP)).unwrap();
    let good = || stand.evidence(&reserved, CHIP, &sam);
    let data = "AB".repeat(32);
    let right = receipt(&reserved, CHIP, &data);
    let with = |change: fn(&mut kms_api::CardReceipt)| {
        let mut receipt = right.clone();
        change(&mut receipt);
        Some(stand.signed("rhc://4101/kms/k1", &receipt))
    };
    let mut changed = good().receipt.unwrap();
    changed.text = changed.text.replace(CHIP, CHIP2);
    let foreign = common::House::new().identity("rhc://4101/kms/k1");
    let foreign = kms_platform::notary::Notary::new(&foreign).unwrap();
    let text = serde_json::to_string(&right).unwrap();
    let foreign = foreign.sign(kms_api::receipt::PURPOSE, text.clone());
    let own = kms_platform::notary::Notary::new(&stand.house.identity("rhc://4101/kms/k1"));
    let purpose = own.unwrap().sign("something else", text);
    for (what, receipt) in [
        ("none", None),
        ("another chip", with(|r| r.factor = CHIP2.into())),
        ("another serial", with(|r| r.serial = "4100000000".into())),
        ("other data", with(|r| r.data_hash = "CD".repeat(32))),
        ("another mark", with(|r| r.mark = "DEMO".into())),
        ("changed after signing", Some(changed)),
        (
            "a station's",
            Some(stand.signed("rhc://4101/station/st1", &right)),
        ),
        (
            "a registry's",
            Some(stand.signed("rhc://41/registry/r2", &right)),
        ),
        (
            "another prefecture's",
            Some(stand.signed("rhc://4102/kms/k1", &right)),
        ),
        ("another house's", foreign.ok()),
        ("for another purpose", purpose.ok()),
    ] {
        assert!(what == "none" || receipt.is_some(), "{what}");
        let wrong = issuance_registry_api::RegistrationRequest { receipt, ..good() };
        assert!(
            problem(station.register(&wrong)).is(&RECEIPT_REFUSED),
            "{what}"
        );
    }
    station.register(&good()).unwrap();
}

#[test]
fn every_state_refuses_what_the_table_does_not_know() {
    let stand = Stand::new();
    let (station, clerk) = (stand.station(), stand.clerk());
    let sam = stand.sam();
    for (index, state) in CardState::ALL.into_iter().enumerate() {
        for (event_index, event) in CardEvent::ALL.into_iter().enumerate() {
            if event == CardEvent::Registered {
                continue; // has its own request; `registered` as an event is refused below
            }
            let person = format!("4101011980{:04}{:03}X", 101 + index, event_index);
            let chip = format!("{:08X}{event_index:08X}", index + 1);
            let reserved = station.reserve(&reservation(&person, &chip)).unwrap();
            let serial = &reserved.serial;
            if !matches!(state, CardState::Reserved | CardState::Voided) {
                station
                    .register(&stand.evidence(&reserved, &chip, &sam))
                    .unwrap();
            }
            let way = match state {
                CardState::Lost => Some(CardEvent::Lost),
                CardState::Cancelled => Some(CardEvent::Cancelled),
                CardState::Voided => Some(CardEvent::Voided),
                CardState::Reserved | CardState::Active => None,
            };
            way.map(|event| happen(&clerk, serial, event, "way there").unwrap());
            let result = happen(&clerk, serial, event, "the step itself");
            match state.after(event) {
                Some(next) => assert_eq!(result.unwrap(), next, "{state:?} {event:?}"),
                None => assert!(
                    problem(result).is(&TRANSITION_REFUSED),
                    "{state:?} {event:?}"
                ),
            }
        }
    }
    let reserved = station.reserve(&reservation(ANNA, CHIP)).unwrap();
    let sneaked = happen(
        &clerk,
        &reserved.serial,
        CardEvent::Registered,
        "no evidence",
    );
    assert!(problem(sneaked).is(&TRANSITION_REFUSED));
}

#[test]
fn each_role_does_its_own_part() {
    let stand = Stand::new();
    let reserved = stand.card(ANNA, CHIP);
    let hospital = stand.hospital();
    assert!(problem(hospital.reserve(&reservation(BOB, CHIP2))).is(&ROLE_REFUSED));
    assert!(
        problem(hospital.register(&stand.evidence(&reserved, CHIP, &stand.sam())))
            .is(&ROLE_REFUSED)
    );
    assert!(problem(hospital.cards(ANNA)).is(&ROLE_REFUSED));
    assert!(problem(happen(&hospital, &reserved.serial, CardEvent::Lost, "x")).is(&ROLE_REFUSED));
    assert!(
        problem(happen(
            &stand.station(),
            &reserved.serial,
            CardEvent::Lost,
            "x"
        ))
        .is(&ROLE_REFUSED)
    );
    assert!(
        problem(
            stand
                .station()
                .verify(&number(ANNA), &reserved.serial, None)
        )
        .is(&ROLE_REFUSED)
    );
    assert!(problem(stand.clerk().reserve(&reservation(BOB, CHIP2))).is(&ROLE_REFUSED));
    for role in ["officer", "operator", "kms"] {
        let outsider = stand.client(&format!("rhc://41/{role}/x"));
        assert!(
            problem(outsider.verify(&number(ANNA), &reserved.serial, None)).is(&ROLE_REFUSED),
            "{role}"
        );
    }
    // A station voids what is being made, not what is active.
    let voided = happen(&stand.station(), &reserved.serial, CardEvent::Voided, "x");
    assert!(problem(voided).is(&TRANSITION_REFUSED));
}

#[test]
fn nobody_works_outside_the_area() {
    let stand = Stand::new();
    let elsewhere = stand.client("rhc://4102/station/st2");
    assert!(problem(elsewhere.reserve(&reservation(ANNA, CHIP))).is(&AREA_REFUSED));
    let province42 = stand.client("rhc://42/station/st3");
    let there = ReservationRequest {
        area: "420101".into(),
        ..reservation(ANNA, CHIP)
    };
    assert!(
        problem(province42.reserve(&there)).is(&AREA_REFUSED),
        "the registry is province 41's"
    );
    let reserved = stand.station().reserve(&reservation(ANNA, CHIP)).unwrap();
    assert!(
        problem(elsewhere.register(&stand.evidence(&reserved, CHIP, &stand.sam())))
            .is(&AREA_REFUSED)
    );
    assert!(
        problem(happen(&elsewhere, &reserved.serial, CardEvent::Voided, "x")).is(&AREA_REFUSED)
    );
    let clerk = stand.client("rhc://4102/clerk/wu");
    assert!(
        problem(clerk.cards(ANNA)).is(&CARD_UNKNOWN),
        "what lies elsewhere is not even seen"
    );
    assert!(problem(happen(&clerk, &reserved.serial, CardEvent::Voided, "x")).is(&AREA_REFUSED));
    // Patients travel: any hospital may ask.
    let far = stand.client("rhc://42/hospital/h9");
    assert_eq!(
        far.verify(&number(ANNA), &reserved.serial, None)
            .unwrap()
            .state,
        CardState::Reserved
    );
}

#[test]
fn a_hospital_learns_nothing_from_half_an_answer() {
    let stand = Stand::new();
    let (anna, bob) = (stand.card(ANNA, CHIP), stand.card(BOB, CHIP2));
    let hospital = stand.hospital();
    let crossed = problem(hospital.verify(&number(ANNA), &bob.serial, None));
    let unknown = problem(hospital.verify(
        &number("410101199001010036"),
        &"4100000000".parse().unwrap(),
        None,
    ));
    assert!(crossed.is(&CARD_UNKNOWN));
    assert_eq!(crossed, unknown);
    let answer =
        serde_json::to_value(hospital.verify(&number(ANNA), &anna.serial, None).unwrap()).unwrap();
    let mut members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["mark", "since", "state"]);
}

#[test]
fn another_chip_is_not_the_card_whose_data_it_shows() {
    let stand = Stand::new();
    let (anna, _) = (stand.card(ANNA, CHIP), stand.card(BOB, CHIP2));
    let hospital = stand.hospital();
    let ask =
        |chip: &str| hospital.verify(&number(ANNA), &anna.serial, Some(&chip.parse().unwrap()));
    assert_eq!(ask(CHIP).unwrap().state, CardState::Active);
    // Bob's own card with Anna's number and serial before it.
    assert!(problem(ask(CHIP2)).is(&CHIP_DIFFERS));
}

#[test]
fn values_that_cannot_be_are_refused() {
    let stand = Stand::new();
    let station = stand.station();
    for area in ["41", "41010", "4101011", "", "0101", "4101x1"] {
        let request = ReservationRequest {
            area: area.into(),
            ..reservation(ANNA, CHIP)
        };
        assert!(problem(station.reserve(&request)).is(&INVALID), "{area}");
    }
    let reserved = station.reserve(&reservation(ANNA, CHIP)).unwrap();
    for reason in ["", "  ", &"x".repeat(201), "two\nlines"] {
        assert!(
            problem(happen(
                &station,
                &reserved.serial,
                CardEvent::Voided,
                reason
            ))
            .is(&INVALID),
            "{reason:?}"
        );
    }
    assert!(problem(stand.clerk().cards("hello")).is(&INVALID));
    assert!(problem(stand.clerk().cards("../status")).is(&INVALID));
}

#[test]
fn eight_at_once_get_one_serial_for_one_person() {
    let stand = Stand::new();
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let station = stand.station();
                scope.spawn(move || {
                    (0..5)
                        .map(|_| station.reserve(&reservation(ANNA, CHIP)).unwrap().serial)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(results.iter().collect::<HashSet<_>>().len(), 1);
    assert_eq!(stand.clerk().cards(ANNA).unwrap().cards.len(), 1);
}

#[test]
fn of_eight_chips_for_one_person_one_wins_and_of_eight_persons_for_one_chip_too() {
    let stand = Stand::new();
    let race = |requests: Vec<ReservationRequest>| -> usize {
        std::thread::scope(|scope| {
            let threads: Vec<_> = requests
                .into_iter()
                .map(|request| {
                    let station = stand.station();
                    scope.spawn(move || station.reserve(&request).is_ok())
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| usize::from(thread.join().unwrap()))
                .sum()
        })
    };
    assert_eq!(
        race(
            (0..8)
                .map(|n| reservation(ANNA, &format!("{n:016X}")))
                .collect()
        ),
        1
    );
    assert_eq!(
        race(
            (0..8)
                .map(|n| reservation(&format!("41010119900202{n:04}"), CHIP))
                .collect()
        ),
        1
    );
}
