//! A row of commands, none of which depends on another's answer. Whoever sends many wakes the reader's worker once for all,
//! and still learns what each took.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zeroize::{Zeroize, Zeroizing};

use crate::channel::whole;
use crate::error::ReaderError;

/// A command, and the answer that lets the row go on: this status word, no data.
#[derive(Clone)]
pub struct Asked {
    pub command: Vec<u8>,
    pub wanted: [u8; 2],
}

/// What came, and how long it took.
pub struct Answered {
    /// May hold personal data.
    pub answer: Zeroizing<Vec<u8>>,
    pub took: Duration,
}

/// How much of an answer is taken, and after which the next command is sent.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// The answer as it comes; exactly this status word.
    Exactly([u8; 2]),
    /// The whole answer, as [`crate::Channel::series`]; one that ends in `9000`.
    Whole,
}

/// Sends one command after the other, none of them after `until`, and gives each answer to `keep`.
///
/// # Errors
/// The transport's; answers before it are kept.
pub(crate) fn run<'a>(
    commands: impl IntoIterator<Item = (&'a [u8], Rule)>,
    until: Option<Instant>,
    mut transmit: impl FnMut(&[u8]) -> Result<Vec<u8>, ReaderError>,
    mut keep: impl FnMut(Answered),
) -> Result<(), ReaderError> {
    for (command, rule) in commands {
        let begun = Instant::now();
        if until.is_some_and(|until| begun > until) {
            break;
        }
        let (answer, goes_on) = match rule {
            Rule::Exactly(wanted) => {
                let answer = transmit(command)?;
                let goes_on = answer == wanted;
                (answer, goes_on)
            }
            Rule::Whole => {
                let answer = whole(command, &mut transmit)?;
                let goes_on = answer.ends_with(&[0x90, 0x00]);
                (answer, goes_on)
            }
        };
        let (answer, took) = (Zeroizing::new(answer), begun.elapsed());
        keep(Answered { answer, took });
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// A row under way, shared with the worker: where that never comes back, what was answered before is not lost.
pub struct Row {
    asked: Vec<(Vec<u8>, Rule)>,
    until: Option<Instant>,
    answered: Mutex<Vec<Answered>>,
}

impl Row {
    /// After `until` no command is begun any more.
    pub(crate) fn exactly(asked: Vec<Asked>, until: Option<Instant>) -> Self {
        let asked = asked
            .into_iter()
            .map(|one| (one.command, Rule::Exactly(one.wanted)));
        Self::new(asked.collect(), until)
    }

    /// Each to its whole answer.
    pub(crate) fn series(commands: &[Vec<u8>]) -> Self {
        let asked = commands.iter().map(|one| (one.clone(), Rule::Whole));
        Self::new(asked.collect(), None)
    }

    fn new(asked: Vec<(Vec<u8>, Rule)>, until: Option<Instant>) -> Self {
        let answered = Mutex::new(Vec::with_capacity(asked.len()));
        Self {
            asked,
            until,
            answered,
        }
    }

    /// Sends it.
    ///
    /// # Errors
    /// The transport's; answers before it are kept.
    pub(crate) fn send(
        &self,
        transmit: impl FnMut(&[u8]) -> Result<Vec<u8>, ReaderError>,
    ) -> Result<(), ReaderError> {
        let commands = self
            .asked
            .iter()
            .map(|(command, rule)| (&command[..], *rule));
        let keep = |one| self.kept().push(one);
        run(commands, self.until, transmit, keep)
    }

    /// The answers so far, each given once.
    pub(crate) fn take(&self) -> Vec<Answered> {
        std::mem::take(&mut *self.kept())
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Answered>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        self.asked
            .iter_mut()
            .for_each(|(command, _)| command.zeroize());
    }
}
