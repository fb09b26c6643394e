//! User cards that behave wrongly.

use cardlib_sim::VirtualCard;
use cardlib_sim::user::memory::{Block, Change};

use super::patient::{Patient, UserHook, answer, has_mac, ins, sw, with};
use super::{Fault, Mutant, mutant};
use crate::files::FILES;
use crate::suite::Kind;

fn row(id: &str, clauses: &str, what: &str, command: fn(&mut Patient, &[u8]) -> Vec<u8>) -> Mutant {
    mutant(
        Kind::UserCard,
        id,
        clauses,
        what,
        Fault::User(UserHook::on(command)),
    )
}

fn reset_row(id: &str, clauses: &str, what: &str, reset: fn(&mut Patient) -> Vec<u8>) -> Mutant {
    mutant(
        Kind::UserCard,
        id,
        clauses,
        what,
        Fault::User(UserHook::at_reset(reset)),
    )
}

/// All of them.
#[must_use]
pub fn mutants() -> Vec<Mutant> {
    let mut all = unguarded();
    all.extend(macs());
    all.extend(challenges());
    all.extend(rights());
    all.extend(counters());
    all.extend(blocks());
    all.extend(content());
    all.extend(files());
    all.extend(commands());
    all.extend(order());
    all
}

/// A right not checked, for each file and way.
fn unguarded() -> Vec<Mutant> {
    let mut all = Vec::new();
    for file in FILES.iter().filter(|file| !file.read.is_empty()) {
        let (df, fid) = (file.df, file.fid);
        let path = format!("{df}-{fid:04X}");
        let fault = |update| Fault::Unguarded { df, fid, update };
        all.push(mutant(
            Kind::UserCard,
            &format!("read-free-{path}"),
            &format!("UC-2.2-{path}-read"),
            &format!("{path} is read without its right"),
            fault(false),
        ));
        if !file.update.is_empty() {
            all.push(mutant(
                Kind::UserCard,
                &format!("update-free-{path}"),
                &format!("UC-2.2-{path}-update"),
                &format!("{path} is updated without its right"),
                fault(true),
            ));
        }
    }
    all
}

fn mac_prefix<const N: usize>(p: &mut Patient, apdu: &[u8]) -> Vec<u8> {
    let signed = p.signed(apdu);
    let at = (1 + usize::from(apdu.get(4).copied().unwrap_or(0))).min(apdu.len());
    if has_mac(apdu) && apdu.get(at..at + N) == signed.get(at..at + N) {
        p.card.handle(&signed)
    } else {
        p.card.handle(apdu)
    }
}

fn proof_prefix<const N: usize>(p: &mut Patient, apdu: &[u8]) -> Vec<u8> {
    let mut sent = apdu.to_vec();
    let version = apdu.get(21).copied().unwrap_or(0);
    if let Some(proof) = p.right_proof(apdu, version)
        && apdu.get(5..5 + N) == Some(&proof[..N])
        && apdu.get(13..21) == Some(&crate::engine::symbols::INFO[..])
    {
        sent[5..13].copy_from_slice(&proof);
    }
    p.card.handle(&sent)
}

fn macs() -> Vec<Mutant> {
    vec![
        row(
            "mac-not-compared",
            "UC-3.4-cipher-mac UC-3.4-mac",
            "no byte of a MAC is compared",
            mac_prefix::<0>,
        ),
        row(
            "mac-one-byte",
            "UC-3.4-cipher-mac",
            "one byte of a MAC is compared",
            mac_prefix::<1>,
        ),
        row(
            "mac-two-bytes",
            "UC-3.4-cipher-mac",
            "two bytes of a MAC are compared",
            mac_prefix::<2>,
        ),
        row(
            "mac-three-bytes",
            "UC-3.4-cipher-mac",
            "three bytes of a MAC are compared",
            mac_prefix::<3>,
        ),
        row(
            "proof-not-compared",
            "R33 R37",
            "every cryptogram is right",
            proof_prefix::<0>,
        ),
        row(
            "proof-half",
            "R33 R37",
            "four bytes of a cryptogram are compared",
            proof_prefix::<4>,
        ),
        row(
            "proof-seven-bytes",
            "R33 R37",
            "seven bytes of a cryptogram are compared",
            proof_prefix::<7>,
        ),
        row(
            "mac-header-not-covered",
            "UC-3.4-cipher-mac",
            "a MAC made for another record is taken",
            |p, a| {
                if ins(a) == 0xDC && has_mac(a) && (1..=4).any(|n| p.is_signed(&with(a, 2, n))) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "mac-cla-not-covered",
            "UC-3.4-cipher-mac",
            "a MAC made for class 84 is taken with class 04",
            |p, a| {
                if ins(a) == 0xDC && p.mac_as(a, |h| h[0] = 0x84) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "mac-lc-not-covered",
            "UC-3.4-cipher-mac",
            "a MAC over the length without the MAC is taken",
            |p, a| {
                if ins(a) == 0xDC && p.mac_as(a, |h| h[4] -= 4) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "block-mac-any-p2",
            "UC-3.4-mac",
            "APPLICATION BLOCK takes a MAC for the other P2",
            |p, a| {
                if ins(a) == 0x1E && p.mac_as(a, |h| h[3] ^= 1) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "index-mac-any-command",
            "UC-3.4-mac",
            "WRITE RECORD takes a MAC made for ERASE RECORD",
            |p, a| {
                if ins(a) == 0xD2 && p.mac_as(a, |h| h[1] = 0x0C) {
                    let a = p.signed(a);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
    ]
}

impl Patient {
    /// Whether the MAC would be right for a changed header.
    fn mac_as(&self, apdu: &[u8], change: fn(&mut [u8])) -> bool {
        let mut header = apdu.to_vec();
        if !has_mac(apdu) {
            return false;
        }
        let at = (1 + usize::from(apdu[4])).min(apdu.len());
        change(&mut header);
        let (Some(session), Some(message)) = (self.maintenance(), header.get(..at)) else {
            return false;
        };
        let mac = self.recipe.preset.cipher.command_mac(&session, message);
        apdu.get(at..at + 4) == Some(&mac[..])
    }

    fn uses_challenge(apdu: &[u8]) -> bool {
        has_mac(apdu) || ins(apdu) == 0x82
    }
}

fn challenges() -> Vec<Mutant> {
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

fn rights() -> Vec<Mutant> {
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

fn counters() -> Vec<Mutant> {
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

fn blocks() -> Vec<Mutant> {
    vec![
        reset_row(
            "block-forgotten-at-reset",
            "R41 UC-3.3-block",
            "a block does not last over a reset",
            |p| {
                let all: Vec<Change> = (0..p.card.inspect().dfs.len())
                    .flat_map(|at| [Change::Block(at, Block::None), Change::MacTries(at, 3)])
                    .collect();
                p.card.tamper(&all);
                p.card.reset()
            },
        ),
        row(
            "block-without-lock-key",
            "UC-3.3-block UC-3.1-APPLICATION-BLOCK",
            "APPLICATION BLOCK needs no LK",
            |p, a| with_lock(p, a, 0x1E),
        ),
        row(
            "unblock-without-lock-key",
            "UC-3.3-unblock UC-3.1-APPLICATION-UNBLOCK",
            "APPLICATION UNBLOCK needs no LK",
            |p, a| with_lock(p, a, 0x18),
        ),
        row(
            "card-block-without-key",
            "UC-3.3-card-block R46",
            "CARD BLOCK needs no BK",
            |p, a| {
                if ins(a) == 0x16 && p.df() == "MF" {
                    p.card.grant("BK_MF");
                }
                p.card.handle(a)
            },
        ),
        row(
            "unblock-after-permanent",
            "R42",
            "a permanently blocked application is unblocked",
            |p, a| {
                let at = p.df_at();
                if ins(a) == 0x18 && p.card.inspect().dfs[at].block == Block::Permanent {
                    p.card.tamper(&[Change::Block(at, Block::Temporary)]);
                }
                p.card.handle(a)
            },
        ),
        row(
            "permanent-is-temporary",
            "R42",
            "P2 01 blocks temporarily",
            |p, a| {
                let at = p.df_at();
                let out = p.card.handle(a);
                if ins(a) == 0x1E && sw(&out) == 0x9000 {
                    p.card.tamper(&[Change::Block(at, Block::Temporary)]);
                }
                out
            },
        ),
        row(
            "temporary-is-permanent",
            "UC-3.3-unblock R43",
            "P2 00 blocks for ever",
            |p, a| {
                let at = p.df_at();
                let out = p.card.handle(a);
                if ins(a) == 0x1E && sw(&out) == 0x9000 {
                    p.card.tamper(&[Change::Block(at, Block::Permanent)]);
                }
                out
            },
        ),
        row(
            "blocked-files-selectable",
            "R41",
            "files of a blocked application are selected",
            |p, a| while_open(p, a, |a| ins(a) == 0xA4),
        ),
        row(
            "blocked-select-says-ok",
            "R41",
            "SELECT of a blocked application answers 9000",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xA4 && sw(&out) == 0x6A81 && p.card.standing().1.is_none() {
                    answer(0x9000)
                } else {
                    out
                }
            },
        ),
        row(
            "blocked-authenticates",
            "R41 R44",
            "other keys than LK authenticate in a blocked application",
            |p, a| while_open(p, a, |a| ins(a) == 0x82),
        ),
        row(
            "block-keeps-rights",
            "R43 D10",
            "becoming blocked keeps everything readable until a reset",
            |p, a| {
                let standing = p.card.standing();
                let held = p.card.held();
                let out = if p.scratch.count == 1 {
                    while_open(p, a, |a| ins(a) == 0xB2)
                } else {
                    p.card.handle(a)
                };
                if sw(&out) == 0x6988 || ins(a) == 0x1E && sw(&out) == 0x9000 {
                    p.scratch.count = 1;
                    p.card.set_held(held);
                }
                if ins(a) == 0xA4 {
                    p.scratch.count = 0;
                }
                let _ = standing;
                out
            },
        ),
        row(
            "block-all",
            "UC-3.3-block R41",
            "blocking one application blocks DDF1 too",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x1E && sw(&out) == 0x9000 {
                    p.card.tamper(&[Change::Block(1, Block::Temporary)]);
                }
                out
            },
        ),
        row(
            "unblock-loses-lock-right",
            "R43",
            "UNBLOCK leaves the MAC counter at one",
            |p, a| {
                let at = p.df_at();
                let out = p.card.handle(a);
                if ins(a) == 0x18 && sw(&out) == 0x9000 {
                    p.card.tamper(&[Change::MacTries(at, 1)]);
                }
                out
            },
        ),
        row(
            "unblock-counts-macs",
            "R44",
            "wrong MACs of UNBLOCK end in a permanent block",
            |p, a| {
                let at = p.df_at();
                let out = p.card.handle(a);
                if ins(a) == 0x18 && sw(&out) == 0x6988 {
                    p.scratch.count += 1;
                    if p.scratch.count >= 3 {
                        p.card.tamper(&[Change::Block(at, Block::Permanent)]);
                    }
                }
                out
            },
        ),
        row(
            "mf-macs-counted",
            "R40",
            "wrong MACs in the MF block the MF",
            |p, a| {
                let out = p.card.handle(a);
                if p.df() == "MF" && sw(&out) == 0x6988 {
                    p.card.tamper(&[Change::MacTries(
                        0,
                        p.card.inspect().dfs[0].mac_tries.saturating_sub(1),
                    )]);
                }
                out
            },
        ),
        reset_row(
            "card-block-forgotten",
            "R46",
            "a card block does not last over a reset",
            |p| {
                p.card.tamper(&[Change::Stage(cardlib_sim::Stage::Active)]);
                p.card.reset()
            },
        ),
        reset_row(
            "atr-hides-block",
            "R73",
            "the ATR of a blocked card says active",
            |p| {
                let mut atr = p.card.reset();
                if let Some(last) = atr.last_mut() {
                    *last = 0x07;
                }
                atr
            },
        ),
        row(
            "blocked-card-knows-ins",
            "R46",
            "a blocked card answers 6D00 to unknown commands",
            |p, a| {
                let out = p.card.handle(a);
                if p.card.stage() == cardlib_sim::Stage::Blocked && ins(a) == 0xCA {
                    answer(0x6D00)
                } else {
                    out
                }
            },
        ),
        row(
            "ddf1-block-by-command",
            "R39",
            "APPLICATION BLOCK answers 6982 in DDF1",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x1E && sw(&out) == 0x6985 {
                    answer(0x6982)
                } else {
                    out
                }
            },
        ),
        row(
            "ddf1-unblock-needs-key",
            "R39",
            "UNBLOCK of DDF1 asks for a lock right",
            |p, a| {
                if ins(a) == 0x18
                    && p.df() == "DDF1"
                    && p.card.inspect().dfs[1].blocked() != Block::None
                {
                    answer(0x6982)
                } else {
                    p.card.handle(a)
                }
            },
        ),
    ]
}

fn with_lock(p: &mut Patient, apdu: &[u8], on: u8) -> Vec<u8> {
    if ins(apdu) == on {
        p.card.grant(&format!("LK_{}", p.df()));
    }
    p.card.handle(apdu)
}

/// The command as if the application were not blocked.
fn while_open(p: &mut Patient, apdu: &[u8], concerns: fn(&[u8]) -> bool) -> Vec<u8> {
    let at = p.df_at();
    let (block, tries) = (
        p.card.inspect().dfs[at].block,
        p.card.inspect().dfs[at].mac_tries,
    );
    let blocked = p.card.inspect().dfs[at].blocked() != Block::None;
    if !blocked || !concerns(apdu) {
        return p.card.handle(apdu);
    }
    p.card
        .tamper(&[Change::Block(at, Block::None), Change::MacTries(at, 3)]);
    let out = p.card.handle(apdu);
    p.card
        .tamper(&[Change::Block(at, block), Change::MacTries(at, tries)]);
    out
}

fn content() -> Vec<Mutant> {
    vec![
        row(
            "padding-not-checked",
            "R28 D9",
            "padding of decrypted content is not looked at",
            |p, a| {
                let content = p.plain(a).and_then(|plain| {
                    let len = usize::from(*plain.first()?);
                    Some(plain.get(1..=len)?.to_vec())
                });
                match content {
                    Some(content) if !content.is_empty() => {
                        let a = p.resent(a, &content);
                        p.card.handle(&a)
                    }
                    _ => p.card.handle(a),
                }
            },
        ),
        row(
            "padding-end-only",
            "R28 D9",
            "only the first padding byte is looked at",
            |p, a| {
                let content = p.plain(a).and_then(|plain| {
                    let len = usize::from(*plain.first()?);
                    (plain.get(len + 1) == Some(&0x80)).then(|| plain[1..=len].to_vec())
                });
                match content {
                    Some(content) if !content.is_empty() => {
                        let a = p.resent(a, &content);
                        p.card.handle(&a)
                    }
                    _ => p.card.handle(a),
                }
            },
        ),
        row(
            "tag-not-checked",
            "R28",
            "the tag of an update is not compared",
            |p, a| {
                fixed(p, a, |content, record| {
                    if let (Some(to), Some(tag)) = (content.first_mut(), record.first()) {
                        *to = *tag;
                    }
                })
            },
        ),
        row(
            "inner-length-not-checked",
            "R28",
            "the element's length byte is not compared",
            |p, a| {
                fixed(p, a, |content, record| {
                    if let (Some(to), Some(len)) = (content.get_mut(1), record.get(1)) {
                        *to = *len;
                    }
                })
            },
        ),
        row(
            "short-element-filled",
            "R28",
            "a short element is filled up",
            |p, a| {
                fixed(p, a, |content, record| {
                    if content.first() == record.first() {
                        content.resize(record.len(), 0);
                        if let (Some(to), Some(len)) = (content.get_mut(1), record.get(1)) {
                            *to = *len;
                        }
                    }
                })
            },
        ),
        row(
            "plain-taken",
            "UC-3.4-cipher-mac UC-2.4-records",
            "data not encrypted are taken when the MAC is right",
            |p, a| {
                let body = a.get(5..a.len().saturating_sub(4)).unwrap_or_default();
                let readable = ins(a) == 0xDC
                    && p.is_signed(a)
                    && body
                        .first()
                        .is_some_and(|len| body.get(usize::from(*len) + 1) == Some(&0x80));
                if readable {
                    let content = body[1..=usize::from(body[0])].to_vec();
                    let a = p.resent(a, &content);
                    p.card.handle(&a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "two-records-taken",
            "R28",
            "what follows the record is ignored",
            |p, a| {
                fixed(p, a, |content, record| {
                    if content.len() > record.len() {
                        content.truncate(record.len())
                    }
                })
            },
        ),
        row(
            "mac-length-ignored",
            "R28 UC-3.4-cipher-mac",
            "a MAC of three bytes is filled up",
            |p, a| {
                if matches!(a, [0x04, 0xDC, ..]) && a.len() > 8 && a[4] % 16 == 3 {
                    let mut sent = a.to_vec();
                    sent[4] += 1;
                    sent.push(0);
                    let sent = p.signed(&sent);
                    p.card.handle(&sent)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "update-leaves-neighbour",
            "R71 UC-3.1-UPDATE-RECORD",
            "an update touches the next record's first value byte",
            |p, a| {
                let at = p.card.standing().1;
                let out = p.card.handle(a);
                if ins(a) == 0xDC
                    && sw(&out) == 0x9000
                    && p.df() == "DF01"
                    && let (Some(at), Some(file)) = (at, p.file())
                    && let Some((from, len)) = cardlib_sim::user::memory::record_place(file, a[2])
                {
                    p.card
                        .tamper(&[Change::Write(at, from + len + 2, vec![0x5A])]);
                }
                out
            },
        ),
        row(
            "update-not-written",
            "UC-2.2-DF01-EF05-update UC-2.2-DF01-EF07-update",
            "an update is confirmed and not written",
            |p, a| {
                let (at, before) = stored(p);
                let out = p.card.handle(a);
                if ins(a) == 0xDC
                    && let Some(at) = at
                {
                    p.card.tamper(&[Change::Write(at, 0, before)]);
                }
                out
            },
        ),
        mutant(
            Kind::UserCard,
            "update-lost-at-reset",
            "UC-2.2-DF01-EF05-update UC-2.2-DF02-EF05-update",
            "an update lasts until the reset only",
            Fault::User(UserHook {
                command: keep_old,
                reset: |p| {
                    let later = std::mem::take(&mut p.scratch.later);
                    p.card.tamper(&later);
                    p.card.reset()
                },
                ..UserHook::default()
            }),
        ),
        mutant(
            Kind::UserCard,
            "tear-leaves-mixture",
            "R71",
            "a reset behind an update leaves half of the old record",
            Fault::User(UserHook {
                command: keep_old,
                reset: |p| {
                    let later = std::mem::take(&mut p.scratch.later);
                    for change in later {
                        if let Change::Write(at, from, bytes) = change {
                            let half = bytes.len() / 2;
                            p.card.tamper(&[Change::Write(
                                at,
                                from + half,
                                bytes[half..].to_vec(),
                            )]);
                        }
                    }
                    p.card.reset()
                },
                ..UserHook::default()
            }),
        ),
        row(
            "le-of-record-ignored",
            "R11",
            "READ RECORD gives the record whatever Le says",
            |p, a| {
                if ins(a) == 0xB2 && a.len() == 5 {
                    p.card.handle(&with(a, 4, 0))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "record-cut-to-le",
            "R11",
            "READ RECORD cuts the record to Le",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xB2 && sw(&out) >> 8 == 0x6C {
                    let whole = p.card.handle(&a[..4]);
                    let n = usize::from(a[4]).min(whole.len().saturating_sub(2));
                    [&whole[..n], &[0x90, 0x00]].concat()
                } else {
                    out
                }
            },
        ),
        row(
            "tag-addresses-everywhere",
            "R17",
            "P2 00 addresses by position in other files too",
            |p, a| {
                if ins(a) == 0xB2
                    && a.get(3) == Some(&0)
                    && p.file().is_some_and(|f| f.fid != 0xEF05)
                {
                    p.card.handle(&with(a, 3, 4))
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "records-from-zero",
            "R18",
            "record 0 is the first",
            |p, a| {
                if ins(a) == 0xB2 && a.get(2) == Some(&0) && a.get(3) == Some(&4) {
                    p.card.handle(&with(a, 2, 1))
                } else {
                    p.card.handle(a)
                }
            },
        ),
    ]
}

/// Content and length of every record's file before the command.
fn stored(p: &Patient) -> (Option<usize>, Vec<u8>) {
    let at = p.card.standing().1;
    let bytes = at
        .and_then(|at| p.card.inspect().files.get(at)?.as_ref())
        .map(|file| file.bytes.clone());
    (at, bytes.unwrap_or_default())
}

/// Remembers the record as it was before an update.
fn keep_old(p: &mut Patient, a: &[u8]) -> Vec<u8> {
    let (at, before) = stored(p);
    let file = p.file();
    let out = p.card.handle(a);
    if ins(a) == 0xDC
        && sw(&out) == 0x9000
        && a[3] == 4
        && let (Some(at), Some(file)) = (at, file)
        && let Some((from, len)) = cardlib_sim::user::memory::record_place(file, a[2])
    {
        p.scratch.later = vec![Change::Write(at, from, before[from..from + len].to_vec())];
    }
    out
}

/// Changes the decrypted content towards the stored record before the card sees it.
fn fixed(p: &mut Patient, a: &[u8], change: fn(&mut Vec<u8>, &[u8])) -> Vec<u8> {
    let plain = p.plain(a).and_then(|plain| {
        let len = usize::from(*plain.first()?);
        plain.get(1..=len).map(<[u8]>::to_vec)
    });
    let (_, bytes) = stored(p);
    let record = p
        .file()
        .and_then(|file| cardlib_sim::user::memory::record_place(file, a[2]))
        .and_then(|(from, len)| bytes.get(from..from + len).map(<[u8]>::to_vec));
    match (plain, record) {
        (Some(mut content), Some(record)) if !content.is_empty() => {
            change(&mut content, &record);
            let a = p.resent(a, &content);
            p.card.handle(&a)
        }
        _ => p.card.handle(a),
    }
}

fn files() -> Vec<Mutant> {
    vec![
        row(
            "cyclic-oldest-first",
            "R19",
            "cyclic records are numbered from the oldest",
            |p, a| {
                let used = p
                    .card
                    .standing()
                    .1
                    .and_then(|at| p.card.inspect().files[at].as_ref())
                    .map_or(0, |f| f.used);
                let cyclic = p
                    .file()
                    .filter(|f| f.kind == cardlib_card::profile::FileKind::Cyclic)
                    .map(|f| f.records.min(used));
                match cyclic {
                    Some(n) if ins(a) == 0xB2 && usize::from(a[2]) <= n && a[2] > 0 => p
                        .card
                        .handle(&with(a, 2, (n + 1 - usize::from(a[2])).to_le_bytes()[0])),
                    _ => p.card.handle(a),
                }
            },
        ),
        row(
            "cyclic-full",
            "R19",
            "a full cyclic file takes no more",
            |p, a| {
                let full = p
                    .card
                    .standing()
                    .1
                    .and_then(|at| p.card.inspect().files[at].as_ref())
                    .zip(p.file())
                    .is_some_and(|(m, f)| {
                        f.kind == cardlib_card::profile::FileKind::Cyclic && m.used >= f.records
                    });
                if ins(a) == 0xDC && full {
                    answer(0x6A84)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "cyclic-replaces-newest",
            "R19",
            "a full cyclic file replaces its newest record",
            |p, a| {
                let (at, before) = stored(p);
                let full = at
                    .and_then(|at| p.card.inspect().files[at].as_ref())
                    .zip(p.file())
                    .is_some_and(|(m, f)| {
                        f.kind == cardlib_card::profile::FileKind::Cyclic && m.used >= f.records
                    });
                let size = p.file().map_or(0, |f| f.size);
                let out = p.card.handle(a);
                if ins(a) == 0xDC
                    && full
                    && sw(&out) == 0x9000
                    && let Some(at) = at
                {
                    p.card
                        .tamper(&[Change::Write(at, size, before[size..].to_vec())]);
                }
                out
            },
        ),
        row(
            "cyclic-p1-free",
            "R19 R13",
            "appending takes any P1 in its check",
            |p, a| {
                let cyclic = p
                    .file()
                    .is_some_and(|f| f.kind == cardlib_card::profile::FileKind::Cyclic);
                if matches!(a, [0x04 | 0x00, 0xDC, ..])
                    && cyclic
                    && a.get(3) == Some(&3)
                    && a.get(2) != Some(&0)
                {
                    answer(0x6988)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "erase-clears-visit",
            "R25",
            "ERASE RECORD clears the visit file",
            |p, a| {
                let outpatient = p.file().is_some_and(|f| f.fid == 0xEF06);
                let out = p.card.handle(a);
                if ins(a) == 0x0C && sw(&out) == 0x9000 {
                    let fid = if outpatient { 0xED00 } else { 0xEE00 } | u16::from(a[2]);
                    if let Some(at) = p.recipe.profile.files.iter().position(|f| f.fid == fid) {
                        let size = p.recipe.profile.files[at].size;
                        p.card.tamper(&[Change::Write(at, 0, vec![0; size])]);
                    }
                }
                out
            },
        ),
        row(
            "write-on-set-refused",
            "R27",
            "WRITE RECORD on 00 answers 6985",
            |p, a| {
                let (_, bytes) = stored(p);
                let set =
                    ins(a) == 0xD2 && bytes.get(usize::from(a[2]).wrapping_sub(1)) == Some(&0);
                let out = p.card.handle(a);
                if set && sw(&out) == 0x9000 {
                    answer(0x6985)
                } else {
                    out
                }
            },
        ),
        row(
            "erase-on-clear-refused",
            "R27",
            "ERASE RECORD on FF answers 6985",
            |p, a| {
                let (_, bytes) = stored(p);
                let clear =
                    ins(a) == 0x0C && bytes.get(usize::from(a[2]).wrapping_sub(1)) == Some(&0xFF);
                let out = p.card.handle(a);
                if clear && sw(&out) == 0x9000 {
                    answer(0x6985)
                } else {
                    out
                }
            },
        ),
        row(
            "index-value-01",
            "UC-3.3-record UC-3.1-WRITE-RECORD",
            "WRITE RECORD writes 01",
            |p, a| {
                let at = p.card.standing().1;
                let out = p.card.handle(a);
                if ins(a) == 0xD2
                    && sw(&out) == 0x9000
                    && let Some(at) = at
                {
                    p.card
                        .tamper(&[Change::Write(at, usize::from(a[2]) - 1, vec![1])]);
                }
                out
            },
        ),
        row(
            "index-all-cleared",
            "R27",
            "ERASE RECORD clears every record",
            |p, a| {
                let at = p.card.standing().1;
                let out = p.card.handle(a);
                if ins(a) == 0xD2
                    && sw(&out) == 0x9000
                    && let (Some(at), Some(f)) = (at, p.file())
                {
                    p.card.tamper(&[Change::Write(at, 0, vec![0; f.records])]);
                }
                out
            },
        ),
        row(
            "visit-files-alias",
            "UC-2.2-DF03-ED02-update",
            "ED01 and ED02 are one file",
            |p, a| {
                if a == [0, 0xA4, 0, 0x0C, 2, 0xED, 0x02] {
                    p.card.handle(&[0, 0xA4, 0, 0x0C, 2, 0xED, 0x01])
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "offset-at-end-empty",
            "R11",
            "reading at the end answers 9000 without data",
            |p, a| {
                let out = p.card.handle(a);
                let at_end = p.file().is_some_and(|f| {
                    a.get(2..4) == Some(&u16::try_from(f.size).unwrap_or(0).to_be_bytes()[..])
                });
                if ins(a) == 0xB0 && sw(&out) == 0x6B00 && at_end {
                    answer(0x9000)
                } else {
                    out
                }
            },
        ),
        row(
            "short-read-at-end",
            "R11",
            "reading beyond the end gives what is left with 9000",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xB0 && sw(&out) >> 8 == 0x6C {
                    p.card.handle(&with(a, 4, out[out.len() - 1]))
                } else {
                    out
                }
            },
        ),
        row(
            "partial-write-at-end",
            "R15",
            "writing beyond the end writes what fits",
            |p, a| {
                let at = p.card.standing().1;
                let out = p.card.handle(a);
                if ins(a) == 0xD6
                    && sw(&out) == 0x6A84
                    && let (Some(at), Some(f)) = (at, p.file())
                {
                    let from = usize::from(a[2]) << 8 | usize::from(a[3]);
                    p.card
                        .tamper(&[Change::Write(at, from, a[5..5 + (f.size - from)].to_vec())]);
                }
                out
            },
        ),
        row(
            "write-128-only",
            "R15",
            "UPDATE BINARY takes at most 128 bytes",
            |p, a| {
                if ins(a) == 0xD6 && a.get(4).is_some_and(|lc| *lc > 128) {
                    answer(0x6700)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "read-255-only",
            "R11",
            "READ BINARY gives at most 255 bytes",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xB0 && out.len() == 258 {
                    [&out[..255], &out[256..]].concat()
                } else {
                    out
                }
            },
        ),
        row(
            "hidden-file",
            "UC-2.1-DF03 R2",
            "DF03 has a hidden file EF0F",
            |p, a| {
                if a.ends_with(&[0xEF, 0x0F]) && p.df() == "DF03" {
                    answer(0x9000)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        row(
            "grandchildren-in-reach",
            "R2",
            "applications are selected by FID from the MF",
            |p, a| {
                if p.df() == "MF" && matches!(a, [0, 0xA4, 0, _, 2, 0xDF, ..]) {
                    p.card.handle(&[0, 0xA4, 0, 0x0C, 2, 0xDD, 0xF1]);
                }
                p.card.handle(a)
            },
        ),
        row(
            "files-of-parent-in-reach",
            "R2",
            "files of DDF1 are found from its applications",
            |p, a| {
                let out = p.card.handle(a);
                if sw(&out) == 0x6A82
                    && p.df() == "DF03"
                    && matches!(a, [0, 0xA4, 0, _, 2, 0xEF, 0x07])
                {
                    answer(0x9000)
                } else {
                    out
                }
            },
        ),
        row(
            "file-survives-directory",
            "R6",
            "selecting the current directory keeps the file",
            |p, a| {
                let before = p.card.standing();
                let at = p.df_at();
                let out = p.card.handle(a);
                if ins(a) == 0xA4 && p.df() == before.0 && p.card.standing().1.is_none() {
                    p.card.stand(at, before.1);
                }
                out
            },
        ),
        row(
            "failed-select-drops-file",
            "R2",
            "a failed SELECT leaves no current file",
            |p, a| {
                let at = p.df_at();
                let out = p.card.handle(a);
                if sw(&out) == 0x6A82 {
                    p.card.stand(at, None);
                }
                out
            },
        ),
        row(
            "failed-select-goes-to-mf",
            "R2",
            "a failed SELECT goes back to the MF",
            |p, a| {
                let out = p.card.handle(a);
                if sw(&out) == 0x6A82 {
                    p.card.stand(0, None);
                }
                out
            },
        ),
        reset_row(
            "directory-survives-reset",
            "UC-2.1-MF",
            "after a reset the last directory is current",
            |p| {
                let at = p.df_at();
                let atr = p.card.reset();
                p.card.stand(at, None);
                atr
            },
        ),
    ]
}

fn commands() -> Vec<Mutant> {
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
                if ins(a) == 0xD6 && a.len() == 6 + usize::from(a[4]) {
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

fn order() -> Vec<Mutant> {
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
