//! What is written under a right MAC, and what stays of it.

use super::row;
use crate::mutants::patient::{Patient, UserHook, ins, sw, with};
use crate::mutants::{Fault, Mutant, mutant};
use crate::suite::Kind;
use cardlib_sim::VirtualCard;
use cardlib_sim::user::memory::Change;

pub(super) fn content() -> Vec<Mutant> {
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
                if ins(a) == 0xB2 && a.len() == 5 && sw(&out) >> 8 == 0x6C {
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
pub(super) fn stored(p: &Patient) -> (Option<usize>, Vec<u8>) {
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
