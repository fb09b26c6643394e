//! Fuzz targets for every parser of the card library, and for sequences of commands against card and SAM with invariants
//! after each step: no panic, no key bytes in an answer, no access without its authentication, counters consistent.
//!
//! A driver of our own, on the stable toolchain: every round has a number, from which all its chance comes
//! ([`chance::Chance`]), so a finding is repeated by `rhc-fuzz --target NAME --seed SEED --round N`. Inputs are near the
//! right ones (changed, cut, spliced), and sequences hold the keys, so that they get behind the doors.
//!
//! | module | targets |
//! |---|---|
//! | [`parsers`] | apdu, tlv, profile, record, certificate |
//! | [`state_file`] | state files: changed bytes, and changed content under right sums |
//! | [`user`], [`model`] | user-card sequences and what must hold of them |
//! | [`sam`] | SAM sequences |
//! | [`formulas`] | the formulas a second time, for the models |
#![allow(clippy::unwrap_used)] // a failed unwrap here is a broken fuzzer, and its round is reported

pub mod chance;
pub mod formulas;
pub mod model;
pub mod parsers;
pub mod sam;
pub mod state_file;
pub mod user;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use chance::Chance;

/// What a round says: nothing, or what is wrong.
pub type Verdict = Result<(), String>;

/// Something to throw inputs at.
pub struct Target {
    pub name: &'static str,
    /// Share of the time, of all shares.
    pub share: u32,
    pub round: fn(&mut Chance) -> Verdict,
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    target("apdu", 1, parsers::apdu),
    target("tlv", 1, parsers::tlv),
    target("profile", 2, parsers::profile),
    target("record", 2, parsers::record),
    target("certificate", 1, parsers::certificate),
    target("state-file", 3, state_file::round),
    target("user-card", 6, user::round),
    target("sam", 4, sam::round),
];

const fn target(name: &'static str, share: u32, round: fn(&mut Chance) -> Verdict) -> Target {
    Target { name, share, round }
}

/// A round that went wrong.
#[derive(Debug)]
pub struct Finding {
    pub round: u64,
    pub what: String,
}

/// How a run went.
#[derive(Debug)]
pub struct Run {
    pub rounds: u64,
    pub finding: Option<Finding>,
}

/// Rounds from `first` on until the time is over or one goes wrong.
pub fn run(round: impl Fn(&mut Chance) -> Verdict, seed: u64, first: u64, time: Duration) -> Run {
    let end = Instant::now() + time;
    let mut rounds = 0;
    while rounds == 0 || Instant::now() < end {
        let number = first + rounds;
        rounds += 1;
        if let Err(what) = once(&round, seed, number) {
            let finding = Some(Finding {
                round: number,
                what,
            });
            return Run { rounds, finding };
        }
    }
    Run {
        rounds,
        finding: None,
    }
}

/// One round; a panic is a finding like another.
///
/// # Errors
/// What is wrong.
pub fn once(round: impl Fn(&mut Chance) -> Verdict, seed: u64, number: u64) -> Verdict {
    let mut chance = Chance::of_round(seed, number);
    match catch_unwind(AssertUnwindSafe(|| round(&mut chance))) {
        Ok(verdict) => verdict,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Err(format!("panic: {}", text.unwrap_or_default()))
        }
    }
}

/// `Err` with a text unless something holds.
///
/// # Errors
/// The text.
pub fn hold(condition: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if condition { Ok(()) } else { Err(otherwise()) }
}
