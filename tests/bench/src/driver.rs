//! Part `driver`: APDUs a second through pcscd and our own reader driver, with cards that do nothing, and `rhc-card dump` of a
//! whole card over vpcd.
//!
//! The cards are threads of this process, the client is a process of its own, as a PC/SC client is led to its daemon by the
//! environment. What a card costs is the way through pcscd twice and the driver's socket; nothing else is measured.

use std::ffi::CString;
use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cardlib_ifd::card::{Card, Manner, Slot};
use pcsc::{Protocols, Scope, ShareMode};
use serde_json::{Value, json};
use tests_stand::house::{self, House};
use tests_stand::{Daemon, Place, Stack, Tool};

use crate::cores::Cores;
use crate::section::{RUNS, Section};

const READERS: usize = 8;
/// Half a second each: a machine that does something else for a moment spoils one of them.
const WINDOWS: u32 = 8;
const WINDOW: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(20);
const CHALLENGE: [u8; 5] = [0x00, 0x84, 0x00, 0x00, 0x08];
const SAM_TYPE: u8 = 5;

/// Measures both.
///
/// # Errors
/// No daemon, or no house.
pub fn measure() -> Result<Section> {
    let mut section = Section::default();
    let mut cores = Cores::take()?;
    cores.keep_chain_awake()?;
    let daemon = Daemon::start_on(Stack::Own, READERS)?;
    for reader in daemon.readers() {
        let Place::Socket(path) = &reader.place else {
            anyhow::bail!("{} is no reader of our driver", reader.name);
        };
        let slot = Slot::connect(path, PATIENCE)?;
        // It ends with the daemon.
        std::thread::spawn(move || slot.serve(&mut Nothing, Manner::default()));
    }
    // A rate, not a share: where the system puts client, daemon and card, in the best of the windows, as nobody who uses
    // the driver tells them their cores.
    cores.everywhere(&[daemon.pid()])?;
    for (name, count) in [("one_reader", 1), ("eight_readers", READERS)] {
        let mut tool = Tool::new("rhc-bench")?.words("apdus");
        for reader in &daemon.readers()[..count] {
            tool = tool.arg("--reader").arg(&reader.name);
        }
        let told = tool.env(daemon.environment()).ok()?.json()?;
        let rates: Vec<f64> = serde_json::from_value(told)?;
        section.value(name, rates.iter().copied().fold(0.0, f64::max));
        section.raw[name] = json!(rates);
    }
    dump(&mut section)?;
    Ok(section)
}

/// A card that does nothing.
struct Nothing;

impl Card for Nothing {
    fn reset(&mut self) -> Vec<u8> {
        vec![0x3B, 0x80, 0x80, 0x01, 0x01]
    }

    fn handle(&mut self, _: &[u8]) -> Vec<u8> {
        vec![0x90, 0x00]
    }
}

/// The client's process: rates of every window, as JSON. Cards are reached by one thread alone: libpcsclite walks the cards
/// of all contexts at every call and crashes where another thread opens or closes one meanwhile.
///
/// # Errors
/// No such card.
pub fn client(readers: &[String]) -> Result<()> {
    let cards = readers
        .iter()
        .map(|name| connect(name))
        .collect::<Result<Vec<_>>>()?;
    let rates: Vec<f64> = (0..WINDOWS).map(|_| rate(&cards)).collect::<Result<_>>()?;
    println!("{}", json!(rates));
    Ok(())
}

fn connect(name: &str) -> Result<pcsc::Card> {
    let context = pcsc::Context::establish(Scope::User)?;
    let name = CString::new(name)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match context.connect(&name, ShareMode::Shared, Protocols::ANY) {
            Ok(card) => return Ok(card),
            Err(cause) => ensure!(Instant::now() < deadline, "{name:?}: {cause}"),
        }
    }
}

/// One thread a card.
fn rate(cards: &[pcsc::Card]) -> Result<f64> {
    let (count, end) = (AtomicU64::new(0), AtomicBool::new(false));
    let start = Barrier::new(cards.len() + 1);
    let work = |card: &pcsc::Card| -> Result<()> {
        let mut room = [0; 258];
        start.wait();
        while !end.load(Ordering::Relaxed) {
            let answer = card.transmit(&CHALLENGE, &mut room)?;
            ensure!(answer == [0x90, 0x00], "another answer than the card's");
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = cards
            .iter()
            .map(|card| scope.spawn(move || work(card)))
            .collect();
        start.wait();
        let begun = Instant::now();
        std::thread::sleep(WINDOW);
        end.store(true, Ordering::Relaxed);
        let took = begun.elapsed();
        for thread in threads {
            thread.join().ok().context("a client's thread failed")??;
        }
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        let count = count.load(Ordering::Relaxed) as f64;
        Ok(count / took.as_secs_f64())
    })
}

/// The time of the whole program, start and PIN included.
fn dump(section: &mut Section) -> Result<()> {
    let mut house = House::ready()?;
    let factor = house::card_factors().into_iter().next();
    let chip = house.card(&factor.context("no card in the house")?);
    let reader = house.card_reader(0).clone();
    house.insert(&chip, &reader)?;
    let applicants = house.folder().join("people.csv");
    fs::write(&applicants, tests_stand::people::csv(1))?;
    let told = house.personalise(&applicants, 1, &reader)?.ok()?.json()?;
    ensure!(told["cards"][0]["verdict"] == "issued", "no card: {told}");
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let tool = house.tool("rhc-card")?.words("dump --reader");
        let tool = tool.arg(&reader.name).arg("--sam-reader");
        let tool = tool.arg(&house.sam_reader(SAM_TYPE).name);
        let outcome = tool
            .arg("--sam-pin-file")
            .arg(house.sam_pin(SAM_TYPE))
            .ok()?;
        let dump: Value = outcome.json()?;
        let files = dump["files"].as_array().context("no files")?;
        let unread = files.iter().filter(|file| file["data"].is_null()).count();
        ensure!(unread == 0, "{unread} files were not read");
        section.raw["files"] = json!(files.len());
        times.push(outcome.took.as_secs_f64());
    }
    section.value(
        "dump_s",
        times.iter().copied().fold(f64::INFINITY, f64::min),
    );
    section.raw["dump_s"] = json!(times);
    Ok(())
}
