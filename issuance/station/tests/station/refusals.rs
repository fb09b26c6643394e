//! What a station refuses and by which name; several applicants at one reader; what the journal may hold.

use std::cell::Cell;
use std::time::Duration;

use super::support::keys::{down, refusal};
use super::support::reader::{ForeignCard, Pull, TestCard, TestSlot};
use super::support::{FACTOR, World, kind, profile};
use cardlib_card::profile::LifeCycle;
use cardlib_reader::{Card, ReaderError};
use cardlib_sim::VirtualCard;
use issuance_station::engine::{Outcome, Verdict};
use issuance_station::fault::Fault;
use issuance_station::journal::Journal;
use issuance_station::ports::{Registry, Service};
use issuance_station::run::{self, Ended, Listener, Plan, Slot};
use kms_platform::exit::Exit;

struct Quiet;

impl Listener for Quiet {
    fn waiting(&mut self, _: usize) {}
    fn done(&mut self, _: &Outcome) {}
}

/// A run over all applicants with these cards.
fn run(world: &World, cards: Vec<Box<dyn Card>>) -> Ended {
    let plan = Plan {
        applicants: &world.applicants,
        only_half_made: false,
        cards: cards.len(),
    };
    world.station(|station, examiner| {
        run::run(
            station,
            &mut TestSlot { cards },
            examiner,
            &plan,
            &mut Quiet,
        )
    })
}

fn blank(last: u8) -> TestCard {
    let mut factor = FACTOR;
    factor[7] = last;
    TestCard::blank(factor)
}

fn atr(state: LifeCycle) -> Vec<u8> {
    let card = TestCard::blank(FACTOR);
    let facts = profile().parse_atr(card.insert(None).atr()).expect("ours");
    profile().build_atr(&cardlib_card::profile::AtrFacts { state, ..facts })
}

#[test]
fn three_residents_one_after_another_and_a_second_run_makes_none() {
    let world = World::new();
    let cards: Vec<TestCard> = (1..=3).map(blank).collect();
    let inserted = cards
        .iter()
        .map(|card| Box::new(card.insert(None)) as Box<dyn Card>)
        .collect();
    let ended = run(&world, inserted);
    let verdicts: Vec<_> = ended
        .outcomes
        .iter()
        .map(|outcome| (outcome.applicant, kind(outcome)))
        .collect();
    assert_eq!(
        verdicts,
        [
            (Some(0), "no failure".into()),
            (Some(1), "no failure".into()),
            (Some(2), "no failure".into())
        ]
    );
    assert_eq!(world.registry.count("active"), 3);
    assert_eq!(world.keys.made.get(), 3, "one round trip per card");
    for outcome in &ended.outcomes {
        let times = outcome.timings.report();
        println!(
            "own {} ms of {} ms, {} card commands",
            times.own_ms, times.total_ms, times.card_commands
        );
    }

    let again = run(&world, vec![Box::new(blank(9).insert(None))]);
    let passed: Vec<_> = again
        .passed_over
        .iter()
        .map(|(at, fault)| (*at, fault.slug.as_deref()))
        .collect();
    assert_eq!(
        passed,
        [
            (0, Some("person-has-card")),
            (1, Some("person-has-card")),
            (2, Some("person-has-card"))
        ]
    );
    assert!(again.outcomes.is_empty() && again.fault.is_none());
    assert_eq!(
        (world.registry.count("active"), world.keys.made.get()),
        (3, 3)
    );
}

#[test]
fn the_journal_names_nobody_and_holds_no_key() {
    let world = World::new();
    let card = blank(1);
    assert!(world.card(&mut card.insert(None), Some(0)).result.is_ok());
    let text = std::fs::read_to_string(world.journal().join("journal.log")).expect("a journal");
    let person = &world.applicants[0];
    for secret in [
        person.name(),
        person.number().as_str(),
        "13800000001",
        "1985",
        "金水",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    let mut factor = FACTOR;
    factor[7] = 1;
    for key in super::support::keys::roots()
        .values()
        .chain([&super::support::keys::transport(factor)])
    {
        assert!(!text.to_uppercase().contains(&hex::encode_upper(key)));
    }
    assert!(
        text.contains("\"serial\":\"4100000001\""),
        "and the search would find something that is there"
    );
}

#[test]
fn cards_that_are_none_of_ours_or_not_blank() {
    let world = World::new();
    let made = blank(1);
    assert!(world.card(&mut made.insert(None), Some(0)).result.is_ok());
    let case = |card: &mut dyn Card| {
        let outcome = world.card(card, Some(1));
        assert_eq!(
            outcome.result.as_ref().map_err(Fault::exit).err(),
            Some(Exit::Wrong)
        );
        kind(&outcome)
    };
    assert_eq!(case(&mut made.insert(None)), "already-personalised");
    assert_eq!(
        case(&mut TestCard::of(ForeignCard(vec![0x3B, 0x00])).insert(None)),
        "foreign-card"
    );
    // A reset answer like ours from a card that does not speak the dialect.
    assert_eq!(
        case(&mut TestCard::of(ForeignCard(atr(LifeCycle::Blank))).insert(None)),
        "foreign-card"
    );
    assert_eq!(
        case(&mut TestCard::of(ForeignCard(atr(LifeCycle::Blocked))).insert(None)),
        "blocked-card"
    );
    assert_eq!(
        world.registry.rows.borrow().len(),
        1,
        "nothing was reserved for any of them"
    );
}

#[test]
fn a_half_made_card_of_another_journal_or_file() {
    let world = World::new();
    let card = blank(1);
    assert_eq!(
        kind(&world.card(&mut card.insert(Some(Pull::After(50))), Some(0))),
        "card-lost"
    );

    let stranger = World::new();
    assert_eq!(
        kind(&stranger.card(&mut card.insert(None), Some(0))),
        "half-made-elsewhere"
    );
    assert!(stranger.registry.rows.borrow().is_empty());

    let mut other_file = world;
    other_file.applicants.remove(0);
    assert_eq!(
        kind(&other_file.card(&mut card.insert(None), Some(0))),
        "person-not-in-file"
    );
    assert_eq!(other_file.half_made(), 1, "it can be finished still");
}

#[test]
fn a_half_made_card_is_finished_for_its_own_person_whoevers_turn_it_is() {
    let world = World::new();
    let card = blank(1);
    assert_eq!(
        kind(&world.card(&mut card.insert(Some(Pull::After(60))), Some(2))),
        "card-lost"
    );
    let other = blank(2);
    let ended = run(
        &world,
        vec![Box::new(other.insert(None)), Box::new(card.insert(None))],
    );
    let persons: Vec<_> = ended
        .outcomes
        .iter()
        .map(|outcome| outcome.applicant)
        .collect();
    assert_eq!(persons, [Some(0), Some(2)]);
    assert!(ended.outcomes.iter().all(|outcome| outcome.result.is_ok()));
    assert_eq!(ended.not_reached, [1]);
    // Only the person of the half-made card left: a blank is of no use.
    let world = World::new();
    world.card(&mut card_pulled(&world), Some(0));
    let outcome = world.card(&mut blank(7).insert(None), None);
    assert_eq!(kind(&outcome), "only-half-made-left");
}

#[test]
fn resume_takes_half_made_cards_only() {
    let world = World::new();
    let card = blank(1);
    assert_eq!(
        kind(&world.card(&mut card.insert(Some(Pull::After(60))), Some(1))),
        "card-lost"
    );
    let other = blank(2);
    let cards: Vec<Box<dyn Card>> = vec![Box::new(other.insert(None)), Box::new(card.insert(None))];
    let plan = Plan {
        applicants: &world.applicants,
        only_half_made: true,
        cards: 5,
    };
    let ended = world.station(|station, examiner| {
        run::run(
            station,
            &mut TestSlot { cards },
            examiner,
            &plan,
            &mut Quiet,
        )
    });
    let kinds: Vec<String> = ended.outcomes.iter().map(kind).collect();
    assert_eq!(kinds, ["only-half-made-left", "no failure"]);
    assert!(
        ended.fault.is_none() && ended.not_reached.is_empty(),
        "done when the last half-made card is"
    );
    assert_eq!((world.registry.count("active"), world.half_made()), (1, 0));
}

fn card_pulled(_: &World) -> impl Card + use<> {
    blank(1).insert(Some(Pull::After(60)))
}

#[test]
fn a_voided_half_made_card_is_not_taken_again_and_its_person_gets_another() {
    let world = World::new();
    let card = blank(1);
    let lost = world.card(&mut card.insert(Some(Pull::After(60))), Some(0));
    let serial = lost.serial.expect("reserved");
    world.registry.void(&serial, "spoilt").expect("reserved");
    let job = Journal::open(world.journal())
        .expect("opens")
        .find_open(&serial)
        .expect("open")
        .id;
    let event = issuance_station::journal::Event::Voided {
        reason: "spoilt".into(),
    };
    Journal::open(world.journal())
        .expect("opens")
        .write(jiff::Timestamp::UNIX_EPOCH, job, event)
        .expect("writes");
    assert_eq!(
        kind(&world.card(&mut card.insert(None), Some(0))),
        "voided-card"
    );
    assert!(
        world
            .card(&mut blank(2).insert(None), Some(0))
            .result
            .is_ok()
    );
    assert_eq!(
        (
            world.registry.count("active"),
            world.registry.count("voided")
        ),
        (1, 1)
    );
}

#[test]
fn the_key_service_refuses_the_card_and_the_person_gets_another() {
    let world = World::new();
    *world.keys.fault.borrow_mut() = Some(refusal("factor-not-on-list"));
    let outcome = world.card(&mut blank(1).insert(None), Some(0));
    assert_eq!(
        (
            kind(&outcome).as_str(),
            world.registry.count("voided"),
            world.half_made()
        ),
        ("factor-not-on-list", 1, 0)
    );
    *world.keys.fault.borrow_mut() = None;
    assert!(
        world
            .card(&mut blank(2).insert(None), Some(0))
            .result
            .is_ok()
    );
}

#[test]
fn services_down_and_back_again() {
    let world = World::new();
    let card = blank(1);
    world.registry.all_down.set(true);
    let outcome = world.card(&mut card.insert(None), Some(0));
    assert_eq!(
        (kind(&outcome).as_str(), world.half_made()),
        ("registry-unreachable", 0)
    );
    assert!(
        matches!(&outcome.result, Err(fault) if fault.exit() == Exit::Environment && fault.ends_the_run())
    );
    world.registry.all_down.set(false);

    *world.keys.fault.borrow_mut() = Some(down(Service::Kms));
    let outcome = world.card(&mut card.insert(None), Some(0));
    assert_eq!(
        (kind(&outcome).as_str(), world.half_made()),
        ("kms-unreachable", 1)
    );
    *world.keys.fault.borrow_mut() = None;

    world.registry.register_down.set(true);
    let outcome = world.card(&mut card.insert(None), Some(0));
    assert_eq!(
        (kind(&outcome).as_str(), world.half_made()),
        ("registry-unreachable", 1)
    );
    assert_eq!(world.registry.count("active"), 0);
    world.registry.register_down.set(false);

    // Read back already: registered without the card.
    let ended = run(&world, Vec::new());
    assert_eq!(
        (
            ended.settled,
            world.registry.count("active"),
            world.half_made()
        ),
        (1, 1, 0)
    );
}

#[test]
fn an_empty_ticket_keeps_the_card_for_the_next_one() {
    let world = World::new();
    let card = blank(1);
    *world.keys.fault.borrow_mut() = Some(refusal("ticket-empty"));
    let outcome = world.card(&mut card.insert(None), Some(0));
    assert!(
        matches!(&outcome.result, Err(fault) if fault.ends_the_run() && fault.exit() == Exit::Wrong)
    );
    *world.keys.fault.borrow_mut() = None;
    let outcome = world.card(&mut card.insert(None), Some(0));
    assert_eq!(outcome.result.ok(), Some(Verdict::Finished));
    assert_eq!(world.registry.count("active"), 1);
}

#[test]
fn a_row_corrected_before_anything_was_sent_begins_anew_on_the_same_card() {
    let mut world = World::new();
    let card = blank(1);
    *world.keys.fault.borrow_mut() = Some(refusal("content-refused"));
    let first = world.card(&mut card.insert(None), Some(0));
    assert_eq!(
        (kind(&first).as_str(), world.half_made()),
        ("content-refused", 1)
    );
    *world.keys.fault.borrow_mut() = None;

    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/applicants.csv");
    let corrected = std::fs::read_to_string(file)
        .expect("an example")
        .replace("13800000001", "13800000009");
    world.applicants = super::support::applicants_in(&corrected);
    let second = world.card(&mut card.insert(None), Some(0));
    assert_eq!(
        second.result.as_ref().ok(),
        Some(&Verdict::Issued),
        "{}",
        kind(&second)
    );
    assert_eq!((first.serial, world.half_made()), (second.serial, 0));
}

#[test]
fn a_finished_card_that_the_registry_refuses_does_not_stop_the_others() {
    let world = World::new();
    let card = blank(1);
    world.registry.register_down.set(true);
    let outcome = world.card(&mut card.insert(None), Some(0));
    world.registry.register_down.set(false);
    world
        .registry
        .void(&outcome.serial.expect("reserved"), "by a clerk")
        .expect("reserved");
    let ended = run(&world, vec![Box::new(blank(2).insert(None))]);
    assert_eq!((ended.settled, ended.unsettled.len()), (0, 1));
    assert!(ended.fault.is_none() && ended.outcomes[0].result.is_ok());
}

#[test]
fn a_card_with_other_keys_is_told_by_its_cryptogram_before_anything_is_written() {
    let world = World::new();
    world.keys.wrong_keys.set(true);
    let card = blank(1);
    let outcome = world.card(&mut card.insert(None), Some(0));
    assert_eq!(kind(&outcome), "wrong-card-key");
    // The probe with its GET RESPONSE, then INITIALIZE UPDATE with its own.
    assert_eq!(card.commands.get(), 4);
}

/// Gives other bytes for one record than were written.
struct Liar {
    card: cardlib_sim::UserCard,
    lie: bool,
}

impl VirtualCard for Liar {
    fn reset(&mut self) -> Vec<u8> {
        self.card.reset()
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        let mut answer = self.card.handle(apdu);
        // READ RECORD of a telephone: 20 bytes behind tag 16.
        if self.lie && apdu[1] == 0xB2 && answer.first() == Some(&16) && answer.len() == 24 {
            answer[5] ^= 1;
        }
        answer
    }
}

#[test]
fn a_card_that_does_not_hold_what_was_meant_is_not_registered() {
    let world = World::new();
    let transport = cardlib_sim::TransportMaster::test().key_of(&FACTOR);
    let chip = cardlib_sim::Chip::test(profile(), FACTOR);
    let sim = cardlib_sim::UserCard::blank(
        profile(),
        chip,
        transport,
        cardlib_sim::Random::from_seed(Some(3)),
    );
    let card = TestCard::of(Liar {
        card: sim,
        lie: true,
    });
    let outcome = world.card(&mut card.insert(None), Some(0));
    assert_eq!(kind(&outcome), "read-back-differs");
    assert!(matches!(&outcome.result, Err(Fault::ReadBack(place)) if place == "DDF1/EF08 tag 16"));
    assert_eq!((world.registry.count("active"), world.half_made()), (0, 1));
}

/// Answers the Nth command never.
struct Silent {
    inner: Box<dyn Card>,
    left: Cell<u32>,
}

impl Card for Silent {
    fn atr(&self) -> &[u8] {
        self.inner.atr()
    }
    fn begin(&mut self) -> Result<(), ReaderError> {
        self.inner.begin()
    }
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        match self.left.get() {
            0 => Err(ReaderError::Silent(Duration::from_secs(10))),
            left => {
                self.left.set(left - 1);
                self.inner.transmit(command)
            }
        }
    }
    fn end(&mut self) -> Result<(), ReaderError> {
        self.inner.end()
    }
}

#[test]
fn a_silent_card_and_an_empty_reader() {
    let world = World::new();
    let card = blank(1);
    let mut silent = Silent {
        inner: Box::new(card.insert(None)),
        left: Cell::new(30),
    };
    let outcome = world.card(&mut silent, Some(0));
    assert_eq!(
        (kind(&outcome).as_str(), world.half_made()),
        ("silent-card", 1)
    );
    assert!(matches!(&outcome.result, Err(fault) if fault.exit() == Exit::Environment));

    let plan = Plan {
        applicants: &world.applicants,
        only_half_made: false,
        cards: 1,
    };
    let mut empty = TestSlot { cards: Vec::new() };
    assert!(empty.card().is_err());
    let ended = world
        .station(|station, examiner| run::run(station, &mut empty, examiner, &plan, &mut Quiet));
    assert_eq!(
        ended.fault.map(|fault| (fault.kind(), fault.exit())),
        Some(("no-card".into(), Exit::Environment))
    );
    assert_eq!(ended.not_reached, [1, 2], "the first has a half-made card");
}

#[test]
fn a_sam_that_cannot_read_ends_the_run_before_any_card() {
    use super::support::reader::TestSam;
    use issuance_station::readback::SamExaminer;
    let mut sam = TestSam::new(1);
    let mut sam = sam.card();
    let mut sam = cardlib_reader::Transaction::begin(&mut sam).expect("a SAM");
    let atr = sam.atr().to_vec();
    let wrong_pin = SamExaminer::open(profile(), &mut sam, &atr, "654321").map(drop);
    assert_eq!(
        wrong_pin.map_err(|fault| fault.kind()),
        Err("sam-unusable".into())
    );
    let other_card = SamExaminer::open(profile(), &mut sam, &[0x3B, 0x00], "123456").map(drop);
    assert_eq!(
        other_card.map_err(|fault| fault.kind()),
        Err("sam-unusable".into())
    );
}

#[test]
fn every_fault_has_words_and_a_kind_in_both_languages() {
    let faults = [
        Fault::Foreign,
        Fault::AlreadyPersonalised,
        Fault::Blocked,
        Fault::Voided,
        Fault::OnlyHalfMade,
        Fault::NotRemoved,
        Fault::HalfMadeElsewhere,
        Fault::PersonNotInFile {
            serial: "4100000001".into(),
        },
        Fault::Contradiction,
        Fault::Cryptogram,
        Fault::Refused {
            phase: "keys",
            step: 3,
            status: "6A80".into(),
        },
        Fault::ReadBack("DDF1/EF06".into()),
        Fault::Sam("…".into()),
        Fault::Reader(ReaderError::CardLost),
    ];
    let mut kinds: Vec<String> = faults.iter().map(Fault::kind).collect();
    for fault in &faults {
        assert!(
            !fault.message().is_empty() && fault.next().is_some(),
            "{}",
            fault.kind()
        );
    }
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds.len(), faults.len(), "each its own");
}
