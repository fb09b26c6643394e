//! CIPHER DATA and the life of the session key.

use super::row;
use crate::mutants::Mutant;
use crate::mutants::patient::{SamPatient, answer, ins, sw, with};
use cardlib_sim::VirtualCard;

pub(super) fn ciphers() -> Vec<Mutant> {
    vec![
        row(
            "sam-session-survives-00",
            "R50",
            "mode 00 keeps the session key",
            |p, a| keep_session(p, a, 0x00),
        ),
        row(
            "sam-session-survives-05",
            "R50",
            "mode 05 keeps the session key",
            |p, a| keep_session(p, a, 0x05),
        ),
        row(
            "sam-session-survives-01",
            "R50",
            "mode 01 keeps the session key",
            |p, a| keep_session(p, a, 0x01),
        ),
        row(
            "sam-session-ends-with-02",
            "R50",
            "mode 02 ends the session key",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xFA && a.get(2) == Some(&2) {
                    p.sam.set_session(None);
                }
                out
            },
        ),
        row(
            "sam-session-ends-with-refusal",
            "R50",
            "a refused CIPHER DATA ends the session key",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xFA && sw(&out) >> 8 == 0x67 {
                    p.sam.set_session(None);
                }
                out
            },
        ),
        row(
            "sam-session-survives-refused-delivery",
            "R50",
            "a refused DELIVERY keeps the session key",
            |p, a| {
                let before = p.sam.session();
                let out = p.sam.handle(a);
                if ins(a) == 0xDE && sw(&out) != 0x9000 {
                    p.sam.set_session(before);
                }
                out
            },
        ),
        row(
            "sam-session-ends-with-length",
            "R50 R51",
            "a DELIVERY of wrong length ends the session key",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xDE && sw(&out) == 0x6700 {
                    p.sam.set_session(None);
                }
                out
            },
        ),
        row(
            "sam-session-survives-directory",
            "R48 R50",
            "another directory keeps the session key",
            |p, a| {
                let before = p.sam.session();
                let out = p.sam.handle(a);
                if ins(a) == 0xA4 {
                    p.sam.set_session(before);
                }
                out
            },
        ),
        row(
            "sam-session-ends-with-same-directory",
            "R48",
            "selecting DF01 again ends the session key",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xA4 {
                    p.sam.set_session(None);
                }
                out
            },
        ),
        row(
            "sam-kind-ignored",
            "R52 SAM-4.3-usage",
            "encryption keys make MACs",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xDE {
                    p.sam.set_session_kind(8);
                }
                out
            },
        ),
        row(
            "sam-iv-ignored",
            "R53 SAM-4.2-CIPHER-DATA",
            "the initial value is taken as zero",
            |p, a| {
                if ins(a) == 0xFA && matches!(a.get(2), Some(5 | 7)) && a.len() > 21 {
                    p.sam.handle(&[&a[..5], &[0; 16], &a[21..]].concat())
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-mac-eight-bytes",
            "R53 SAM-4.2-CIPHER-DATA",
            "a MAC has its last byte zero",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xC0 && out.len() == 6 {
                    with(&out, 3, 0)
                } else {
                    out
                }
            },
        ),
        row(
            "sam-chain-forgotten",
            "R53",
            "mode 03 is left out of the MAC",
            |p, a| {
                if ins(a) == 0xFA
                    && a.get(2) == Some(&3)
                    && a.len() == 21
                    && a[4] == 16
                    && p.sam.session().is_some()
                    && p.scratch == [1]
                {
                    answer(0x9000)
                } else {
                    let out = p.sam.handle(a);
                    if ins(a) == 0xFA {
                        p.scratch = vec![u8::from(a[2] == 7 || a[2] == 3)];
                    }
                    out
                }
            },
        ),
        row(
            "sam-03-without-07",
            "R53",
            "03 begins a MAC of its own",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xFA && a.get(2) == Some(&3) && sw(&out) == 0x6985 {
                    answer(0x9000)
                } else {
                    out
                }
            },
        ),
        row(
            "sam-part-blocks",
            "R53",
            "part blocks are filled with zeros",
            |p, a| {
                let lc = a.get(4).copied().map_or(0, usize::from);
                if ins(a) == 0xFA && lc % 16 != 0 && a.len() == 5 + lc && lc < 240 && lc > 0 {
                    let mut data = a[5..].to_vec();
                    data.resize(lc.next_multiple_of(16), 0);
                    p.sam
                        .handle(&[&a[..4], &[data.len().to_le_bytes()[0]], &data].concat())
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-modes-masked",
            "R52",
            "unknown modes are taken by their low three bits",
            |p, a| {
                if ins(a) == 0xFA && a.len() > 2 {
                    p.sam.handle(&with(a, 2, a[2] & 7))
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-cbc-for-ecb",
            "SAM-4.2-CIPHER-DATA R53",
            "the second block is chained",
            |p, a| {
                let mut out = p.sam.handle(a);
                if ins(a) == 0xC0 && out.len() >= 34 {
                    for i in 16..32 {
                        out[i] ^= out[i - 16];
                    }
                }
                out
            },
        ),
        row(
            "sam-05-from-16",
            "R53",
            "mode 05 takes the initial value alone",
            |p, a| {
                if ins(a) == 0xFA && a.get(2) == Some(&5) && a.get(4) == Some(&16) {
                    answer(0x6104)
                } else {
                    p.sam.handle(a)
                }
            },
        ),
    ]
}

fn keep_session(p: &mut SamPatient, a: &[u8], mode: u8) -> Vec<u8> {
    let before = p.sam.session();
    let out = p.sam.handle(a);
    if ins(a) == 0xFA && a.get(2) == Some(&mode) {
        p.sam.set_session(before);
    }
    out
}
