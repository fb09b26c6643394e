//! A script of the key service, made ready before the card is touched and then sent phase by phase.
//!
//! The station sees only APDUs that the card alone can open; it compares the status word of each and the card's
//! cryptogram where the service foretold it.

use cardlib_card::apdu::{Command, Response};
use cardlib_reader::{Channel, ReaderError, exchange_all};
use kms_api::{AnswerKind, Script};
use subtle::ConstantTimeEq;

use crate::fault::Fault;

/// One phase, decoded.
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    steps: Vec<Step>,
}

struct Step {
    command: Command,
    status: u16,
    tail: Option<Vec<u8>>,
    answer: Option<AnswerKind>,
}

/// Commands that are left of a phase when the next one is announced: time enough for the disk.
const LAST_FEW: usize = 4;

/// Names of the phases that a script may have.
const NAMES: [&str; 6] = ["open", "files", "keys", "data", "activate", "finish"];

/// Decodes a whole script.
///
/// # Errors
/// Something in it is no command, no status word or no phase.
pub fn ready(script: &Script) -> Result<Vec<Phase>, Fault> {
    script
        .phases
        .iter()
        .map(|phase| {
            let name = NAMES
                .into_iter()
                .find(|name| *name == phase.name)
                .ok_or(Fault::Script("unknown phase"))?;
            let steps = phase.steps.iter().map(step).collect::<Result<_, _>>()?;
            Ok(Phase { name, steps })
        })
        .collect()
}

fn step(step: &kms_api::Step) -> Result<Step, Fault> {
    let bytes = hex::decode(&step.apdu).map_err(|_| Fault::Script("an APDU is not hexadecimal"))?;
    let command =
        Command::parse(&bytes).map_err(|_| Fault::Script("an APDU has a wrong length"))?;
    let status = u16::from_str_radix(&step.sw, 16)
        .map_err(|_| Fault::Script("a status word is not hexadecimal"))?;
    let tail = step
        .expect_tail
        .as_deref()
        .map(hex::decode)
        .transpose()
        .map_err(|_| Fault::Script("a cryptogram is not hexadecimal"))?;
    Ok(Step {
        command,
        status,
        tail,
        answer: step.answer,
    })
}

impl Phase {
    /// Sends the phase; the answer data that the station has to keep (a SAM's public key and proof). `near_end` is called
    /// once, when only a few commands are left.
    ///
    /// # Errors
    /// The card refuses, is not the card it should be, or is gone.
    pub fn run(
        &self,
        channel: &mut dyn Channel,
        near_end: &mut dyn FnMut() -> Result<(), Fault>,
    ) -> Result<Vec<(AnswerKind, Vec<u8>)>, Fault> {
        let mut kept = Vec::new();
        let last_few = self.steps.len().saturating_sub(LAST_FEW);
        let mut done = 0;
        while done < self.steps.len() {
            if done == last_few {
                near_end()?;
            }
            let end = if done < last_few {
                last_few
            } else {
                self.steps.len()
            };
            let steps = self.independent(done, end);
            let commands: Vec<_> = steps.iter().map(|step| step.command.clone()).collect();
            let answers = exchange_all(channel, &commands).map_err(|error| match error {
                ReaderError::Endless(_) => self.refused(done, "61xx"),
                error => Fault::Reader(error),
            })?;
            for (step, answer) in steps.iter().zip(answers) {
                kept.extend(self.examine(done, step, answer)?);
                done += 1;
            }
        }
        Ok(kept)
    }

    /// The next steps, as many as may go before the answer to one of them is looked at: only a status word other than
    /// `9000` ends such a row by itself.
    fn independent(&self, done: usize, end: usize) -> &[Step] {
        let rest = &self.steps[done..end];
        let looked_at = |step: &Step| step.tail.is_some() || step.answer.is_some();
        let count = rest
            .iter()
            .position(looked_at)
            .map_or(rest.len(), |at| at + 1);
        &rest[..count]
    }

    /// Compares an answer with what was foretold; the data that are to be kept.
    fn examine(
        &self,
        index: usize,
        step: &Step,
        answer: Response,
    ) -> Result<Option<(AnswerKind, Vec<u8>)>, Fault> {
        if answer.status.0 != step.status {
            return Err(self.refused(index, &answer.status.to_string()));
        }
        if let Some(tail) = &step.tail {
            let there = answer
                .data
                .len()
                .checked_sub(tail.len())
                .map(|at| &answer.data[at..]);
            if !there.is_some_and(|there| bool::from(there.ct_eq(tail))) {
                return Err(Fault::Cryptogram);
            }
        }
        Ok(step.answer.map(|kind| (kind, answer.data)))
    }

    fn refused(&self, index: usize, status: &str) -> Fault {
        Fault::Refused {
            phase: self.name,
            step: index + 1,
            status: status.to_owned(),
        }
    }
}
