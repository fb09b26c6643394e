//! Rights that live too long, too short, or open too much; keys under wrong names.

use super::{reset_row, row};
use crate::mutants::Mutant;
use crate::mutants::patient::{answer, ins, sw, with};
use cardlib_sim::VirtualCard;

pub(super) fn rights() -> Vec<Mutant> {
    vec![
        row(
            "rights-survive-directory",
            "R35 D14 UC-FIREWALL",
            "rights survive the selection of another directory",
            |p, a| {
                let held = p.card.held();
                let out = p.card.handle(a);
                if ins(a) == 0xA4 {
                    p.card.set_held(held);
                }
                out
            },
        ),
        reset_row(
            "rights-survive-reset",
            "D14",
            "rights survive a reset",
            |p| {
                let held = p.card.held();
                let atr = p.card.reset();
                p.card.set_held(held);
                atr
            },
        ),
        row(
            "rights-lost-by-same-directory",
            "R35",
            "selecting the current directory discards rights",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xA4 && p.card.standing().1.is_none() {
                    p.card.set_held(Default::default());
                }
                out
            },
        ),
        row(
            "rights-lost-by-file",
            "R35",
            "selecting a file discards rights",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xA4 {
                    p.card.set_held(Default::default());
                }
                out
            },
        ),
        row(
            "rights-lost-by-failure",
            "D14",
            "a failed authentication takes all rights",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x82 && sw(&out) & 0xFFF0 == 0x63C0 {
                    p.card.set_held(Default::default());
                }
                out
            },
        ),
        row(
            "rights-lost-by-failed-select",
            "R2",
            "a failed SELECT takes all rights",
            |p, a| {
                let out = p.card.handle(a);
                if sw(&out) == 0x6A82 {
                    p.card.set_held(Default::default());
                }
                out
            },
        ),
        row(
            "one-right-only",
            "R34",
            "a further authentication takes rights of other kinds",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x82
                    && sw(&out) == 0x9000
                    && let Some(key) = p.key_of(a[3])
                {
                    p.card.set_held(Default::default());
                    p.card.grant(key);
                }
                out
            },
        ),
        row(
            "rights-add-up",
            "R34",
            "update rights of DF02 add up",
            |p, a| {
                if ins(a) == 0xA4 && p.df() != "DF02" {
                    p.scratch.names.clear();
                }
                if ins(a) == 0xDC && p.df() == "DF02" {
                    for key in p.scratch.names.clone() {
                        let needed = p.file().is_some_and(|f| {
                            f.update == cardlib_card::profile::Access::Key(key.into())
                        });
                        if needed {
                            p.card.grant(key);
                        }
                    }
                }
                let out = p.card.handle(a);
                if ins(a) == 0x82
                    && sw(&out) == 0x9000
                    && let Some(key) = p.key_of(a[3])
                {
                    p.scratch.names.push(key);
                }
                out
            },
        ),
        row(
            "any-authentication-opens",
            "UC-2.3-UK1_DF01 UC-2.3-UK1_DF03",
            "any update key gives the read right too",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x82
                    && sw(&out) == 0x9000
                    && let (Some(key), Some(read)) = (p.key_of(a[3]), p.key_of(0x84))
                    && key.starts_with("UK")
                {
                    p.card.grant(read);
                }
                out
            },
        ),
        row(
            "read-key-updates-visits",
            "UC-2.3-RK1_DF03",
            "the read key of DF03 updates visit files",
            |p, a| {
                let held = p.card.held();
                if ins(a) == 0xD6 && p.df() == "DF03" {
                    p.card.grant("UK1_DF03");
                }
                let out = p.card.handle(a);
                p.card.set_held(held);
                out
            },
        ),
        row(
            "challenge-gives-nothing",
            "D14 R35",
            "GET CHALLENGE takes all rights",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x84 {
                    p.card.set_held(Default::default());
                }
                out
            },
        ),
        row(
            "version-ignored",
            "R31 D12",
            "the key version sent is ignored: the flow's version counts",
            |p, a| {
                let four = p
                    .key_of(a.get(3).copied().unwrap_or(0))
                    .is_some_and(|key| !key.starts_with("LK") && !key.starts_with("BK"));
                if ins(a) == 0x82 && a.len() >= 22 && four {
                    p.card.handle(&with(a, 21, 1))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "version-masked",
            "R31 D12",
            "only the low two bits of the version count",
            |p, a| {
                if matches!(ins(a), 0x82 | 0x88) && a.len() >= 22 {
                    p.card.handle(&with(a, 21, a[21] & 3))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "kid-masked",
            "R31",
            "the high bit of a KID is ignored",
            |p, a| {
                if ins(a) == 0x82 && p.df().starts_with("DF") {
                    p.card.handle(&with(a, 3, a[3] | 0x80))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "hidden-key",
            "R31",
            "KID 8F authenticates with zeros",
            |p, a| {
                if ins(a) == 0x82 && a.get(3) == Some(&0x8F) {
                    answer(0x9000)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "internal-anywhere",
            "R32",
            "INTERNAL AUTHENTICATE works in every directory",
            |p, a| {
                let (at, ef) = (p.df_at(), p.card.standing().1);
                if ins(a) != 0x88 {
                    return p.card.handle(a);
                }
                p.card.stand(1, None);
                let out = p.card.handle(a);
                p.card.stand(at, ef);
                out
            },
        ),
        row(
            "internal-any-p2",
            "R32 D13",
            "INTERNAL AUTHENTICATE takes every P2",
            |p, a| {
                if ins(a) == 0x88 {
                    p.card.handle(&with(a, 3, 0))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "internal-version-ignored",
            "R32",
            "INTERNAL AUTHENTICATE answers with version 1 always",
            |p, a| {
                if ins(a) == 0x88 && a.len() >= 22 {
                    p.card.handle(&with(a, 21, 1))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "internal-uses-challenge",
            "R32 D15",
            "INTERNAL AUTHENTICATE discards the challenge",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x88 {
                    p.card.set_challenge(None);
                }
                out
            },
        ),
        row(
            "internal-info-ignored",
            "R37",
            "INTERNAL AUTHENTICATE leaves the random number out",
            |p, a| {
                if ins(a) != 0x88 || a.len() < 22 {
                    return p.card.handle(a);
                }
                let zeroed = [&a[..5], &[0; 8], &a[13..]].concat();
                p.card.handle(&zeroed)
            },
        ),
    ]
}
