//! A card's non-volatile memory: a value, and the changes that every command makes to it.
//!
//! A command's changes are committed together, before its answer leaves the card, so after a power cut (or SIGKILL)
//! the old or the new state is there and nothing else (R71); a counter that must be spent before a comparison (R70) is
//! a commit of its own. With a state file behind it every commit is one `write` at the end of a journal and one of its
//! generation, so that a file cut back to an earlier commit is refused by name while a power cut is not (`frame`).
//!
//! Nothing is synced to the disk: the operating system's cache survives the end of this process, a simulator need not
//! survive the end of the machine, and a command must not take longer than a real card's. See `frame` and `journal`.

mod error;
mod frame;
mod journal;
pub mod medium;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{Kind, StateError};
use journal::Journal;
pub use medium::{Medium, Mount};

/// Something that lives in a card's memory.
pub trait Memory: Serialize + DeserializeOwned {
    /// One change.
    type Change: Serialize + DeserializeOwned;
    /// What the state file says it holds.
    const KIND: Kind;

    /// Makes a change. Changes come from checked commands or from a file whose checksum was right; one that does not
    /// fit the memory changes nothing.
    fn apply(&mut self, change: &Self::Change);
}

/// A memory, perhaps with a state file.
pub struct Nvm<M: Memory> {
    memory: M,
    journal: Option<Journal>,
}

impl<M: Memory> Nvm<M> {
    /// A memory that ends with the process.
    pub fn volatile(memory: M) -> Self {
        Self {
            memory,
            journal: None,
        }
    }

    /// Reads a state file.
    ///
    /// # Errors
    /// [`StateError`] says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        Self::open_on(path, medium::on_file())
    }

    /// Reads a state file and goes on writing through another medium, for tests of tearing.
    ///
    /// # Errors
    /// [`StateError`] says what is wrong with the file.
    pub fn open_on(path: &Path, mount: Mount) -> Result<Self, StateError> {
        let (memory, journal) = Journal::open(path, mount)?;
        Ok(Self {
            memory,
            journal: Some(journal),
        })
    }

    /// A copy of what a state file holds, whoever uses it at the moment; the file is only read.
    ///
    /// # Errors
    /// [`StateError`] says what is wrong with the file.
    pub fn peek(path: &Path) -> Result<M, StateError> {
        journal::peek(path)
    }

    /// Begins a state file with this memory; an existing file is not touched.
    ///
    /// # Errors
    /// [`StateError`], also when the file exists.
    pub fn create(path: &Path, memory: M) -> Result<Self, StateError> {
        let journal = Journal::create(path, &memory, medium::on_file())?;
        Ok(Self {
            memory,
            journal: Some(journal),
        })
    }

    /// What is in the memory.
    pub fn get(&self) -> &M {
        &self.memory
    }

    /// Makes changes durable, then writes the file anew, so that nothing of what was there before is left in it.
    ///
    /// # Errors
    /// [`StateError`]; if the changes were not made, the memory is as it was.
    pub fn commit_and_forget(&mut self, changes: &[M::Change]) -> Result<(), StateError> {
        self.commit(changes)?;
        match &mut self.journal {
            Some(journal) => journal.rewrite(&self.memory),
            None => Ok(()),
        }
    }

    /// Makes changes durable, then visible.
    ///
    /// # Errors
    /// [`StateError`]; the memory is then as it was.
    pub fn commit(&mut self, changes: &[M::Change]) -> Result<(), StateError> {
        if let Some(journal) = &mut self.journal {
            journal.append(changes)?;
        }
        for change in changes {
            self.memory.apply(change);
        }
        if let Some(journal) = &mut self.journal
            && journal.is_long()
            && let Err(cause) = journal.rewrite(&self.memory)
        {
            // The changes are safe; the file is only longer than it need be.
            tracing::warn!(%cause, "the state file could not be shortened");
        }
        Ok(())
    }
}
