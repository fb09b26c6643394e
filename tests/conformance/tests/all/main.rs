//! The harness itself: its suites, its verdicts, its evidence.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod evidence;
mod hostile;
mod mutants;
mod pages;
mod pcsc;
mod replay;
mod requirements;
mod sound;
mod terminal;
