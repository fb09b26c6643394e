//! Checks in another order than R9.

use super::row;
use crate::mutants::Mutant;
use crate::mutants::patient::{answer, has_mac, ins, sw};
use cardlib_sim::VirtualCard;

pub(super) fn order() -> Vec<Mutant> {
    vec![
        row(
            "record-before-right",
            "R9",
            "a missing record is told without the right",
            |p, a| {
                let missing = p
                    .file()
                    .is_some_and(|f| usize::from(a.get(2).copied().unwrap_or(0)) > f.records);
                let out = p.card.handle(a);
                if ins(a) == 0xB2 && sw(&out) == 0x6982 && missing {
                    answer(0x6A83)
                } else {
                    out
                }
            },
        ),
        row(
            "allergies-told",
            "R9",
            "without the right an empty allergy file is told",
            |p, a| {
                let empty = p
                    .card
                    .standing()
                    .1
                    .and_then(|at| p.card.inspect().files[at].as_ref())
                    .is_some_and(|f| f.used == 0);
                let cyclic = p
                    .file()
                    .is_some_and(|f| f.kind == cardlib_card::profile::FileKind::Cyclic);
                let out = p.card.handle(a);
                if ins(a) == 0xB2 && sw(&out) == 0x6982 && cyclic && empty {
                    answer(0x6A83)
                } else {
                    out
                }
            },
        ),
        row(
            "offset-before-right",
            "R9",
            "a wrong offset is told without the right",
            |p, a| {
                let beyond = p.file().is_some_and(|f| {
                    a.len() > 3 && (usize::from(a[2]) << 8 | usize::from(a[3])) >= f.size
                });
                let out = p.card.handle(a);
                if ins(a) == 0xB0 && sw(&out) == 0x6982 && beyond {
                    answer(0x6B00)
                } else {
                    out
                }
            },
        ),
        row(
            "right-before-structure",
            "R9",
            "6982 comes before 6981",
            |p, a| {
                let out = p.card.handle(a);
                if matches!(ins(a), 0xB0 | 0xB2) && sw(&out) == 0x6981 {
                    answer(0x6982)
                } else {
                    out
                }
            },
        ),
        row(
            "sm-before-right",
            "R9 R16",
            "6987 comes before 6982",
            |p, a| {
                let out = p.card.handle(a);
                if matches!(a, [0x00, 0xDC | 0xD2 | 0x0C, ..]) && sw(&out) == 0x6982 {
                    answer(0x6987)
                } else {
                    out
                }
            },
        ),
        row(
            "challenge-before-key",
            "R9",
            "6984 comes before 6A88",
            |p, a| {
                let none = p.card.challenge().is_none();
                let out = p.card.handle(a);
                if ins(a) == 0x82 && sw(&out) == 0x6A88 && none {
                    answer(0x6984)
                } else {
                    out
                }
            },
        ),
        row(
            "length-before-parameters",
            "R9",
            "6700 comes before 6A86",
            |p, a| {
                let out = p.card.handle(a);
                if matches!(a, [0x04, 0xDC, _, 0x05, ..] | [0x84, 0x1E, _, 0x05, ..])
                    && sw(&out) == 0x6A86
                {
                    answer(0x6700)
                } else {
                    out
                }
            },
        ),
        row("ins-before-cla", "R9", "6D00 comes before 6E00", |p, a| {
            let out = p.card.handle(a);
            if matches!(a, [0x01, 0xCA, ..]) && sw(&out) == 0x6E00 {
                answer(0x6D00)
            } else {
                out
            }
        }),
        row(
            "file-before-length",
            "R9",
            "6986 comes before 6700",
            |p, a| {
                let out = p.card.handle(a);
                if sw(&out) == 0x6700
                    && matches!(ins(a), 0xDC | 0xB2)
                    && p.card.standing().1.is_none()
                {
                    answer(0x6986)
                } else {
                    out
                }
            },
        ),
        row(
            "challenge-before-right",
            "R9",
            "6984 comes before 6982",
            |p, a| {
                let none = p.card.challenge().is_none();
                let out = p.card.handle(a);
                if has_mac(a) && sw(&out) == 0x6982 && none {
                    answer(0x6984)
                } else {
                    out
                }
            },
        ),
        row(
            "record-before-structure",
            "R9",
            "the file's P2 is looked at after the right",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xB2 && sw(&out) == 0x6A86 && a.get(3) == Some(&0) {
                    answer(0x6982)
                } else {
                    out
                }
            },
        ),
    ]
}
