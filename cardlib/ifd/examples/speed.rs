//! APDUs a second through pcscd and this driver, with cards that do nothing: one reader, then eight at once.
//!
//! `cargo run --release -p cardlib-ifd --example speed` prints one line of JSON: the best of eight runs of half a second each,
//! `{"one_reader":…,"eight_readers":…}`. Started by `rhc-bench`; starts its own daemon.

#[path = "../tests/common/mod.rs"]
mod common;

use std::ffi::CString;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cardlib_ifd::card::Manner;
use cardlib_ifd::conf::Place;
use common::{Daemon, Null, insert, places};
use pcsc::{Card, Context, Protocols, Scope, ShareMode};

const READERS: u8 = 8;
const RUNS: u32 = 8;
const RUN: Duration = Duration::from_millis(500);
const CLIENT: &str = "client";

fn main() {
    if std::env::args().nth(1).as_deref() == Some(CLIENT) {
        return measure();
    }
    let daemon = Daemon::start(READERS);
    let own = std::env::current_exe().expect("this program");
    let status = daemon.client(own).arg(CLIENT).status().expect("client");
    assert!(status.success(), "{status}");
}

fn measure() {
    let places = places(READERS);
    let _pullers: Vec<_> = places
        .iter()
        .map(|place| insert(place, Null, Manner::default()))
        .collect();
    let best = |count: usize| (0..RUNS).map(|_| rate(&places[..count])).max().unwrap_or(0);
    println!(
        "{{\"one_reader\":{},\"eight_readers\":{}}}",
        best(1),
        best(READERS.into())
    );
}

/// APDUs a second over these readers, one thread and one context each. Cards are reached and left by this thread alone:
/// libpcsclite 1.9 walks the cards of all contexts at every call and crashes where another thread opens or closes one.
fn rate(places: &[Place]) -> u64 {
    let cards: Vec<Card> = places.iter().map(connect).collect();
    let (count, end) = (AtomicU64::new(0), AtomicBool::new(false));
    let start = Barrier::new(cards.len() + 1);
    let mut took = RUN;
    std::thread::scope(|scope| {
        for card in &cards {
            scope.spawn(|| {
                let mut room = [0u8; 258];
                start.wait();
                while !end.load(Ordering::Relaxed) {
                    let answer = card.transmit(&[0x00, 0x84, 0x00, 0x00, 0x08], &mut room);
                    assert_eq!(answer, Ok(&[0x90, 0x00][..]));
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        start.wait();
        let begun = Instant::now();
        std::thread::sleep(RUN);
        end.store(true, Ordering::Relaxed);
        took = begun.elapsed();
    });
    let each = count.into_inner() as f64 / took.as_secs_f64();
    each as u64
}

fn connect(place: &Place) -> Card {
    let context = Context::establish(Scope::User).expect("daemon");
    let name = CString::new(place.name.clone()).expect("name");
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match context.connect(&name, ShareMode::Shared, Protocols::ANY) {
            Ok(card) => return card,
            Err(cause) => assert!(Instant::now() < deadline, "{}: {cause}", place.name),
        }
    }
}
