//! DELIVERY: usages, levels, versions, factors.

use super::row;
use crate::mutants::Mutant;
use crate::mutants::patient::{answer, ins, sw, with};
use cardlib_sim::VirtualCard;

pub(super) fn keys() -> Vec<Mutant> {
    vec![
        row(
            "sam-usage-ignored",
            "R51 SAM-4.3-usage",
            "the usage byte sent is ignored",
            |p, a| {
                let index = a.get(3).map_or(0, |p2| p2 & 0x1F);
                let usage = p
                    .sam
                    .inspect()
                    .keys
                    .iter()
                    .find(|key| key.index == index)
                    .map(|key| key.usage);
                match usage {
                    Some(usage) if ins(a) == 0xDE => p.sam.handle(&with(a, 2, usage)),
                    _ => p.sam.handle(a),
                }
            },
        ),
        row(
            "sam-usage-levels-ignored",
            "R51 SAM-4.3-usage",
            "only the kind of the usage byte counts",
            |p, a| {
                let index = a.get(3).map_or(0, |p2| p2 & 0x1F);
                let usage = p
                    .sam
                    .inspect()
                    .keys
                    .iter()
                    .find(|key| key.index == index)
                    .map(|key| key.usage);
                match usage {
                    Some(usage) if ins(a) == 0xDE && usage & 0x1F == a[2] & 0x1F => {
                        p.sam.handle(&with(a, 2, usage))
                    }
                    _ => p.sam.handle(a),
                }
            },
        ),
        row(
            "sam-usage-kind-ignored",
            "R51 SAM-4.3-usage",
            "only the levels of the usage byte count",
            |p, a| {
                let index = a.get(3).map_or(0, |p2| p2 & 0x1F);
                let usage = p
                    .sam
                    .inspect()
                    .keys
                    .iter()
                    .find(|key| key.index == index)
                    .map(|key| key.usage);
                match usage {
                    Some(usage) if ins(a) == 0xDE && usage >> 5 == a[2] >> 5 => {
                        p.sam.handle(&with(a, 2, usage))
                    }
                    _ => p.sam.handle(a),
                }
            },
        ),
        row(
            "sam-levels-ignored",
            "R51 SAM-4.3-levels",
            "missing factors are taken as zeros, further ones left out",
            |p, a| {
                let index = a.get(3).map_or(0, |p2| p2 & 0x1F);
                let levels = p
                    .sam
                    .inspect()
                    .keys
                    .iter()
                    .find(|key| key.index == index)
                    .map(|key| usize::from(key.usage >> 5));
                let data = a.get(5..).unwrap_or_default();
                match levels {
                    Some(levels) if ins(a) == 0xDE && data.len() >= 16 && data.len() % 8 == 0 => {
                        let mut factors = data[..data.len() - 8].to_vec();
                        factors.resize(8 * levels, 0);
                        let all = [&factors[..], &data[data.len() - 8..]].concat();
                        p.sam
                            .handle(&[&a[..4], &[all.len().to_le_bytes()[0]], &all].concat())
                    }
                    _ => p.sam.handle(a),
                }
            },
        ),
        row(
            "sam-factors-swapped",
            "D2 SAM-4.2-DELIVERY R51",
            "card and province factor are taken in the other order",
            |p, a| {
                if ins(a) == 0xDE && a.len() == 29 {
                    p.sam
                        .handle(&[&a[..5], &a[13..21], &a[5..13], &a[21..]].concat())
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-card-factor-ignored",
            "D2",
            "the card factor is left out",
            |p, a| {
                if ins(a) == 0xDE && a.len() >= 21 {
                    p.sam.handle(&[&a[..5], &[0; 8], &a[13..]].concat())
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-random-ignored",
            "D1",
            "the random number is left out",
            |p, a| {
                if ins(a) == 0xDE && a.len() >= 21 {
                    p.sam.handle(&[&a[..a.len() - 8], &[0; 8]].concat())
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-version-ignored",
            "D12 R56",
            "the version sent is ignored",
            |p, a| {
                let four =
                    p.sam.inspect().keys.iter().any(|key| {
                        key.index == a.get(3).map_or(0, |p2| p2 & 0x1F) && key.version == 1
                    });
                if ins(a) == 0xDE && four {
                    p.sam.handle(&with(a, 3, a[3] & 0x1F | 0x20))
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-version-masked",
            "D12 R56",
            "only the low two bits of the version count",
            |p, a| {
                if ins(a) == 0xDE && a.len() > 3 {
                    p.sam.handle(&with(a, 3, a[3] & 0x7F))
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-one-group-any-version",
            "D12",
            "one-group keys answer for every version",
            |p, a| {
                let one =
                    !p.sam.inspect().keys.iter().any(|key| {
                        key.index == a.get(3).map_or(0, |p2| p2 & 0x1F) && key.version == 1
                    });
                if ins(a) == 0xDE && one {
                    p.sam.handle(&with(a, 3, a[3] & 0x1F))
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-index-06",
            "R51",
            "the unused index 06 holds a key",
            |p, a| {
                if ins(a) == 0xDE && a.get(3).is_some_and(|p2| p2 & 0x1F == 6) && p.sam.pin_given()
                {
                    p.sam.handle(&with(a, 3, 0x31))
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-keys-told-without-pin",
            "R66",
            "without PIN absent keys are told",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0xDE && sw(&out) == 0x6982 && a.get(3).is_some_and(|p2| p2 & 0x1F == 6)
                {
                    answer(0x6A88)
                } else {
                    out
                }
            },
        ),
        row(
            "sam-lengths-free",
            "R51",
            "DELIVERY takes 24 to 31 bytes",
            |p, a| {
                if ins(a) == 0xDE && a.len() == 30 {
                    p.sam.handle(&[&a[..4], &[24], &a[5..29]].concat())
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-pin-before-directory",
            "R51 R48",
            "6982 comes before 6985",
            |p, a| {
                let out = p.sam.handle(a);
                if sw(&out) == 0x6985
                    && matches!(ins(a), 0xDE | 0xFA | 0xC8 | 0xC4)
                    && !p.sam.pin_given()
                {
                    answer(0x6982)
                } else {
                    out
                }
            },
        ),
        row("sam-in-mf", "R48", "DELIVERY works in the MF", |p, a| {
            let at = p.sam.standing();
            if ins(a) != 0xDE {
                return p.sam.handle(a);
            }
            p.sam.stand(1);
            let out = p.sam.handle(a);
            p.sam.stand(at);
            out
        }),
    ]
}
