//! Challenges that are used again, lost, or foreseeable.

use super::{reset_row, row};
use crate::mutants::patient::{Patient, UserHook, has_mac, ins, sw};
use crate::mutants::{Fault, Mutant, mutant};
use crate::suite::Kind;
use cardlib_sim::VirtualCard;

pub(super) fn challenges() -> Vec<Mutant> {
    vec![
        row(
            "challenge-reusable-mac",
            "R36 D15",
            "a challenge serves any number of MACs",
            |p, a| {
                let before = p.card.challenge();
                let out = p.card.handle(a);
                if has_mac(a) && sw(&out) == 0x9000 && ins(a) != 0x1E {
                    p.card.set_challenge(before);
                }
                out
            },
        ),
        row(
            "challenge-reusable-proof",
            "R36 D15",
            "a challenge serves any number of authentications",
            |p, a| {
                let before = p.card.challenge();
                let out = p.card.handle(a);
                if ins(a) == 0x82 && sw(&out) == 0x9000 {
                    p.card.set_challenge(before);
                }
                out
            },
        ),
        row(
            "challenge-kept-after-wrong-proof",
            "R36",
            "a wrong cryptogram leaves the challenge",
            |p, a| {
                let before = p.card.challenge();
                let out = p.card.handle(a);
                if ins(a) == 0x82 && sw(&out) & 0xFFF0 == 0x63C0 {
                    p.card.set_challenge(before);
                }
                out
            },
        ),
        row(
            "challenge-kept-after-wrong-mac",
            "R36",
            "a wrong MAC leaves the challenge",
            |p, a| {
                let before = p.card.challenge();
                let out = p.card.handle(a);
                if sw(&out) == 0x6988 {
                    p.card.set_challenge(before);
                }
                out
            },
        ),
        row(
            "challenge-not-needed",
            "R36 D15",
            "without a challenge zeros serve",
            |p, a| {
                if Patient::uses_challenge(a) && p.card.challenge().is_none() {
                    p.card.set_challenge(Some([0; 8]));
                }
                p.card.handle(a)
            },
        ),
        row(
            "challenge-survives-directory",
            "R35 D15",
            "a challenge survives the selection of another directory",
            |p, a| {
                let before = p.card.challenge();
                let out = p.card.handle(a);
                if ins(a) == 0xA4 {
                    p.card.set_challenge(before);
                }
                out
            },
        ),
        reset_row(
            "challenge-survives-reset",
            "D15",
            "a challenge survives a reset",
            |p| {
                let before = p.card.challenge();
                let atr = p.card.reset();
                p.card.set_challenge(before);
                atr
            },
        ),
        row(
            "challenge-lost-by-file",
            "R35 R36",
            "selecting a file discards the challenge",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xA4 {
                    p.card.set_challenge(None);
                }
                out
            },
        ),
        row(
            "challenge-lost-by-any-command",
            "R36 D15",
            "any command discards the challenge",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) != 0x84 {
                    p.card.set_challenge(None);
                }
                out
            },
        ),
        row(
            "challenge-not-replaced",
            "R36",
            "a second GET CHALLENGE keeps the first for use",
            |p, a| {
                let before = p.card.challenge();
                let out = p.card.handle(a);
                if ins(a) == 0x84 && before.is_some() {
                    p.card.set_challenge(before);
                }
                out
            },
        ),
        row(
            "challenge-constant",
            "UC-3.1-GET-CHALLENGE",
            "every challenge is the same",
            |p, a| constant_challenge(p, a, [7; 8]),
        ),
        mutant(
            Kind::UserCard,
            "challenge-restarts",
            "UC-3.1-GET-CHALLENGE",
            "challenges begin again after each reset",
            Fault::User(UserHook {
                command: |p, a| {
                    p.scratch.count += u32::from(ins(a) == 0x84);
                    let [x, y, z, w] = p.scratch.count.to_be_bytes();
                    constant_challenge(p, a, [x, y, z, w, 1, 2, 3, 4])
                },
                reset: |p| {
                    p.scratch.count = 0;
                    p.card.reset()
                },
                ..UserHook::default()
            }),
        ),
        row(
            "challenge-of-four-bytes",
            "UC-3.1-GET-CHALLENGE R11",
            "four of a challenge's eight bytes are zero-length",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x84 && sw(&out) == 0x9000 {
                    [&out[..4], &out[8..]].concat()
                } else {
                    out
                }
            },
        ),
    ]
}

fn constant_challenge(p: &mut Patient, apdu: &[u8], value: [u8; 8]) -> Vec<u8> {
    let out = p.card.handle(apdu);
    if ins(apdu) != 0x84 || sw(&out) != 0x9000 {
        return out;
    }
    p.card.set_challenge(Some(value));
    [&value[..], &[0x90, 0x00]].concat()
}
