//! The PC/SC adapter on the real daemon with virtual readers: resets, lost, silent and busy cards, a daemon that dies.
//!
//! A PC/SC client finds its daemon by an environment variable that it reads once, so the scenes run in a child process
//! that `on_the_real_daemon` starts.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use cardlib_card::apdu::Command as Apdu;
use cardlib_reader::pcsc::{PcscCard, Presence, Readers, Sharing};
use cardlib_reader::{Card, ReaderError, exchange};
use cardlib_sim::VirtualCard;
use cardlib_sim::fault::{Fault, Order};
use cardlib_sim::vpcd::{Manner, Slot};
use tests_stand::Daemon;

const READERS: &str = "RHC_TEST_READERS";
const DAEMON: &str = "RHC_TEST_DAEMON";

#[test]
fn on_the_real_daemon() {
    let daemon = Daemon::start(6).expect("pcscd with vpcd (apt-get install pcscd vsmartcard-vpcd)");
    let readers: Vec<String> = daemon
        .readers()
        .iter()
        .map(|r| format!("{}={}", r.name, r.place.address()))
        .collect();
    let own = std::env::current_exe().expect("this test");
    let (name, socket) = daemon.environment();
    let status = Command::new(own)
        .args(["--ignored", "--exact", "scenes", "--nocapture"])
        .env(name, socket)
        .env(READERS, readers.join(";"))
        .env(DAEMON, daemon.pid().to_string())
        .status()
        .expect("child");
    assert!(status.success(), "the scenes failed, see above");
}

/// A reader's name and its card's address.
#[derive(Clone)]
struct Place {
    name: String,
    address: String,
}

fn places() -> Vec<Place> {
    let readers = std::env::var(READERS).expect("started by on_the_real_daemon");
    let place = |text: &str| {
        let (name, port) = text.split_once('=').expect("name=port");
        Place {
            name: name.into(),
            address: port.to_owned(),
        }
    };
    readers.split(';').map(place).collect()
}

/// Counts its resets in the ATR and answers every command with them.
struct Counter(u8);

impl VirtualCard for Counter {
    fn reset(&mut self) -> Vec<u8> {
        self.0 += 1;
        vec![0x3B, 0x01, self.0]
    }

    fn handle(&mut self, apdu: &[u8]) -> Vec<u8> {
        match apdu {
            [_, 0x84, ..] => vec![self.0, 0x90, 0x00],
            [_, 0xB0, ..] => [&[0xAB; 256][..], &[0x90, 0x00]].concat(),
            _ => vec![0x6D, 0x00],
        }
    }
}

/// Puts a card into a reader and waits until the daemon has seen it.
fn insert(readers: &Readers, place: &Place, fault: Option<(Fault, u64)>) {
    let address = place.address.clone();
    let fault = fault.map(|(fault, at)| Order { fault, at });
    thread::spawn(move || {
        let slot = Slot::connect(&address, Duration::from_secs(5)).expect("reader");
        let manner = Manner {
            delay: Duration::ZERO,
            fault,
        };
        slot.serve(&mut Counter(0), manner).expect("served");
    });
    assert_eq!(
        readers.wait(&place.name, Presence::Present, Duration::from_secs(5)),
        Ok(true)
    );
}

fn connect(readers: &Readers, place: &Place) -> PcscCard {
    readers
        .connect(&place.name, Sharing::Exclusive)
        .expect("connected")
}

const CHALLENGE: Apdu = Apdu::new(0x00, 0x84, 0x00, 0x00).with_le(1);

#[test]
#[ignore = "run by on_the_real_daemon"]
fn scenes() {
    let [first, second, third, fourth, fifth, empty] =
        <[Place; 6]>::try_from(places()).ok().expect("six readers");
    let readers = Readers::open()
        .expect("daemon")
        .with_limit(Duration::from_millis(700));
    names_are_found_whole_and_in_part(&readers, &first, &empty);
    a_transaction_ends_in_a_reset(&readers, &first);
    another_program_keeps_the_card(&readers, &first);
    a_reset_by_another_program_is_noticed(&readers, &second);
    a_pulled_card_is_lost(&readers, &third);
    a_cut_answer_is_a_lost_card(&readers, &fourth);
    a_silent_card_gives_its_caller_back(&readers, &fifth);
    the_watchdog_costs_little(&readers, &first);
    a_dead_daemon_says_what_to_do(&readers, &first);
}

fn names_are_found_whole_and_in_part(readers: &Readers, first: &Place, empty: &Place) {
    assert_eq!(readers.list().expect("list").len(), 6);
    assert_eq!(readers.find(&first.name).as_ref(), Ok(&first.name));
    assert!(
        matches!(readers.find("Virtual"), Err(ReaderError::ManyReaders { fit, .. }) if fit.len() == 6)
    );
    assert!(
        matches!(readers.find("Gemplus"), Err(ReaderError::NoReader { there, .. }) if there.len() == 6)
    );
    let nothing = readers.connect(&empty.name, Sharing::Exclusive).err();
    assert_eq!(nothing, Some(ReaderError::NoCard(empty.name.clone())));
}

fn a_transaction_ends_in_a_reset(readers: &Readers, place: &Place) {
    insert(readers, place, None);
    let mut card = connect(readers, place);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut transaction = card.transaction().expect("begin");
        let answer = exchange(&mut transaction, &CHALLENGE).expect("answer");
        assert_eq!(
            transaction.atr(),
            [0x3B, 0x01, answer.data[0]],
            "the ATR is that of the last reset"
        );
        seen.push(answer.data[0]);
    }
    assert!(
        seen.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{seen:?}: one reset each"
    );
    assert_eq!(
        card.transmit(&[0, 0x84, 0, 0, 1]),
        Err(ReaderError::NoTransaction)
    );
    let mut transaction = card.transaction().expect("begin");
    let long = exchange(&mut transaction, &Apdu::new(0, 0xB0, 0, 0).with_le(0)).expect("answer");
    assert_eq!(long.data.len(), 256);
    transaction.end().expect("reset");
}

fn another_program_keeps_the_card(readers: &Readers, place: &Place) {
    let held = connect(readers, place);
    let refused = readers.connect(&place.name, Sharing::Exclusive).err();
    assert_eq!(refused, Some(ReaderError::InUse(place.name.clone())));
    drop(held);
    connect(readers, place);
}

fn a_reset_by_another_program_is_noticed(readers: &Readers, place: &Place) {
    insert(readers, place, None);
    let shared = || {
        readers
            .connect(&place.name, Sharing::Shared)
            .expect("connected")
    };
    let (mut one, mut other) = (shared(), shared());
    one.transaction().expect("begin").end().expect("reset");
    other
        .transaction()
        .expect("a card that another reset is taken up again")
        .end()
        .expect("reset");
    let mut transaction = one.transaction().expect("begin");
    assert!(exchange(&mut transaction, &CHALLENGE).is_ok());
}

fn a_pulled_card_is_lost(readers: &Readers, place: &Place) {
    insert(readers, place, Some((Fault::PullAt, 2)));
    let mut card = connect(readers, place);
    let mut transaction = card.transaction().expect("begin");
    assert!(exchange(&mut transaction, &CHALLENGE).is_ok());
    assert_eq!(
        exchange(&mut transaction, &CHALLENGE),
        Err(ReaderError::CardLost)
    );
    assert_eq!(
        exchange(&mut transaction, &CHALLENGE),
        Err(ReaderError::CardLost),
        "and stays lost"
    );
    drop(transaction);
    assert_eq!(
        readers.wait(&place.name, Presence::Empty, Duration::from_secs(5)),
        Ok(true)
    );
    assert!(matches!(
        card.transaction().err(),
        Some(ReaderError::CardLost | ReaderError::NoCard(_))
    ));
    drop(card);
    thread::sleep(Duration::from_millis(500));
    insert(readers, place, None);
    let mut again = connect(readers, place);
    assert!(
        exchange(&mut again.transaction().expect("begin"), &CHALLENGE).is_ok(),
        "put back, it works"
    );
}

fn a_cut_answer_is_a_lost_card(readers: &Readers, place: &Place) {
    insert(readers, place, Some((Fault::ShortAt(1), 1)));
    let mut card = connect(readers, place);
    let mut transaction = card.transaction().expect("begin");
    assert_eq!(
        exchange(&mut transaction, &CHALLENGE),
        Err(ReaderError::CardLost)
    );
}

fn a_silent_card_gives_its_caller_back(readers: &Readers, place: &Place) {
    insert(readers, place, Some((Fault::SilentAt, 2)));
    let mut card = connect(readers, place);
    let mut transaction = card.transaction().expect("begin");
    assert!(exchange(&mut transaction, &CHALLENGE).is_ok());
    let start = Instant::now();
    let limit = Duration::from_millis(700);
    assert_eq!(
        exchange(&mut transaction, &CHALLENGE),
        Err(ReaderError::Silent(limit))
    );
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
    drop(transaction);
    drop(card);
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "ending does not wait for the silent card either"
    );
    assert_eq!(
        readers.names().map(|names| names.len()),
        Ok(6),
        "and the daemon still answers us"
    );
    let start = Instant::now();
    let again = readers.connect(&place.name, Sharing::Exclusive).err();
    assert!(
        matches!(again, Some(ReaderError::Silent(_) | ReaderError::InUse(_))),
        "{again:?}: a card that holds its reader up does not hold us up"
    );
    assert!(start.elapsed() < Duration::from_secs(6));
}

fn the_watchdog_costs_little(readers: &Readers, place: &Place) {
    const ROUNDS: u32 = 3000;
    let mut card = connect(readers, place);
    let mut transaction = card.transaction().expect("begin");
    let start = Instant::now();
    for _ in 0..ROUNDS {
        exchange(&mut transaction, &CHALLENGE).expect("answer");
    }
    let each = start.elapsed() / ROUNDS;
    println!("{each:?} a command, unoptimised, through watchdog, daemon and virtual reader");
    assert!(
        each < Duration::from_millis(20),
        "{each:?} a command: something waits (44 ms: the delayed acknowledgement)"
    );
}

fn a_dead_daemon_says_what_to_do(readers: &Readers, place: &Place) {
    let mut card = connect(readers, place);
    let mut transaction = card.transaction().expect("begin");
    let daemon = std::env::var(DAEMON).expect("started by on_the_real_daemon");
    assert!(
        Command::new("kill")
            .args(["-KILL", &daemon])
            .status()
            .is_ok_and(|s| s.success())
    );
    thread::sleep(Duration::from_millis(300));
    assert_eq!(
        exchange(&mut transaction, &CHALLENGE),
        Err(ReaderError::DaemonGone)
    );
    drop(transaction);
    assert_eq!(readers.names(), Err(ReaderError::DaemonGone));
    let error = Readers::open().err().expect("no daemon");
    assert!(error.to_string().contains("systemctl start pcscd"));
}
