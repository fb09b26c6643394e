//! SAMs that behave wrongly.

use cardlib_sim::VirtualCard;
use cardlib_sim::sam::memory::{Change, Pin};
use sm3::Digest;

use super::patient::{SamHook, SamPatient, answer, ins, sw, with};
use super::{Fault, Mutant, mutant};
use crate::suite::Kind;

fn row(
    id: &str,
    clauses: &str,
    what: &str,
    command: fn(&mut SamPatient, &[u8]) -> Vec<u8>,
) -> Mutant {
    mutant(
        Kind::Sam,
        id,
        clauses,
        what,
        Fault::Sam(SamHook::on(command)),
    )
}

fn reset_row(id: &str, clauses: &str, what: &str, reset: fn(&mut SamPatient) -> Vec<u8>) -> Mutant {
    mutant(
        Kind::Sam,
        id,
        clauses,
        what,
        Fault::Sam(SamHook::at_reset(reset)),
    )
}

/// The command as if the PIN had been given.
fn without_pin(p: &mut SamPatient, a: &[u8], on: u8) -> Vec<u8> {
    if ins(a) != on {
        return p.sam.handle(a);
    }
    let given = p.sam.pin_given();
    p.sam.set_pin_given(true);
    let out = p.sam.handle(a);
    p.sam.set_pin_given(given);
    out
}

fn tries(p: &SamPatient) -> u8 {
    p.sam.inspect().pin.as_ref().map_or(0, |pin| pin.tries)
}

/// All of them.
#[must_use]
pub fn mutants() -> Vec<Mutant> {
    let mut all = pins();
    all.extend(keys());
    all.extend(ciphers());
    all.extend(signatures());
    all.extend(others());
    all
}

fn pins() -> Vec<Mutant> {
    vec![
        row(
            "sam-delivery-without-pin",
            "R51 R66 SAM-4.2-VERIFY-PIN",
            "DELIVERY needs no PIN",
            |p, a| without_pin(p, a, 0xDE),
        ),
        row(
            "sam-cipher-without-pin",
            "R53",
            "CIPHER DATA needs no PIN",
            |p, a| without_pin(p, a, 0xFA),
        ),
        row(
            "sam-digest-without-pin",
            "R49",
            "DATA COMPRESS needs no PIN",
            |p, a| without_pin(p, a, 0xC8),
        ),
        row(
            "sam-signature-without-pin",
            "D17 D18",
            "DIGITAL SIGNATURES needs no PIN",
            |p, a| without_pin(p, a, 0xC4),
        ),
        row(
            "sam-pin-two-bytes",
            "R54 SAM-4.2-VERIFY-PIN",
            "two of three PIN bytes are compared",
            |p, a| {
                if ins(a) == 0x20 && a.get(5..7) == Some(&[0x12, 0x34]) && a.len() == 8 {
                    p.sam.handle(&with(a, 7, 0x56))
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-pin-last-bytes",
            "R54 SAM-4.2-VERIFY-PIN",
            "the first PIN byte is not compared",
            |p, a| {
                if ins(a) == 0x20 && a.get(6..8) == Some(&[0x34, 0x56]) {
                    p.sam.handle(&with(a, 5, 0x12))
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-pin-guesses-free",
            "R54 D18",
            "wrong PINs cost no try",
            |p, a| {
                let before = tries(p);
                let out = p.sam.handle(a);
                if ins(a) == 0x20 {
                    p.sam.tamper(&[Change::PinTries(before)]);
                }
                out
            },
        ),
        reset_row(
            "sam-pin-tries-at-reset",
            "R54",
            "a reset gives PIN tries back",
            |p| {
                p.sam.tamper(&[Change::PinTries(10)]);
                p.sam.reset()
            },
        ),
        row(
            "sam-pin-tries-not-restored",
            "R54",
            "a right PIN does not give tries back",
            |p, a| {
                let before = tries(p);
                let out = p.sam.handle(a);
                if ins(a) == 0x20 && sw(&out) == 0x9000 {
                    p.sam.tamper(&[Change::PinTries(before)]);
                }
                out
            },
        ),
        row(
            "sam-pin-never-blocks",
            "D18",
            "the last try is never used up",
            |p, a| {
                let out = p.sam.handle(a);
                if tries(p) == 0 {
                    p.sam.tamper(&[Change::PinTries(1)]);
                }
                out
            },
        ),
        row(
            "sam-pin-change-not-counted",
            "R54",
            "wrong old PINs of CHANGE PIN are not counted",
            |p, a| {
                let before = tries(p);
                let out = p.sam.handle(a);
                if ins(a) == 0x5E && sw(&out) & 0xFFF0 == 0x63C0 {
                    p.sam.tamper(&[Change::PinTries(before)]);
                }
                out
            },
        ),
        row(
            "sam-pin-wrong-keeps-status",
            "R54",
            "a wrong PIN leaves the status",
            |p, a| {
                let given = p.sam.pin_given();
                let out = p.sam.handle(a);
                if ins(a) == 0x20 && sw(&out) != 0x9000 {
                    p.sam.set_pin_given(given);
                }
                out
            },
        ),
        row(
            "sam-pin-wrong-change-keeps-status",
            "R54",
            "a wrong CHANGE PIN leaves the status",
            |p, a| {
                let given = p.sam.pin_given();
                let out = p.sam.handle(a);
                if ins(a) == 0x5E && sw(&out) != 0x9000 {
                    p.sam.set_pin_given(given);
                }
                out
            },
        ),
        reset_row(
            "sam-pin-survives-reset",
            "R48",
            "the PIN status survives a reset",
            |p| {
                let given = p.sam.pin_given();
                let atr = p.sam.reset();
                p.sam.set_pin_given(given);
                atr
            },
        ),
        row(
            "sam-pin-lost-by-directory",
            "R48",
            "selecting a directory takes the PIN status",
            |p, a| {
                let before = p.sam.standing();
                let out = p.sam.handle(a);
                if ins(a) == 0xA4 && p.sam.standing() != before && before == 1 {
                    p.sam.set_pin_given(false);
                }
                out
            },
        ),
        row(
            "sam-pin-change-gives-status",
            "R54",
            "CHANGE PIN gives the PIN status",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0x5E && sw(&out) == 0x9000 {
                    p.sam.set_pin_given(true);
                }
                out
            },
        ),
        row(
            "sam-pin-change-without-old",
            "R54 SAM-4.2-CHANGE-PIN",
            "CHANGE PIN does not compare the old PIN",
            |p, a| {
                let old = p.sam.inspect().pin.as_ref().map(|pin| pin.digits);
                match old {
                    Some(old) if ins(a) == 0x5E && a.len() == 12 => {
                        p.sam.handle(&[&a[..5], &old, &a[8..]].concat())
                    }
                    _ => p.sam.handle(a),
                }
            },
        ),
        row(
            "sam-pin-change-not-kept",
            "SAM-4.2-CHANGE-PIN",
            "CHANGE PIN is confirmed and not done",
            |p, a| {
                let old = p.sam.inspect().pin.as_ref().map(|pin| pin.digits);
                let out = p.sam.handle(a);
                if let (0x5E, 0x9000, Some(digits)) = (ins(a), sw(&out), old) {
                    p.sam.tamper(&[Change::Pin(Pin { digits, tries: 10 })]);
                }
                out
            },
        ),
        row(
            "sam-pin-separator-free",
            "R54",
            "CHANGE PIN takes any separator",
            |p, a| {
                if ins(a) == 0x5E && a.len() == 12 {
                    p.sam.handle(&with(a, 8, 0xFF))
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-pin-hex-digits",
            "R54",
            "a new PIN need not be decimal",
            |p, a| {
                if ins(a) == 0x5E && a.len() == 12 && a[9..].iter().any(|b| b & 0x0F > 9) {
                    answer(0x9000)
                } else {
                    p.sam.handle(a)
                }
            },
        ),
        row(
            "sam-pin-old-before-form",
            "R54",
            "CHANGE PIN compares the old PIN before the form of the new",
            |p, a| {
                let out = p.sam.handle(a);
                if ins(a) == 0x5E && sw(&out) == 0x6A80 && a.get(5) == Some(&0x11) {
                    answer(0x63C9)
                } else {
                    out
                }
            },
        ),
        row(
            "sam-pin-anywhere",
            "R48",
            "PIN commands work in DF01",
            |p, a| {
                let at = p.sam.standing();
                if ins(a) == 0x20 {
                    p.sam.stand(0);
                }
                let out = p.sam.handle(a);
                p.sam
                    .stand(if ins(a) == 0x20 { at } else { p.sam.standing() });
                out
            },
        ),
        row(
            "sam-pin-ascii",
            "R54",
            "VERIFY takes six ASCII digits",
            |p, a| {
                if ins(a) == 0x20 && a.get(4) == Some(&6) {
                    answer(0x63C9)
                } else {
                    p.sam.handle(a)
                }
            },
        ),
    ]
}

fn keys() -> Vec<Mutant> {
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

fn ciphers() -> Vec<Mutant> {
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

fn signatures() -> Vec<Mutant> {
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
                    p.scratch = a[5..].to_vec();
                }
                if ins(a) == 0xC8 && a.get(2) == Some(&0) && !p.scratch.is_empty() && p.count == 1 {
                    let all = [&p.scratch[..], &a[5..]].concat();
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

fn others() -> Vec<Mutant> {
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
