//! A card that does nothing: it gives, in their order, the answers that a real card once gave. What it cannot be slower
//! than is what the reader, the daemon and its driver take.

use anyhow::{Context, Result};
use tests_stand::Reader;
use tests_stand::frames::{Line, Said};

/// A null card in a reader; dropped, it is pulled.
pub struct NullCard {
    line: Line,
}

impl NullCard {
    /// Puts it in.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn insert(reader: &Reader, atr: Vec<u8>, answers: Vec<Vec<u8>>) -> Result<Self> {
        let line = Line::connect(&reader.place).context("no reader for the null card")?;
        let mut card = line.again()?;
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            // It ends with the reader, or when it is pulled.
            while serve(&mut card, &atr, &mut answers).is_ok() {}
        });
        Ok(Self { line })
    }
}

impl Drop for NullCard {
    fn drop(&mut self) {
        self.line.hang_up();
    }
}

fn serve(card: &mut Line, atr: &[u8], answers: &mut impl Iterator<Item = Vec<u8>>) -> Result<()> {
    let said = card.hear()?;
    if !said.is_answered(card.stack()) {
        return Ok(());
    }
    if matches!(said, Said::Command(_)) {
        let answer = answers.next().unwrap_or_else(|| vec![0x6F, 0x00]);
        card.answer(&said, &answer)
    } else {
        card.answer(&said, atr)
    }
}
