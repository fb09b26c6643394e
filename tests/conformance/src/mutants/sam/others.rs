//! Files, challenges, commands.

use super::row;
use crate::mutants::patient::{SamHook, answer, ins, sw};
use crate::mutants::{Fault, Mutant, mutant};
use crate::suite::Kind;
use cardlib_sim::VirtualCard;

pub(super) fn others() -> Vec<Mutant> {
    vec![
        row(
            "sam-file-writable",
            "R55",
            "the public files are written",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xD6 && sw(&out) == 0x6982 {
                    answer(0x9000)
                } else {
                    out
                }
            },
        ),
        row(
            "sam-file-writable-with-pin",
            "R55",
            "with PIN the public files are written",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xD6 && sw(&out) == 0x6982 && p.sam.pin_given() {
                    answer(0x9000)
                } else {
                    out
                }
            },
        ),
        row(
            "sam-files-behind-pin",
            "R55",
            "the public files need the PIN",
            |p, a| {
                if ins(a) == 0xB0 && !p.sam.pin_given() {
                    answer(0x6982)
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-challenge-constant",
            "R63 SAM-4.2-GET-CHALLENGE",
            "every challenge is the same",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0x84 && sw(&out) == 0x9000 {
                    vec![1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0x00]
                } else {
                    out
                }
            },
        ),
        mutant(
            Kind::Sam,
            "sam-challenge-restarts",
            "SAM-4.2-GET-CHALLENGE",
            "challenges begin again after each reset",
            Fault::Sam(SamHook {
                command: |p, a| {
                    let out = p.sam.handle(a);
                    if ins(a) != 0x84 || sw(&out) != 0x9000 {
                        return out;
                    }
                    p.count += 1;
                    [&u64::from(p.count).to_be_bytes()[..], &[0x90, 0x00]].concat()
                },
                reset: |p| {
                    p.count = 0;
                    p.sam.reset()
                },
                ..SamHook::default()
            }),
        ),
        row(
            "sam-challenge-needs-pin",
            "R63",
            "GET CHALLENGE needs the PIN",
            |p, a| {
                if ins(a) == 0x84 && !p.sam.pin_given() {
                    answer(0x6982)
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-named",
            "R1",
            "the SAM's application has a name",
            |p, a| {
                if matches!(a, [0, 0xA4, 4, ..]) {
                    p.sam.handle(&[0, 0xA4, 0, 0x0C, 2, 0xDF, 1])
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-hidden-command",
            "SAM-4.2-commands",
            "80 FC is a test command of the maker",
            |p, a| {
                if matches!(a, [0x80, 0xFC, ..]) {
                    answer(0x9000)
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-reads-records",
            "SAM-4.2-commands",
            "READ RECORD is known",
            |p, a| {
                if ins(a) == 0xB2 {
                    answer(0x6981)
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-answers-at-once",
            "R10 R53",
            "cipher text comes without GET RESPONSE",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xFA && sw(&out) >> 8 == 0x61 {
                    p.sam.handle(&[0, 0xC0, 0, 0, 0])
                } else {
                    out
                }
            },
        ),
        row(
            "sam-pending-survives",
            "R74",
            "a signature that waits survives other commands",
            |p, a| {
                if ins(a) == 0xC4 {
                    let out = p.sam.handle(a);
                    if sw(&out) == 0x6140 {
                        p.scratch = p.sam.handle(&[0, 0xC0, 0, 0, 0]);
                    }
                    return out;
                }
                if ins(a) == 0xC0 && !p.scratch.is_empty() {
                    return std::mem::take(&mut p.scratch);
                }
                p.sam.handle(a)
            },
        ),
    ]
}
