//! The conformance suite on the first resident's card, in the reader that it lies in, with a laboratory's test SAM beside it.
//! The demo is over by then: cases change the card. Those that destroy one are left out, since they need more samples.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use tests_stand::house::House;
use tests_stand::{Service, binaries};

use crate::say::Teller;
use crate::words;

const PROGRAM: &str = "rhc-conformance";
const CARD_READER: usize = 0;
/// Where the unlisted blank lay, the last chip that the demo put in.
const SAM_READER: usize = 4;

/// Runs it; whether the card conforms. The program says the rest itself.
///
/// # Errors
/// A program is not built, the reader gives no place, or the run came to no verdict.
pub fn suite(teller: &Teller, house: &mut House, out: &Path) -> Result<bool> {
    let (card, place) = (
        house.card_reader(CARD_READER).clone(),
        house.card_reader(SAM_READER).clone(),
    );
    let blank = house.inserted.pop().context("no chip in the last reader")?;
    blank.pull(&house.daemon, &place)?;
    let program = binaries::program(PROGRAM)?;
    let mut sam = Command::new(&program);
    sam.args(["virtual", "--sam", "--vpcd", &place.place.address()]);
    let log = house.folder().join("logs/laboratory-sam.log");
    let _sam = Service::start("laboratory's test SAM", sam, &log)?;
    house.daemon.wait_card(&place, true)?;
    teller.line(teller.pick(words::SUITE));
    let (name, socket) = house.daemon.environment();
    let status = Command::new(&program)
        .args("run --suite user-card --reader".split(' '))
        .args([&card.name, "--sam-reader", &place.name])
        .args(["--product", "card 1 of make demo", "--out"])
        .arg(out)
        .env(name, socket)
        .status()
        .with_context(|| program.display().to_string())?;
    match status.code() {
        Some(0) => Ok(true),
        Some(3) => Ok(false),
        _ => bail!("{PROGRAM} ended with {status}"),
    }
}
