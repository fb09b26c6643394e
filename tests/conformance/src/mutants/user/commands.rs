//! Classes, instructions, parameters, lengths, T=0.

use super::row;
use crate::mutants::Mutant;
use crate::mutants::patient::{answer, ins, sw, with};
use cardlib_sim::VirtualCard;

pub(super) fn commands() -> Vec<Mutant> {
    vec![
        row(
            "partial-name-refused",
            "R3",
            "names must be whole",
            |p, a| {
                let whole = p.recipe.profile.dfs.iter().any(|df| {
                    df.df_name
                        .as_ref()
                        .is_some_and(|n| n.len() == usize::from(a.get(4).copied().unwrap_or(0)))
                });
                if matches!(a, [0, 0xA4, 4, ..]) && !whole && a.len() > 9 && a.len() < 22 {
                    answer(0x6A82)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "short-name-found",
            "R3",
            "four bytes of a name are enough",
            |p, a| {
                if matches!(a, [0, 0xA4, 4, _, 4, ..]) && a.len() == 9 {
                    p.card.handle(&[&a[..4], &[5], &a[5..], &[0x32]].concat())
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "next-occurrence",
            "R3",
            "a partial name selected again finds the next",
            |p, a| {
                if p.df() == "DF01" && a == [0, 0xA4, 4, 0, 5, 0x91, 0x56, 0, 1, 0x32] {
                    p.card
                        .handle(&[0, 0xA4, 4, 0, 6, 0x91, 0x56, 0, 1, 0x32, 1])
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row("select-p2-free", "R4", "SELECT takes every P2", |p, a| {
            if ins(a) == 0xA4 && !matches!(a.get(3), Some(0x00 | 0x0C)) {
                p.card.handle(&with(a, 3, 0))
            } else {
                p.card.handle(a)
            }
        }),
        row(
            "select-p1-masked",
            "R4",
            "SELECT takes P1 01-03 as 00",
            |p, a| {
                if ins(a) == 0xA4 && matches!(a.get(2), Some(1..=3)) {
                    p.card.handle(&with(a, 2, 0))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "select-always-fci",
            "R4",
            "P2 0C gives the FCI all the same",
            |p, a| {
                if ins(a) == 0xA4 && a.get(3) == Some(&0x0C) {
                    p.card.handle(&with(a, 3, 0))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "proof-at-once",
            "R10 R12",
            "INTERNAL AUTHENTICATE answers without GET RESPONSE",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x88 && sw(&out) >> 8 == 0x61 {
                    p.card.handle(&[0, 0xC0, 0, 0, 0])
                } else {
                    out
                }
            },
        ),
        row(
            "fci-fid-for-name",
            "D29",
            "the FCI of an application shows its FID",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xC0 && out.first() == Some(&0x6F) && p.df().starts_with("DF0") {
                    [
                        &[0x6F, 0x04, 0x83, 0x02, 0xDF, p.df().as_bytes()[3] - b'0'][..],
                        &[0x90, 0x00],
                    ]
                    .concat()
                } else {
                    out
                }
            },
        ),
        row(
            "pending-survives",
            "R12 R74",
            "waiting data survive other commands",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xC0 && sw(&out) == 0x6985 && !p.scratch.bytes.is_empty() {
                    return [&std::mem::take(&mut p.scratch.bytes)[..], &[0x90, 0x00]].concat();
                }
                if sw(&out) == 0x6106 {
                    p.scratch.bytes = vec![0x6F, 4, 0x83, 2, 0x3F, 0];
                }
                if ins(a) == 0xC0 && sw(&out) == 0x9000 {
                    p.scratch.bytes.clear();
                }
                out
            },
        ),
        row(
            "get-response-all-at-once",
            "R12",
            "GET RESPONSE gives no parts",
            |p, a| {
                if ins(a) == 0xC0 && a.len() == 5 && a[4] < 6 && a[4] > 0 {
                    p.card.handle(&with(a, 4, 0))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "get-response-too-much-drops",
            "R12",
            "too large an Le of GET RESPONSE drops the data",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xC0 && sw(&out) >> 8 == 0x6C {
                    p.card.handle(&[0, 0x84, 0, 0, 8]);
                }
                out
            },
        ),
        row(
            "cla-not-checked",
            "R9",
            "class 80 reads like class 00",
            |p, a| {
                if matches!(a, [0x80, 0xB0 | 0xB2 | 0xA4 | 0x84, ..]) {
                    p.card.handle(&with(a, 0, 0))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "cla-high-bits-ignored",
            "R9",
            "unknown classes are taken as 00",
            |p, a| {
                if a.first().is_some_and(|c| *c & 0x7B != 0) {
                    p.card.handle(&with(a, 0, 0))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "ins-low-bit-ignored",
            "R9",
            "the low bit of INS is ignored",
            |p, a| {
                if a.len() > 1 && a[1] & 1 == 1 {
                    p.card.handle(&with(a, 1, a[1] & 0xFE))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "hidden-get-data",
            "UC-3.1-commands",
            "GET DATA answers 9000",
            |p, a| {
                if ins(a) == 0xCA && a.first() == Some(&0x80) {
                    answer(0x9000)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "hidden-test-command",
            "UC-3.1-commands",
            "80 FE is a test command of the maker",
            |p, a| {
                if matches!(a, [0x80, 0xFE, ..]) {
                    vec![1, 2, 3, 0x90, 0x00]
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "hidden-verify",
            "UC-2.3-no-pin",
            "VERIFY is there",
            |p, a| {
                if matches!(a, [0x00, 0x20, ..]) {
                    answer(0x63C3)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "personalisation-open",
            "D26 R72",
            "INITIALIZE UPDATE answers on an active card",
            |p, a| {
                if matches!(a, [0x80, 0x50, ..]) {
                    answer(0x6985)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "extended-length",
            "R14",
            "extended length is taken",
            |p, a| {
                if matches!(a, [_, 0xA4, _, _, 0, 0, 2, _, _]) {
                    p.card.handle(&[&a[..4], &a[6..]].concat())
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "surplus-ignored",
            "R14",
            "bytes after the data are ignored",
            |p, a| {
                let lc = a.get(4).copied().map_or(0, usize::from);
                if ins(a) == 0xA4 && lc == 2 && a.len() > 8 {
                    p.card.handle(&a[..7])
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "short-identifiers",
            "R13",
            "P1 80-9F selects by short identifier",
            |p, a| {
                if ins(a) == 0xB0 && a.get(2).is_some_and(|p1| *p1 >= 0x80) {
                    p.card.handle(&with(a, 2, 0))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "read-record-p2-free",
            "R13",
            "READ RECORD takes every P2",
            |p, a| {
                if ins(a) == 0xB2 && !matches!(a.get(3), Some(0 | 4)) {
                    p.card.handle(&with(a, 3, 4))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "index-p2-free",
            "R13",
            "WRITE and ERASE RECORD ignore P2 in their check",
            |p, a| {
                let out = p.card.handle(a);
                if matches!(ins(a), 0xD2 | 0x0C) && sw(&out) == 0x6A86 {
                    answer(0x6984)
                } else {
                    out
                }
            },
        ),
        row(
            "plain-update-taken",
            "R16 UC-2.4-records",
            "UPDATE RECORD without secure messaging writes",
            |p, a| {
                let out = p.card.handle(a);
                if sw(&out) == 0x6987 {
                    answer(0x9000)
                } else {
                    out
                }
            },
        ),
        row(
            "data-with-refusal",
            "UC-2.2-DDF1-EF06-read UC-2.2-DF01-EF05-read",
            "6982 comes with two bytes of data",
            |p, a| {
                let out = p.card.handle(a);
                if sw(&out) == 0x6982 {
                    [&[0xAA, 0xBB][..], &out].concat()
                } else {
                    out
                }
            },
        ),
        row(
            "trailing-le-refused",
            "R74",
            "an Le on UPDATE BINARY answers 6700",
            |p, a| {
                let lc = a.get(4).copied().map_or(0, usize::from);
                if ins(a) == 0xD6 && a.len() == 6 + lc {
                    answer(0x6700)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "le-of-case-4-heeded",
            "R10",
            "an Le of SELECT that does not fit answers 6C06",
            |p, a| {
                if ins(a) == 0xA4 && a.len() == 8 && a[7] == 1 {
                    answer(0x6C06)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "external-16-bytes",
            "UC-3.1-EXTERNAL-AUTHENTICATE",
            "EXTERNAL AUTHENTICATE takes 16 bytes, version 1 understood",
            |p, a| {
                if ins(a) == 0x82 && a.get(4) == Some(&16) {
                    answer(0x6984)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "block-lc-8",
            "R47",
            "block commands take eight bytes",
            |p, a| {
                if matches!(a, [0x84, 0x18, 0, 0, 8, ..]) {
                    answer(0x6985)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "unstable-record",
            "UC-2.2-DDF1-EF05-elements",
            "every second record read has a bit turned",
            |p, a| {
                let mut out = p.card.handle(a);
                if ins(a) == 0xB2 && sw(&out) == 0x9000 {
                    p.scratch.count += 1;
                    if p.scratch.count.is_multiple_of(2) {
                        out[0] ^= 0x40;
                    }
                }
                out
            },
        ),
    ]
}
