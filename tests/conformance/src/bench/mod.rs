//! Where products lie while they are tested: PC/SC readers, or a virtual card in this process.

pub mod pcsc;
pub mod recipe;
pub mod virtual_product;

use std::time::Instant;

use cardlib_reader::row::{Answered, Asked};
use cardlib_reader::{Card, ReaderError};

use crate::step::Which;

/// A place with one or two chips.
pub trait Bench {
    /// The chip; `None` where this bench has none of this kind.
    ///
    /// # Errors
    /// [`ReaderError`] when it is not there now.
    fn chip(&mut self, which: Which) -> Result<Option<&mut dyn Card>, ReaderError>;

    /// Makes sample `number` (from 1) the product under test.
    ///
    /// # Errors
    /// What to tell the operator.
    fn sample(&mut self, number: u32) -> Result<(), String>;

    /// After a transport error: reconnects, waiting for as long as a reader may take to come back.
    ///
    /// # Errors
    /// [`ReaderError`] when it does not.
    fn recover(&mut self) -> Result<(), ReaderError>;

    /// The time by which commands are measured and bounded.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Whether the power can be cut inside a command.
    fn can_cut(&self) -> bool {
        false
    }

    /// Lets the power go inside the next command, at its `moment`th eighth: 0 before anything is written, 7 directly before the
    /// answer.
    ///
    /// # Errors
    /// Why it cannot.
    fn arm_cut(&mut self, which: Which, moment: u8) -> Result<(), String> {
        Err(format!(
            "this bench has no way to cut the {}'s power inside a command (moment {moment})",
            which.word()
        ))
    }

    /// Sends a row to a chip that is powered, and begins no command after `until`: the answers that came, and why no more did.
    fn row(
        &mut self,
        which: Which,
        asked: &[Asked],
        until: Instant,
    ) -> (Vec<Answered>, Result<(), ReaderError>) {
        let mut answered = Vec::with_capacity(asked.len());
        for one in asked {
            let begun = self.now();
            if begun > until {
                break;
            }
            let answer = match self.chip(which) {
                Ok(Some(chip)) => chip.transmit(&one.command),
                Ok(None) => Err(ReaderError::NoCard(which.word().to_owned())),
                Err(cause) => Err(cause),
            };
            let answer = match answer {
                Ok(answer) => answer,
                Err(cause) => return (answered, Err(cause)),
            };
            let goes_on = answer == one.wanted;
            let took = self.now().saturating_duration_since(begun);
            answered.push(Answered {
                answer: answer.into(),
                took,
            });
            if !goes_on {
                break;
            }
        }
        (answered, Ok(()))
    }

    /// What it is, for the report.
    fn describe(&self) -> String;
}
