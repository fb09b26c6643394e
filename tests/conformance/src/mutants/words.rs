//! Products that refuse rightly and say so wrongly.

use super::{Fault, Mutant, mutant};
use crate::suite::Kind;

/// INS, the right word, the wrong one, the clause.
pub(super) const CARD: [(u8, u16, u16, &str); 26] = [
    (0xB2, 0x6982, 0x6985, "UC-2.2-DF01-EF05-read"),
    (0xB0, 0x6982, 0x6985, "UC-2.2-DF03-EE01-read"),
    (0xDC, 0x6982, 0x6985, "UC-2.2-DF01-EF05-update"),
    (0xD6, 0x6982, 0x6A80, "UC-2.2-DDF1-EF07-update"),
    (0x82, 0x6983, 0x6982, "D11"),
    (0x82, 0x6984, 0x6985, "R36"),
    (0x82, 0x6A88, 0x6A80, "R31"),
    (0x82, 0x63C0, 0x6300, "R33"),
    (0x88, 0x6A88, 0x6A86, "R32"),
    (0xDC, 0x6988, 0x6982, "UC-3.4-cipher-mac"),
    (0xDC, 0x6984, 0x6985, "R36"),
    (0xDC, 0x6987, 0x6988, "R16"),
    (0xDC, 0x6A80, 0x9000, "R28"),
    (0xDC, 0x6A83, 0x6A86, "R9"),
    (0xA4, 0x6A82, 0x6A83, "R2"),
    (0xA4, 0x6A81, 0x6985, "R41"),
    (0xA4, 0x6A86, 0x6B00, "R4"),
    (0xB2, 0x6A83, 0x6A82, "R18"),
    (0xB0, 0x6B00, 0x6A84, "R11"),
    (0xD6, 0x6A84, 0x6B00, "R15"),
    (0xB2, 0x6986, 0x6985, "R6"),
    (0xB2, 0x6981, 0x6986, "R7"),
    (0x18, 0x9303, 0x6A81, "R42"),
    (0x1E, 0x6985, 0x6A81, "R39"),
    (0xCA, 0x6D00, 0x6E00, "R9"),
    (0xFF, 0x6E00, 0x6D00, "R9"),
];

const SAM: [(u8, u16, u16, &str); 10] = [
    (0xFA, 0x6901, 0x6985, "R50"),
    (0xFA, 0x6985, 0x6A80, "R52"),
    (0xFA, 0x6700, 0x6A80, "R53"),
    (0xDE, 0x6A80, 0x6985, "R51"),
    (0xDE, 0x6A88, 0x6A80, "R51"),
    (0xDE, 0x6982, 0x6985, "R66"),
    (0x20, 0x63C0, 0x6300, "R54"),
    (0x20, 0x6983, 0x6982, "D18"),
    (0xD6, 0x6982, 0x6D00, "R55"),
    (0xC4, 0x6700, 0x6A80, "R57"),
];

/// All of them.
#[must_use]
pub fn mutants() -> Vec<Mutant> {
    let rows = |kind: Kind, table: &[(u8, u16, u16, &str)]| -> Vec<Mutant> {
        let one = |(ins, from, to, clause): &(u8, u16, u16, &str)| {
            let id = format!(
                "{}word-{ins:02X}-{from:04X}-{to:04X}",
                if kind == Kind::Sam { "sam-" } else { "" }
            );
            let what = format!("INS {ins:02X} answers {to:04X} where {from:04X} is right");
            mutant(
                kind,
                &id,
                clause,
                &what,
                Fault::Word {
                    ins: *ins,
                    from: *from,
                    to: *to,
                },
            )
        };
        table.iter().map(one).collect()
    };
    let mut all = rows(Kind::UserCard, &CARD);
    all.extend(rows(Kind::Sam, &SAM));
    all
}
