//! User cards that behave wrongly.

mod blocks;
mod challenges;
mod commands;
mod content;
mod counters;
mod files;
mod macs;
mod order;
mod rights;
mod second;
mod tears;
mod unguarded;

use super::patient::{Patient, UserHook};
use super::{Fault, Mutant, mutant};
use crate::suite::Kind;

fn row(id: &str, clauses: &str, what: &str, command: fn(&mut Patient, &[u8]) -> Vec<u8>) -> Mutant {
    mutant(
        Kind::UserCard,
        id,
        clauses,
        what,
        Fault::User(UserHook::on(command)),
    )
}

fn reset_row(id: &str, clauses: &str, what: &str, reset: fn(&mut Patient) -> Vec<u8>) -> Mutant {
    mutant(
        Kind::UserCard,
        id,
        clauses,
        what,
        Fault::User(UserHook::at_reset(reset)),
    )
}

/// All of them.
#[must_use]
pub fn mutants() -> Vec<Mutant> {
    let mut all = unguarded::unguarded();
    all.extend(macs::macs());
    all.extend(challenges::challenges());
    all.extend(rights::rights());
    all.extend(counters::counters());
    all.extend(blocks::blocks());
    all.extend(content::content());
    all.extend(files::files());
    all.extend(commands::commands());
    all.extend(order::order());
    all.extend(tears::tears());
    all.extend(second::second());
    all
}
