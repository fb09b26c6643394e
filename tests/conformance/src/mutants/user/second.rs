//! A second look: faults that were thought of when the suites were done, to see what they miss.

use cardlib_sim::VirtualCard;
use cardlib_sim::user::memory::{Block, Change};

use super::content::stored;
use super::{reset_row, row};
use crate::hierarchy::key_named;
use crate::mutants::patient::{UserHook, has_mac, ins, sw, with};
use crate::mutants::{Fault, Mutant, mutant};
use crate::suite::Kind;

pub(super) fn second() -> Vec<Mutant> {
    let mut all = keys();
    all.extend(blocks());
    all.extend(bytes());
    all
}

fn keys() -> Vec<Mutant> {
    vec![
        row(
            "guesses-free-version-3",
            "R33",
            "wrong cryptograms of version 3 cost no try",
            |p, a| {
                let before = p.tries();
                let out = p.card.handle(a);
                if ins(a) == 0x82 && a.last() == Some(&3) {
                    p.set_tries(&before);
                }
                out
            },
        ),
        row(
            "stk-of-ddf1-taken",
            "UC-3.4-cipher-mac",
            "a MAC under DDF1's maintenance key serves in its applications",
            |p, a| {
                let preset = p.recipe.preset;
                let under = || {
                    let key = preset.card_key(key_named("STK_DDF1")?, 0, &p.recipe.home());
                    let session = preset.cipher.spread(&key, p.card.challenge()?);
                    let at = a.len().checked_sub(4)?;
                    Some(preset.cipher.command_mac(&session, &a[..at])[..] == a[at..])
                };
                if has_mac(a) && p.df() != "DDF1" && under() == Some(true) {
                    let sent = p.signed(a);
                    return p.card.handle(&sent);
                }
                p.card.handle(a)
            },
        ),
        row(
            "tries-shared-by-kid",
            "R33",
            "a wrong cryptogram costs a try of the same KID in the other applications too",
            |p, a| {
                let before = p.tries();
                let out = p.card.handle(a);
                if ins(a) == 0x82 && sw(&out) & 0xFFF0 == 0x63C0 {
                    let after = p.tries();
                    let kids: Vec<(u8, u8)> = p
                        .recipe
                        .profile
                        .key_instances()
                        .map(|i| (i.key.kid, i.version))
                        .collect();
                    let hit = (0..after.len()).find(|at| after[*at] < before[*at]);
                    if let Some(hit) = hit {
                        let tries: Vec<u8> = (0..after.len())
                            .map(|at| match kids[at] == kids[hit] && kids[at].0 > 0x80 {
                                true => after[at].min(after[hit]),
                                false => after[at],
                            })
                            .collect();
                        p.set_tries(&tries);
                    }
                }
                out
            },
        ),
        row(
            "information-fixed",
            "R37 UC-3.1-EXTERNAL-AUTHENTICATE",
            "the cryptogram is compared with that of the usual information, whatever is sent",
            |p, a| {
                if ins(a) == 0x82 && a.len() >= 22 && a[4] == 0x11 {
                    let usual = [&a[..13], &crate::engine::symbols::INFO, &a[21..]].concat();
                    return p.card.handle(&usual);
                }
                p.card.handle(a)
            },
        ),
        row(
            "version-ff-is-current",
            "R31",
            "version FF means the version in use",
            |p, a| {
                if ins(a) == 0x82 && a.len() == 22 && a[21] == 0xFF {
                    return p.card.handle(&with(a, 21, 0x01));
                }
                p.card.handle(a)
            },
        ),
        reset_row(
            "blocked-key-one-more",
            "R33",
            "a reset gives a blocked key one more try",
            |p| {
                let tries: Vec<u8> = p
                    .tries()
                    .iter()
                    .zip(p.limits())
                    .map(|(tries, limit)| if limit > 0 { (*tries).max(1) } else { *tries })
                    .collect();
                p.set_tries(&tries);
                p.card.reset()
            },
        ),
        row(
            "challenge-half-constant",
            "UC-3.1-GET-CHALLENGE",
            "the first four bytes of every challenge are the same",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x84 && out.len() == 10 {
                    let challenge = [0x5A, 0x5A, 0x5A, 0x5A, out[4], out[5], out[6], out[7]];
                    p.card.set_challenge(Some(challenge));
                    return [&challenge[..], &out[8..]].concat();
                }
                out
            },
        ),
    ]
}

fn blocks() -> Vec<Mutant> {
    vec![
        row(
            "unblock-opens-all",
            "R43 UC-3.3-block UC-FIREWALL",
            "unblocking one application unblocks the others",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0x18 && sw(&out) == 0x9000 {
                    let open: Vec<Change> = (0..p.card.inspect().dfs.len())
                        .map(|at| Change::Block(at, Block::None))
                        .collect();
                    p.card.tamper(&open);
                }
                out
            },
        ),
        reset_row(
            "permanent-softens-at-reset",
            "R42",
            "a permanent block is a temporary one after a reset",
            |p| {
                let soft: Vec<Change> = (0..p.card.inspect().dfs.len())
                    .filter(|at| p.card.inspect().dfs[*at].block == Block::Permanent)
                    .map(|at| Change::Block(at, Block::Temporary))
                    .collect();
                p.card.tamper(&soft);
                p.card.reset()
            },
        ),
    ]
}

fn bytes() -> Vec<Mutant> {
    vec![
        row(
            "last-byte-lost",
            "R15 UC-3.1-UPDATE-BINARY",
            "the last byte of a binary file is not written",
            |p, a| {
                let (at, before) = stored(p);
                let out = p.card.handle(a);
                if let (0xD6, 0x9000, Some(at), Some(last)) = (ins(a), sw(&out), at, before.last())
                {
                    p.card
                        .tamper(&[Change::Write(at, before.len() - 1, vec![*last])]);
                }
                out
            },
        ),
        row(
            "one-byte-not-written",
            "R15 UC-3.1-UPDATE-BINARY",
            "UPDATE BINARY of a single byte is confirmed and not done",
            |p, a| {
                let (at, before) = stored(p);
                let out = p.card.handle(a);
                if let (0xD6, 0x9000, Some(1), Some(at)) = (ins(a), sw(&out), a.get(4), at) {
                    p.card.tamper(&[Change::Write(at, 0, before)]);
                }
                out
            },
        ),
        row(
            "stay-and-visit-alias",
            "UC-2.2-DF03-EE01-update",
            "the first byte of EE01 is the last of ED05",
            |p, a| {
                let out = p.card.handle(a);
                if ins(a) == 0xD6
                    && sw(&out) == 0x9000
                    && p.file().is_some_and(|file| file.fid == 0xED05)
                    && let Some(at) = p
                        .recipe
                        .profile
                        .files
                        .iter()
                        .position(|f| f.path == "DF03/EE01")
                    && let Some(last) = stored(p).1.last()
                    && *last != 0
                {
                    p.card.tamper(&[Change::Write(at, 0, vec![*last])]);
                }
                out
            },
        ),
        mutant(
            Kind::UserCard,
            "pending-survives-reset",
            "R12",
            "an answer that waits survives a reset",
            Fault::User(UserHook {
                reset: |p| {
                    p.scratch.bytes = p.card.handle(&[0x00, 0xC0, 0, 0, 0]);
                    p.card.reset()
                },
                ..UserHook::on(|p, a| {
                    let kept = std::mem::take(&mut p.scratch.bytes);
                    if ins(a) == 0xC0 && sw(&kept) == 0x9000 {
                        return kept;
                    }
                    p.card.handle(a)
                })
            }),
        ),
    ]
}
