//! A row of commands, none of which depends on another's answer, each with the status word without which the next is not sent.
//! Whoever sends thousands of them wakes the reader's worker once for many, and still learns what each took.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroize;

use crate::error::ReaderError;
use crate::watchdog::Pulse;

/// A command, and the answer that lets the row go on: this status word, no data.
#[derive(Clone)]
pub struct Asked {
    pub command: Vec<u8>,
    pub wanted: [u8; 2],
}

/// What came, and how long it took.
pub struct Answered {
    pub answer: Vec<u8>,
    pub took: Duration,
}

/// A row under way, shared with the worker: where that never comes back, what was answered before is not lost.
pub struct Row {
    asked: Vec<Asked>,
    until: Instant,
    answered: Mutex<Vec<Answered>>,
}

impl Row {
    /// After `until` no command is begun any more.
    pub(crate) fn new(asked: Vec<Asked>, until: Instant) -> Self {
        let answered = Mutex::new(Vec::with_capacity(asked.len()));
        Self {
            asked,
            until,
            answered,
        }
    }

    /// Sends one command after the other.
    ///
    /// # Errors
    /// The transport's; answers before it are kept.
    pub(crate) fn send(
        &self,
        pulse: &Pulse,
        mut transmit: impl FnMut(&[u8]) -> Result<Vec<u8>, ReaderError>,
    ) -> Result<(), ReaderError> {
        for asked in &self.asked {
            let begun = Instant::now();
            if begun > self.until {
                break;
            }
            pulse.beat();
            let answer = transmit(&asked.command)?;
            let took = begun.elapsed();
            let goes_on = answer == asked.wanted;
            self.kept().push(Answered { answer, took });
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// The answers so far, each given once.
    pub(crate) fn take(&self) -> Vec<Answered> {
        std::mem::take(&mut *self.kept())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Answered>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        self.asked
            .iter_mut()
            .for_each(|asked| asked.command.zeroize());
        let left = self.take();
        left.into_iter().for_each(|mut each| each.answer.zeroize());
    }
}
