//! A card of another product: its own answer to reset, and one answer to everything.

use anyhow::Result;

use crate::frames::{Line, Said};
use crate::stack::Reader;

/// A GSM-like answer to reset that is none of ours (D6 begins `3B 6C 00 02`).
pub const ATR: &[u8] = &[
    0x3B, 0x9F, 0x95, 0x80, 0x1F, 0xC3, 0x80, 0x31, 0xE0, 0x73, 0xFE, 0x21, 0x13, 0x57, 0x86, 0x81,
    0x02, 0x86,
];

/// A card in a reader; dropped, it is pulled.
pub struct Foreign {
    line: Line,
}

impl Foreign {
    /// Puts a card with that answer to reset into the reader; it answers every command with `answer`.
    pub fn insert(reader: &Reader, atr: &'static [u8], answer: &'static [u8]) -> Result<Self> {
        let line = Line::connect(&reader.place)?;
        let mut card = line.again()?;
        // It ends with the reader, or when the card is pulled.
        std::thread::spawn(move || while serve_one(&mut card, atr, answer).is_ok() {});
        Ok(Self { line })
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.line.hang_up();
    }
}

fn serve_one(card: &mut Line, atr: &[u8], answer: &[u8]) -> Result<()> {
    let said = card.hear()?;
    if !said.is_answered(card.stack()) {
        return Ok(());
    }
    let answer = if matches!(said, Said::Command(_)) {
        answer
    } else {
        atr
    };
    card.answer(&said, answer)
}
