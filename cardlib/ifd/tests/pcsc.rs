//! The driver in the real PC/SC daemon: sixteen readers, insertion and removal as events, every fault, speed.

mod common;

use std::ffi::CString;
use std::time::{Duration, Instant};

use cardlib_ifd::card::{Card as Chip, Fault, Manner, Puller, Slot};
use cardlib_ifd::conf::Place;
use cardlib_ifd::wire::Order;
use common::{Daemon, Null, insert, places};
use pcsc::{Card, Context, Disposition, Error, Protocols, ReaderState, Scope, ShareMode, State};

const COUNT: u8 = 16;
/// Swaps of each kind.
const SWAPS: u32 = 100;
const LIMIT: Duration = Duration::from_millis(400);

/// A card that answers every command with itself and 9000.
struct Echo;

impl Chip for Echo {
    fn reset(&mut self) -> Vec<u8> {
        vec![0x3B, 0x80, 0x80, 0x01, 0x01]
    }

    fn handle(&mut self, command: &[u8]) -> Vec<u8> {
        [command, &[0x90, 0x00]].concat()
    }
}

#[test]
fn on_the_real_daemon() {
    let daemon = Daemon::start(COUNT);
    let listed = daemon
        .client("opensc-tool")
        .arg("-l")
        .output()
        .expect("apt-get install opensc");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed.matches("RHC Reader ").count(), 16, "{listed}");
    let own = std::env::current_exe().expect("this test");
    let status = daemon
        .client(own)
        .args(["--ignored", "--exact", "scenes", "--nocapture"])
        .status()
        .expect("child");
    assert!(status.success(), "the scenes failed, see above");
}

#[test]
#[ignore = "run by on_the_real_daemon"]
fn scenes() {
    let places = places(COUNT);
    let context = Context::establish(Scope::User).expect("daemon");
    sixteen_readers_work_at_once(&context, &places);
    cards_come_and_go_as_events(&context, &places[0]);
    no_swap_is_missed(&context, &places[1]);
    no_swap_of_an_unused_card_is_missed(&context, &places[7]);
    no_swap_is_missed_while_a_program_lets_go(&context, &places[8]);
    no_swap_is_missed_in_the_middle_of_a_command(&context, &places[9]);
    a_card_is_seen_leaving_while_it_works(&context, &places[2]);
    long_apdus_pass(&context, &places[3]);
    faults_end_as_the_table_says(&context, &places[4]);
    a_slow_reader_is_slow(&context, &places[5]);
    only_one_card_is_in_at_a_time(&context, &places[6]);
    a_reader_that_is_gone_stays_gone(&context, &places[15], &places[14]);
}

fn state(context: &Context, place: &Place) -> (State, u32) {
    let mut states = [ReaderState::new(name(place), State::UNAWARE)];
    context
        .get_status_change(Duration::ZERO, &mut states)
        .expect("state");
    (states[0].event_state(), states[0].event_count())
}

fn name(place: &Place) -> CString {
    CString::new(place.name.clone()).expect("name")
}

fn wait(context: &Context, place: &Place, wanted: State) {
    let mut states = [ReaderState::new(name(place), State::UNAWARE)];
    let deadline = Instant::now() + Duration::from_secs(5);
    while !states[0].event_state().contains(wanted) {
        states[0].sync_current_state();
        let left = deadline.saturating_duration_since(Instant::now());
        context
            .get_status_change(left, &mut states)
            .unwrap_or_else(|cause| panic!("{}: no {wanted:?}: {cause}", place.name));
    }
}

/// Connects; a card that is just being swapped is waited for.
fn connect(context: &Context, place: &Place) -> Card {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        wait(context, place, State::PRESENT);
        match context.connect(&name(place), ShareMode::Shared, Protocols::ANY) {
            Ok(card) => return card,
            Err(cause) => assert!(Instant::now() < deadline, "{}: {cause}", place.name),
        }
    }
}

fn send<'a>(card: &Card, command: &[u8], room: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
    room.resize(pcsc::MAX_BUFFER_SIZE_EXTENDED, 0);
    card.transmit(command, room)
}

fn sixteen_readers_work_at_once(context: &Context, places: &[Place]) {
    let names = context.list_readers_owned().expect("list");
    let names: Vec<_> = names.iter().map(|it| it.to_string_lossy()).collect();
    for place in places {
        assert!(names.iter().any(|it| *it == place.name), "{names:?}");
    }
    let pullers: Vec<Puller> = places
        .iter()
        .map(|place| insert(place, Echo, Manner::default()))
        .collect();
    let cards: Vec<Card> = places.iter().map(|it| connect(context, it)).collect();
    std::thread::scope(|scope| {
        for (number, card) in (0u8..).zip(&cards) {
            scope.spawn(move || {
                let mut room = Vec::new();
                for round in 0..50u8 {
                    let command = [0, number, round, 0];
                    let wanted = [&command[..], &[0x90, 0]].concat();
                    assert_eq!(send(card, &command, &mut room), Ok(&wanted[..]));
                }
            });
        }
    });
    drop(cards);
    pullers.into_iter().for_each(Puller::pull);
    for place in places {
        wait(context, place, State::EMPTY);
    }
}

/// The daemon hears of a card and does not have to ask, which it does every 400 ms.
///
/// The times go from the card's connect (and its leaving) to the waking of a program that waits in `SCardGetStatusChange`.
fn cards_come_and_go_as_events(context: &Context, place: &Place) {
    let medians = (0..3).map(|_| {
        let (mut come, mut go) = (Vec::new(), Vec::new());
        for _ in 0..50 {
            let card = std::sync::mpsc::channel();
            come.push(woken(context, place, State::PRESENT, || {
                let _ = card.0.send(insert(place, Null, Manner::default()));
            }));
            let puller = card.1.recv().expect("card");
            go.push(woken(context, place, State::EMPTY, || puller.pull()));
        }
        [come, go].map(|mut times: Vec<Duration>| {
            times.sort();
            (times[times.len() / 2], times[times.len() - 1])
        })
    });
    let best = medians.min().expect("three rounds");
    let [(come, come_worst), (go, go_worst)] = best;
    println!(
        "inserted: median {come:?}, worst {come_worst:?}; removed: median {go:?}, worst {go_worst:?} (50 each)"
    );
    let asking = Duration::from_millis(400);
    assert!(come < asking / 4 && go < asking / 4);
}

fn woken(context: &Context, place: &Place, wanted: State, deed: impl FnOnce() + Send) -> Duration {
    let mut states = [ReaderState::new(name(place), State::UNAWARE)];
    context
        .get_status_change(Duration::ZERO, &mut states)
        .expect("state");
    assert!(!states[0].event_state().contains(wanted));
    std::thread::scope(|scope| {
        let start = scope.spawn(|| {
            // Until the other thread sleeps in the daemon.
            std::thread::sleep(Duration::from_millis(3));
            let start = Instant::now();
            deed();
            start
        });
        while !states[0].event_state().contains(wanted) {
            states[0].sync_current_state();
            context
                .get_status_change(Duration::from_secs(5), &mut states)
                .expect("woken");
        }
        let end = Instant::now();
        end.duration_since(start.join().expect("deed"))
    })
}

/// However fast a card is swapped, the daemon counts one leaving and one coming, and handles of the old card are void.
fn no_swap_is_missed(context: &Context, place: &Place) {
    let mut puller = insert(place, Null, Manner::default());
    wait(context, place, State::PRESENT);
    let before = state(context, place).1;
    for swap in 1..=40 {
        let old = connect(context, place);
        puller.pull();
        puller = insert(place, Null, Manner::default());
        let deadline = Instant::now() + Duration::from_secs(5);
        while state(context, place).1 < before + 2 * swap {
            assert!(Instant::now() < deadline, "swap {swap} was missed");
            std::thread::yield_now();
        }
        let mut room = Vec::new();
        let refused = send(&old, &[0, 0, 0, 0], &mut room);
        assert!(
            matches!(refused, Err(Error::RemovedCard | Error::ResetCard)),
            "{refused:?}"
        );
    }
    assert_eq!(state(context, place).1, before + 80);
    puller.pull();
    wait(context, place, State::EMPTY);
}

/// Waits until so many cards have come and gone and the last one, in a reader whose count was `before`, can be used.
fn counted(context: &Context, place: &Place, before: u32, events: u32) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let (now, count) = state(context, place);
        let usable = now.contains(State::PRESENT) && !now.contains(State::MUTE);
        if usable && count == before + events {
            return;
        }
        let events = count - before;
        assert!(Instant::now() < deadline, "{events} events, {now:?}");
        std::thread::yield_now();
    }
}

/// The daemon has given power to a card that nobody uses, and takes it away before it looks who is in.
fn no_swap_of_an_unused_card_is_missed(context: &Context, place: &Place) {
    let before = state(context, place).1;
    let mut puller = insert(place, Null, Manner::default());
    for swap in 0..SWAPS {
        counted(context, place, before, 1 + 2 * swap);
        puller.pull();
        puller = insert(place, Null, Manner::default());
    }
    counted(context, place, before, 1 + 2 * SWAPS);
    puller.pull();
    wait(context, place, State::EMPTY);
}

/// A program resets its card and lets go while somebody takes the card out and puts the next one in.
fn no_swap_is_missed_while_a_program_lets_go(context: &Context, place: &Place) {
    let before = state(context, place).1;
    let mut puller = insert(place, Null, Manner::default());
    for swap in 0..SWAPS {
        counted(context, place, before, 1 + 2 * swap);
        let card = context.connect(&name(place), ShareMode::Exclusive, Protocols::ANY);
        let card = card.unwrap_or_else(|cause| panic!("swap {swap}: {cause}"));
        assert!(send(&card, &[0, 0, 0, 0], &mut Vec::new()).is_ok());
        puller = std::thread::scope(|scope| {
            let swapped = scope.spawn(|| {
                std::thread::sleep(Duration::from_micros(u64::from(swap % 20) * 100));
                puller.pull();
                insert(place, Null, Manner::default())
            });
            let _ = card.disconnect(Disposition::ResetCard);
            swapped.join().expect("swap")
        });
    }
    counted(context, place, before, 1 + 2 * SWAPS);
    puller.pull();
    wait(context, place, State::EMPTY);
}

/// The next card is at the door already when one leaves in the middle of a command.
fn no_swap_is_missed_in_the_middle_of_a_command(context: &Context, place: &Place) {
    let before = state(context, place).1;
    let manner = || Manner {
        fault: Some((1, Fault::PullAt)),
        ..Manner::default()
    };
    let mut puller = insert(place, Null, manner());
    for swap in 0..SWAPS {
        counted(context, place, before, 1 + 2 * swap);
        let card = context.connect(&name(place), ShareMode::Exclusive, Protocols::ANY);
        let card = card.unwrap_or_else(|cause| panic!("swap {swap}: {cause}"));
        puller = insert(place, Null, manner());
        let lost = send(&card, &[0, 0, 0, 0], &mut Vec::new()).map(<[u8]>::len);
        assert_eq!(lost, Err(Error::NoSmartcard));
    }
    counted(context, place, before, 1 + 2 * SWAPS);
    puller.pull();
    wait(context, place, State::EMPTY);
}

fn a_card_is_seen_leaving_while_it_works(context: &Context, place: &Place) {
    let manner = Manner {
        delay: Duration::from_secs(20),
        fault: None,
    };
    let puller = insert(place, Null, manner);
    let card = connect(context, place);
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            puller.pull();
        });
        let lost = send(&card, &[0, 0, 0, 0], &mut Vec::new()).map(<[u8]>::len);
        assert_eq!(lost, Err(Error::NoSmartcard));
    });
    assert!(start.elapsed() < Duration::from_secs(10));
    wait(context, place, State::EMPTY);
}

fn long_apdus_pass(context: &Context, place: &Place) {
    let puller = insert(place, Echo, Manner::default());
    let card = connect(context, place);
    let mut room = Vec::new();
    for len in [4, 5, 261, 4096, 65_535] {
        let command = vec![0x5A; len];
        let answer = send(&card, &command, &mut room).expect("answer");
        assert_eq!(answer.len(), len + 2);
        assert_eq!(&answer[..len], &command[..]);
    }
    puller.pull();
    wait(context, place, State::EMPTY);
}

/// What a program sees of a fault.
#[derive(Debug, PartialEq)]
enum Seen {
    /// An answer of this length.
    Answer(usize),
    /// This error, at once; afterwards the reader is empty.
    Lost(Error),
    /// This error when the reader's time limit is over; afterwards a reset makes the card work again.
    Late(Error),
    /// As [`Seen::Late`], but the card never comes back.
    LateForGood(Error),
}

fn faults_end_as_the_table_says(context: &Context, place: &Place) {
    use Seen::{Answer, Late, LateForGood, Lost};
    let table = [
        (Fault::PullAt, Lost(Error::NoSmartcard)),
        (Fault::PullAfter, Lost(Error::NoSmartcard)),
        (Fault::PullInAnswer, Lost(Error::NoSmartcard)),
        (Fault::HugeFrame, Lost(Error::NotTransacted)),
        (Fault::Garbage, Lost(Error::NotTransacted)),
        (Fault::Silent, Late(Error::NotTransacted)),
        (Fault::HalfFrame, LateForGood(Error::NotTransacted)),
        (Fault::Short(1), Answer(1)),
        (Fault::Short(0), Answer(0)),
        (Fault::Reader(Order::Cut(3)), Answer(3)),
        (Fault::Reader(Order::Cut(0)), Answer(0)),
        (Fault::Reader(Order::Longer(5)), Answer(11)),
        (Fault::Reader(Order::Silent), Late(Error::NotTransacted)),
        (
            Fault::Reader(Order::Longer(u32::MAX)),
            Late(Error::NotTransacted),
        ),
    ];
    for (fault, wanted) in table {
        println!("fault {fault:?}: {wanted:?}");
        one_fault(context, place, fault, &wanted);
    }
}

fn one_fault(context: &Context, place: &Place, fault: Fault, wanted: &Seen) {
    let mut slot = Slot::connect(&place.socket, Duration::from_secs(5)).expect("reader");
    slot.order(Order::Limit(LIMIT)).expect("order");
    let puller = slot.puller().expect("handle");
    let manner = Manner {
        delay: Duration::ZERO,
        fault: Some((2, fault)),
    };
    std::thread::spawn(move || slot.serve(&mut Echo, manner));
    let mut card = connect(context, place);
    let mut room = Vec::new();
    let command = [0, 0x84, 0, 0];
    assert_eq!(send(&card, &command, &mut room).map(<[u8]>::len), Ok(6));
    let start = Instant::now();
    let seen = send(&card, &command, &mut room).map(<[u8]>::len);
    let time = start.elapsed();
    assert!(time < LIMIT * 3, "{fault:?}: {time:?}");
    match wanted {
        Seen::Answer(len) => {
            assert_eq!(seen, Ok(*len), "{fault:?}");
            assert_eq!(send(&card, &command, &mut room).map(<[u8]>::len), Ok(6));
        }
        Seen::Lost(error) => {
            assert_eq!(seen, Err(*error), "{fault:?}");
            assert!(time < LIMIT, "{fault:?}: {time:?}");
            wait(context, place, State::EMPTY);
        }
        Seen::Late(error) => {
            assert_eq!(seen, Err(*error), "{fault:?}");
            reset(&mut card).expect("reset");
            assert_eq!(
                send(&card, &command, &mut room).map(<[u8]>::len),
                Ok(6),
                "{fault:?}"
            );
        }
        Seen::LateForGood(error) => {
            assert_eq!(seen, Err(*error), "{fault:?}");
            assert!(time >= LIMIT, "{fault:?}: {time:?}");
            reset(&mut card).expect_err("no card to reset");
        }
    }
    drop(card);
    puller.pull();
    wait(context, place, State::EMPTY);
}

fn reset(card: &mut Card) -> Result<(), Error> {
    card.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::ResetCard)
}

fn a_slow_reader_is_slow(context: &Context, place: &Place) {
    let slow = Duration::from_millis(60);
    let manner = Manner {
        delay: Duration::ZERO,
        fault: Some((1, Fault::Reader(Order::Slow(slow)))),
    };
    let puller = insert(place, Echo, manner);
    let card = connect(context, place);
    let mut room = Vec::new();
    let mut timed = || {
        let start = Instant::now();
        send(&card, &[0, 0, 0, 0], &mut room).expect("answer");
        start.elapsed()
    };
    timed();
    let times = [timed(), timed()];
    assert!(times.iter().all(|time| *time >= slow), "{times:?}");
    puller.pull();
    wait(context, place, State::EMPTY);
}

fn only_one_card_is_in_at_a_time(context: &Context, place: &Place) {
    let first = insert(place, Null, Manner::default());
    wait(context, place, State::PRESENT);
    let second = insert(place, Echo, Manner::default());
    let card = connect(context, place);
    let mut room = Vec::new();
    assert_eq!(
        send(&card, &[0, 0, 0, 0], &mut room),
        Ok(&[0x90, 0x00][..]),
        "the second card waits outside"
    );
    drop(card);
    first.pull();
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let card = connect(context, place);
        if send(&card, &[0, 0, 0, 0], &mut room).is_ok_and(|answer| answer.len() == 6) {
            break;
        }
        assert!(Instant::now() < deadline, "the second card never came in");
    }
    second.pull();
    wait(context, place, State::EMPTY);
}

fn a_reader_that_is_gone_stays_gone(context: &Context, place: &Place, other: &Place) {
    let manner = Manner {
        delay: Duration::ZERO,
        fault: Some((1, Fault::Reader(Order::ReaderGone))),
    };
    let _puller = insert(place, Echo, manner);
    let card = connect(context, place);
    let gone = send(&card, &[0, 0, 0, 0], &mut Vec::new()).map(<[u8]>::len);
    assert_eq!(gone, Err(Error::ReaderUnavailable));
    // The daemon's own thread marks the reader a moment later.
    let deadline = Instant::now() + Duration::from_secs(30);
    let again = || context.connect(&name(place), ShareMode::Shared, Protocols::ANY);
    while again().is_ok() {
        assert!(Instant::now() < deadline, "still there");
    }
    assert!(again().is_err(), "back again");
    let puller = insert(other, Echo, Manner::default());
    let card = connect(context, other);
    assert!(send(&card, &[0, 0, 0, 0], &mut Vec::new()).is_ok());
    puller.pull();
}
