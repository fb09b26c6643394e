//! Blocks of applications and of the card.

use super::{reset_row, row};
use crate::mutants::Mutant;
use crate::mutants::patient::{Patient, answer, ins, sw};
use cardlib_sim::VirtualCard;
use cardlib_sim::user::memory::{Block, Change};

pub(super) fn blocks() -> Vec<Mutant> {
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
