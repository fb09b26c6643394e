//! Counters of keys and MACs.

use super::{reset_row, row};
use crate::mutants::Mutant;
use crate::mutants::patient::{Patient, has_mac, ins, sw};
use cardlib_sim::VirtualCard;
use cardlib_sim::user::memory::Change;

pub(super) fn counters() -> Vec<Mutant> {
    vec![
        row(
            "guesses-free",
            "R33 R70",
            "wrong cryptograms cost no try",
            |p, a| {
                let before = p.tries();
                let out = p.card.handle(a);
                if ins(a) == 0x82 {
                    p.set_tries(&before);
                }
                out
            },
        ),
        row(
            "tries-not-restored",
            "R33",
            "a right cryptogram does not give tries back",
            |p, a| {
                let before = p.tries();
                let out = p.card.handle(a);
                if ins(a) == 0x82 && sw(&out) == 0x9000 {
                    p.set_tries(&before);
                }
                out
            },
        ),
        row(
            "tries-shared-by-versions",
            "R33",
            "versions of a key share their counter",
            |p, a| {
                let before = p.tries();
                let out = p.card.handle(a);
                if ins(a) == 0x82 {
                    let after = p.tries();
                    if let Some(at) = (0..after.len()).find(|at| after[*at] != before[*at]) {
                        let names: Vec<&str> = p
                            .recipe
                            .profile
                            .key_instances()
                            .map(|i| i.key.name.as_str())
                            .collect();
                        let all: Vec<u8> = (0..after.len())
                            .map(|i| {
                                if names[i] == names[at] {
                                    after[at]
                                } else {
                                    after[i]
                                }
                            })
                            .collect();
                        p.set_tries(&all);
                    }
                }
                out
            },
        ),
        reset_row(
            "tries-restored-by-reset",
            "R33 R70",
            "a reset gives all tries back",
            |p| {
                let limits = p.limits();
                p.set_tries(&limits);
                p.card.reset()
            },
        ),
        row(
            "tries-restored-by-directory",
            "R33",
            "selecting a directory gives all tries back",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xA4 && p.card.standing().1.is_none() {
                    let limits = p.limits();
                    p.set_tries(&limits);
                }
                out
            },
        ),
        row(
            "key-never-blocks",
            "D11",
            "the last try is never used up",
            |p, a| {
                let out = p.card.handle(a);
                let tries: Vec<u8> = p
                    .tries()
                    .iter()
                    .zip(p.limits())
                    .map(|(t, limit)| if limit > 0 { (*t).max(1) } else { *t })
                    .collect();
                p.set_tries(&tries);
                out
            },
        ),
        row(
            "key-unblocked-by-right-proof",
            "D11",
            "a blocked key takes a right cryptogram",
            |p, a| {
                let before = p.tries();
                if ins(a) == 0x82 {
                    p.set_tries(&before.iter().map(|t| (*t).max(1)).collect::<Vec<_>>());
                }
                let out = p.card.handle(a);
                if ins(a) == 0x82 && sw(&out) != 0x9000 {
                    let after: Vec<u8> = p
                        .tries()
                        .iter()
                        .zip(&before)
                        .map(|(a, b)| (*a).min(*b))
                        .collect();
                    p.set_tries(&after);
                }
                out
            },
        ),
        reset_row(
            "mac-tries-restored-by-reset",
            "R45 R70 D10",
            "a reset gives MAC tries back",
            |p| {
                restore_macs(p);
                p.card.reset()
            },
        ),
        row(
            "mac-tries-restored-by-directory",
            "R45",
            "selecting a directory gives MAC tries back",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xA4 && p.card.standing().1.is_none() {
                    restore_macs(p);
                }
                out
            },
        ),
        row(
            "mac-tries-restored-by-authentication",
            "R45",
            "an authentication gives MAC tries back",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x82 && sw(&out) == 0x9000 {
                    restore_macs(p);
                }
                out
            },
        ),
        row(
            "mac-tries-not-restored",
            "R45",
            "a right MAC does not give tries back",
            |p, a| {
                let (at, before) = (p.df_at(), p.card.inspect().dfs[p.df_at()].mac_tries);
                let out = p.card.handle(a);
                if has_mac(a) && sw(&out) == 0x9000 && before > 0 && ins(a) != 0x18 {
                    p.card.tamper(&[Change::MacTries(at, before)]);
                }
                out
            },
        ),
        row(
            "mac-not-counted",
            "D10",
            "wrong MACs are not counted",
            |p, a| {
                let out = p.card.handle(a);
                if sw(&out) == 0x6988 {
                    restore_macs(p);
                }
                out
            },
        ),
        row(
            "mac-tries-lost-by-content",
            "R28",
            "wrong content under a right MAC costs a try",
            |p, a| {
                let (at, before) = (p.df_at(), p.card.inspect().dfs[p.df_at()].mac_tries);
                let out = p.card.handle(a);
                if has_mac(a) && sw(&out) == 0x6A80 {
                    p.card
                        .tamper(&[Change::MacTries(at, before.saturating_sub(1))]);
                }
                out
            },
        ),
        row(
            "mac-counted-without-right",
            "R9",
            "strangers' wrong MACs are counted",
            |p, a| {
                let at = p.df_at();
                let left = p.card.inspect().dfs[at].mac_tries;
                let out = p.card.handle(a);
                if has_mac(a) && sw(&out) == 0x6982 {
                    p.card
                        .tamper(&[Change::MacTries(at, left.saturating_sub(1))]);
                }
                out
            },
        ),
        row(
            "mac-tries-one-for-all",
            "R45 D10",
            "the MAC counter is one for the card",
            |p, a| {
                let at = p.df_at();
                let out = p.card.handle(a);
                let left = p.card.inspect().dfs[at].mac_tries;
                if has_mac(a) {
                    let all: Vec<Change> = (1..5).map(|df| Change::MacTries(df, left)).collect();
                    p.card.tamper(&all);
                }
                out
            },
        ),
    ]
}

fn restore_macs(p: &mut Patient) {
    let open: Vec<usize> = (0..p.card.inspect().dfs.len())
        .filter(|at| p.card.inspect().dfs[*at].mac_tries > 0)
        .collect();
    p.card.tamper(
        &open
            .into_iter()
            .map(|at| Change::MacTries(at, 3))
            .collect::<Vec<_>>(),
    );
}
