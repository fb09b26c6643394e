//! The PIN, its counter and its status.

use super::{reset_row, row, tries, without_pin};
use crate::mutants::Mutant;
use crate::mutants::patient::{answer, ins, sw, with};
use cardlib_sim::VirtualCard;
use cardlib_sim::sam::memory::{Change, Pin};

pub(super) fn pins() -> Vec<Mutant> {
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
