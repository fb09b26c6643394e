//! What a power cut inside a command leaves behind in a SAM.

use cardlib_sim::VirtualCard;
use cardlib_sim::sam::memory::{Change, Pin};

use super::tries;
use crate::mutants::patient::{SamHook, SamPatient, ins};
use crate::mutants::{Fault, Mutant, mutant};
use crate::suite::Kind;

fn torn(
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
        Fault::Sam(SamHook::torn(command)),
    )
}

/// The tries are as before when the power goes inside a command of this kind.
fn free(p: &mut SamPatient, a: &[u8], on: u8) -> Vec<u8> {
    let before = tries(p);
    let guess = p.cut && ins(a) == on;
    let out = p.sam.handle(a);
    if guess {
        p.sam.tamper(&[Change::PinTries(before)]);
    }
    out
}

pub(super) fn tears() -> Vec<Mutant> {
    vec![
        torn(
            "sam-torn-pin-mixed",
            "R71 SAM-4.2-CHANGE-PIN",
            "a power cut inside CHANGE PIN leaves a PIN that is neither",
            |p, a| {
                if p.cut && ins(a) == 0x5E && a.len() == 12 {
                    let digits = [a[9], a[6], a[7]];
                    p.sam.tamper(&[Change::Pin(Pin { digits, tries: 10 })]);
                    return Vec::new();
                }
                p.sam.handle(a)
            },
        ),
        torn(
            "sam-torn-pin-guess-free",
            "R70",
            "the try of a wrong PIN is counted after the answer",
            |p, a| free(p, a, 0x20),
        ),
        torn(
            "sam-torn-change-guess-free",
            "R70",
            "the try of a wrong old PIN is counted after the answer",
            |p, a| free(p, a, 0x5E),
        ),
    ]
}
