//! A desk as a process of its own, as a PC/SC client is led to its daemon by the environment: it reads a whole card, or
//! updates one element again and again, and prints the milliseconds that it took.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use cardlib_card::profile::Profile;
use cardlib_reader::pcsc::{Readers, Sharing};
use cardlib_terminal::{Desk, Pin};

/// 联系人电话1.
const TELEPHONE: u8 = 27;
/// Nothing is signed here, so any day on which the card is valid will do.
const TODAY: &str = "20270101";

/// Reads everything, and updates the telephone `updates` times.
///
/// # Errors
/// What the flow says.
pub fn run(card: &str, sam: &str, pin: &Path, updates: u32) -> Result<Duration> {
    let profile = Profile::rhc_2012();
    let pin = Pin::new(std::fs::read_to_string(pin)?.trim())?;
    let started = Instant::now();
    let readers = Readers::open()?;
    let mut card = readers.connect(card, Sharing::Exclusive)?;
    let mut sam = readers.connect(sam, Sharing::Exclusive)?;
    let mut desk = Desk::new(profile, &mut card, &mut sam, &pin, TODAY.parse()?);
    let served = desk.serve(|session| {
        if updates == 0 {
            session.read_everything().map(drop)?;
        }
        let flow = session.flow();
        (0..updates).try_for_each(|n| {
            let number = 13_800_000_000_u64 + u64::from(n);
            flow.update_element(TELEPHONE, &number.to_string())
        })
    });
    // Disconnecting resets the cards once more, which the replay does too.
    drop((card, sam));
    served?;
    Ok(started.elapsed())
}
