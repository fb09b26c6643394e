//! Digests and signatures.

use super::row;
use crate::mutants::Mutant;
use crate::mutants::patient::{answer, ins, with};
use cardlib_sim::VirtualCard;
use sm3::Digest;

pub(super) fn signatures() -> Vec<Mutant> {
    vec![
        row(
            "sam-signs-digest-of-digest",
            "D17",
            "the signature is over the digest's digest",
            |p, a| {
                if ins(a) == 0xC4 && a.len() == 37 {
                    let again: [u8; 32] = sm3::Sm3::digest(&a[5..]).into();
                    p.sam.handle(&[&a[..5], &again].concat())
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-signs-first-half",
            "D17 R57",
            "half of the digest is signed",
            |p, a| {
                if ins(a) == 0xC4 && a.len() == 37 {
                    p.sam.handle(&[&a[..21], &[0; 16]].concat())
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-signs-last-digest-only",
            "R57",
            "only the last digest is signed",
            |p, a| {
                let out = if ins(a) == 0xC4 && a.len() == 37 && a[5..] != p.scratch[..] {
                    answer(0x6985)
                } else {
                    p.sam.handle(a)
                };
                if ins(a) == 0xC0 && out.len() == 34 {
                    p.scratch = out[..32].to_vec();
                }
                out
            },
        ),
        row(
            "sam-signature-turned",
            "D17",
            "s stands before r",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xC0 && out.len() == 66 {
                    [&out[32..64], &out[..32], &out[64..]].concat()
                } else {
                    out
                }
            },
        ),
        row(
            "sam-digest-turned",
            "D16",
            "the digest is little-endian",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xC0 && out.len() == 34 && out[32] == 0x90 {
                    [
                        &out[..32].iter().rev().copied().collect::<Vec<_>>()[..],
                        &out[32..],
                    ]
                    .concat()
                } else {
                    out
                }
            },
        ),
        row(
            "sam-digest-leaves-pieces-out",
            "D16 R57",
            "only the last piece is hashed",
            |p, a| {
                if ins(a) == 0xC8 && a.get(2) == Some(&2) && a.len() > 5 {
                    answer(0x9000)
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-digest-zero-byte",
            "R57",
            "DATA COMPRESS takes no data",
            |p, a| {
                if ins(a) == 0xC8 && a.len() <= 5 {
                    answer(0x9000)
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-digest-survives-directory",
            "R48",
            "a digest that was begun survives another directory",
            |p, a| {
                if ins(a) == 0xC8 && a.get(2) == Some(&2) {
                    p.scratch = a.get(5..).unwrap_or_default().to_vec();
                }
                if ins(a) == 0xC8 && a.get(2) == Some(&0) && !p.scratch.is_empty() && p.count == 1 {
                    let all = [&p.scratch[..], a.get(5..).unwrap_or_default()].concat();
                    p.scratch.clear();
                    p.count = 0;
                    return p
                        .sam
                        .handle(&[&a[..4], &[all.len().to_le_bytes()[0]], &all].concat());
                }
                if ins(a) == 0xA4 {
                    p.count = u32::from(!p.scratch.is_empty());
                }
                if ins(a) == 0xC8 && a.get(2) == Some(&0) {
                    p.scratch.clear();
                }
                p.sam.handle(a)
            },
        ),
        row(
            "sam-signature-31-bytes",
            "R57",
            "DIGITAL SIGNATURES fills 31 bytes up",
            |p, a| {
                if ins(a) == 0xC4 && a.get(4) == Some(&31) {
                    p.sam.handle(&[&a[..4], &[32], &a[5..], &[0]].concat())
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-digest-p1-free",
            "R57 D16",
            "DATA COMPRESS takes every P1 as last",
            |p, a| {
                if ins(a) == 0xC8 && !matches!(a.get(2), Some(0 | 2)) {
                    p.sam.handle(&with(a, 2, 0))
                } else {
                    p.sam.handle(a)
                }
            },
        ),
    ]
}
