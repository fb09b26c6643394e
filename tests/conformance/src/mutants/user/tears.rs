//! What a power cut inside a command leaves behind.

use cardlib_sim::VirtualCard;
use cardlib_sim::user::memory::{Block, Change};

use super::content::stored;
use crate::mutants::patient::{Patient, UserHook, ins};
use crate::mutants::{Fault, Mutant, mutant};
use crate::suite::Kind;

fn torn(
    id: &str,
    clauses: &str,
    what: &str,
    command: fn(&mut Patient, &[u8]) -> Vec<u8>,
) -> Mutant {
    let hook = UserHook::torn(command);
    mutant(Kind::UserCard, id, clauses, what, Fault::User(hook))
}

/// Whether the power goes inside this command, which is of this kind.
fn cut(p: &Patient, a: &[u8], on: &[u8]) -> bool {
    p.scratch.cut && on.contains(&ins(a))
}

/// Of what the command changes in the current file, the second half stays as it was.
fn half(p: &mut Patient, a: &[u8]) -> Vec<u8> {
    let (at, before) = stored(p);
    let out = p.card.handle(a);
    let (_, after) = stored(p);
    let mut differing = (0..before.len().min(after.len())).filter(|i| before[*i] != after[*i]);
    if let (Some(at), Some(first)) = (at, differing.next()) {
        let last = differing.next_back().unwrap_or(first);
        let middle = first + (last - first).div_ceil(2);
        let rest = before[middle..=last].to_vec();
        p.card.tamper(&[Change::Write(at, middle, rest)]);
    }
    out
}

pub(super) fn tears() -> Vec<Mutant> {
    let mut all = contents();
    all.extend(counters());
    all
}

fn contents() -> Vec<Mutant> {
    vec![
        torn(
            "torn-record-mixed",
            "R71",
            "a power cut inside UPDATE RECORD leaves half of the new record",
            |p, a| {
                if cut(p, a, &[0xDC]) && a[3] == 0x04 {
                    half(p, a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        torn(
            "torn-binary-mixed",
            "R71",
            "a power cut inside UPDATE BINARY leaves half of the new bytes",
            |p, a| {
                if cut(p, a, &[0xD6]) {
                    half(p, a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        torn(
            "torn-append-mixed",
            "R71",
            "a power cut inside an append leaves a record of two halves",
            |p, a| {
                if cut(p, a, &[0xDC]) && a[3] == 0x03 {
                    half(p, a)
                } else {
                    p.card.handle(a)
                }
            },
        ),
        torn(
            "torn-record-erased",
            "R71",
            "a record is erased before it is written, and a power cut leaves it so",
            |p, a| {
                if cut(p, a, &[0xDC])
                    && a[3] == 0x04
                    && let (Some(at), Some(file)) = (p.card.standing().1, p.file())
                    && let Some((from, len)) = cardlib_sim::user::memory::record_place(file, a[2])
                {
                    p.card.tamper(&[Change::Write(at, from, vec![0xFF; len])]);
                    return Vec::new();
                }
                p.card.handle(a)
            },
        ),
        torn(
            "torn-index-neither",
            "R71",
            "a power cut inside WRITE or ERASE RECORD leaves a flag that is neither 00 nor FF",
            |p, a| {
                if cut(p, a, &[0xD2, 0x0C])
                    && let (Some(at), Some(record)) = (p.card.standing().1, a[2].checked_sub(1))
                {
                    p.card
                        .tamper(&[Change::Write(at, usize::from(record), vec![0x0F])]);
                    return Vec::new();
                }
                p.card.handle(a)
            },
        ),
        torn(
            "torn-block-for-ever",
            "R71 R47",
            "a power cut inside a temporary block leaves a permanent one",
            |p, a| {
                if cut(p, a, &[0x1E]) {
                    p.card.tamper(&[Change::Block(p.df_at(), Block::Permanent)]);
                    return Vec::new();
                }
                p.card.handle(a)
            },
        ),
        torn(
            "torn-unblock-for-ever",
            "R71 R47",
            "a power cut inside an unblock leaves a permanent block",
            |p, a| {
                if cut(p, a, &[0x18]) {
                    p.card.tamper(&[Change::Block(p.df_at(), Block::Permanent)]);
                    return Vec::new();
                }
                p.card.handle(a)
            },
        ),
    ]
}

fn counters() -> Vec<Mutant> {
    vec![
        torn(
            "torn-guess-free",
            "R70",
            "the try of a wrong cryptogram is counted after the answer",
            |p, a| {
                let before = p.tries();
                let guess = cut(p, a, &[0x82]);
                let out = p.card.handle(a);
                if guess {
                    p.set_tries(&before);
                }
                out
            },
        ),
        torn(
            "torn-mac-free",
            "R70 D10",
            "a wrong MAC is counted after the answer",
            |p, a| {
                let at = p.df_at();
                let before = p.card.inspect().dfs.get(at).map(|df| df.mac_tries);
                let guess = cut(p, a, &[0xDC]);
                let out = p.card.handle(a);
                if let (true, Some(tries)) = (guess, before) {
                    p.card
                        .tamper(&[Change::MacTries(at, tries), Change::Block(at, Block::None)]);
                }
                out
            },
        ),
        torn(
            "torn-proof-exhausts",
            "R70 R33",
            "a right cryptogram that is cut off uses all tries up",
            |p, a| {
                let proof = cut(p, a, &[0x82])
                    && p.right_proof(a, 1).as_ref().map(|r| &r[..]) == a.get(5..13);
                let out = p.card.handle(a);
                if proof {
                    let none = vec![0; p.tries().len()];
                    p.set_tries(&none);
                }
                out
            },
        ),
        mutant(
            Kind::UserCard,
            "challenge-survives-cut",
            "D15",
            "a challenge survives the loss of power",
            Fault::User(UserHook {
                reset: |p| {
                    p.scratch.bytes = p.card.challenge().map_or_else(Vec::new, |c| c.to_vec());
                    p.card.reset()
                },
                ..UserHook::on(|p, a| {
                    if ins(a) == 0x82 && p.card.challenge().is_none() {
                        p.card
                            .set_challenge(p.scratch.bytes.clone().try_into().ok());
                    }
                    p.card.handle(a)
                })
            }),
        ),
    ]
}
