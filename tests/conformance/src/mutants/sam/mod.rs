//! SAMs that behave wrongly.

mod ciphers;
mod keys;
mod others;
mod pins;
mod second;
mod signatures;
mod tears;

use cardlib_sim::VirtualCard;

use super::patient::{SamHook, SamPatient, ins};
use super::{Fault, Mutant, mutant};
use crate::suite::Kind;

fn row(
    id: &str,
    clauses: &str,
    what: &str,
    command: fn(&mut SamPatient, &[u8]) -> Vec<u8>,
) -> Mutant {
    mutant(
        Kind::Sam,
        id,
        clauses,
        what,
        Fault::Sam(SamHook::on(command)),
    )
}

fn reset_row(id: &str, clauses: &str, what: &str, reset: fn(&mut SamPatient) -> Vec<u8>) -> Mutant {
    mutant(
        Kind::Sam,
        id,
        clauses,
        what,
        Fault::Sam(SamHook::at_reset(reset)),
    )
}

/// The command as if the PIN had been given.
fn without_pin(p: &mut SamPatient, a: &[u8], on: u8) -> Vec<u8> {
    if ins(a) != on {
        return p.sam.handle(a);
    }
    let given = p.sam.pin_given();
    p.sam.set_pin_given(true);
    let out = p.sam.handle(a);
    p.sam.set_pin_given(given);
    out
}

fn tries(p: &SamPatient) -> u8 {
    p.sam.inspect().pin.as_ref().map_or(0, |pin| pin.tries)
}

/// All of them.
#[must_use]
pub fn mutants() -> Vec<Mutant> {
    let mut all = pins::pins();
    all.extend(keys::keys());
    all.extend(ciphers::ciphers());
    all.extend(signatures::signatures());
    all.extend(others::others());
    all.extend(tears::tears());
    all.extend(second::second());
    all
}
