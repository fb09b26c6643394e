//! A second look at SAMs: faults that were thought of when the suites were done.

use cardlib_sim::VirtualCard;

use super::row;
use crate::mutants::Mutant;
use crate::mutants::patient::{ins, with};

pub(super) fn second() -> Vec<Mutant> {
    vec![
        row(
            "sam-mac-middle-ignored",
            "R53",
            "a MAC covers the first and the last block only",
            |p, a| {
                if ins(a) == 0xFA && a.get(2) == Some(&5) && a.len() >= 5 + 64 && a[4] >= 48 {
                    let data = &a[5..5 + usize::from(a[4]).min(a.len() - 5)];
                    let short = [&data[..32], &data[data.len() - 16..]].concat();
                    let lc = short.len().to_le_bytes()[0];
                    return p.sam.handle(&[&a[..4], &[lc], &short[..]].concat());
                }
                p.sam.handle(a)
            },
        ),
        row(
            "sam-digest-not-cleared",
            "R57 D16",
            "a digest begins with what the last one was made of",
            |p, a| {
                if ins(a) == 0xC8 && a.get(2) == Some(&0) && a.len() > 5 && p.count == 0 {
                    let own = a[5..].to_vec();
                    if !p.scratch.is_empty() && own.len() + p.scratch.len() < 250 {
                        let all = [&p.scratch[..], &own].concat();
                        p.scratch = own;
                        let lc = all.len().to_le_bytes()[0];
                        return p.sam.handle(&[&a[..4], &[lc], &all[..]].concat());
                    }
                    p.scratch = own;
                }
                if ins(a) == 0xC8 {
                    p.count = u32::from(a.get(2) == Some(&2));
                }
                p.sam.handle(a)
            },
        ),
        row(
            "sam-challenge-half-constant",
            "R63 SAM-4.2-GET-CHALLENGE",
            "the first four bytes of every challenge are the same",
            |p, a| {
                let mut out = p.sam.handle(a);
                if ins(a) == 0x84 && out.len() == 10 {
                    out[..4].fill(0x5A);
                }
                out
            },
        ),
        row(
            "sam-version-3-is-2",
            "SAM-4.4-UK1_DF03 R56",
            "version 3 of UK1_DF03 is version 2",
            |p, a| {
                if ins(a) == 0xDE && a.get(3) == Some(&(3 << 5 | 0x0F)) {
                    return p.sam.handle(&with(a, 3, 2 << 5 | 0x0F));
                }
                p.sam.handle(a)
            },
        ),
        row(
            "sam-pin-with-a-byte-behind",
            "R54 SAM-4.2-VERIFY-PIN",
            "VERIFY takes the PIN with a byte behind it",
            |p, a| {
                if ins(a) == 0x20 && a.get(4) == Some(&4) && a.len() == 9 {
                    return p.sam.handle(&[&a[..4], &[3], &a[5..8]].concat());
                }
                p.sam.handle(a)
            },
        ),
    ]
}
