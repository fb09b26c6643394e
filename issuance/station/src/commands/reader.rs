//! A PC/SC reader as a slot into which somebody puts cards.

use std::time::Duration;

use cardlib_reader::pcsc::{PcscCard, Presence, Readers, Sharing};
use cardlib_reader::{Card, ReaderError};

use crate::fault::Fault;
use crate::run::Slot;

/// A reader of the PC/SC daemon.
pub struct PcscSlot {
    readers: Readers,
    name: String,
    wait: Duration,
    /// What the reader had counted when the last card was reached.
    events: u32,
}

impl PcscSlot {
    /// Finds the reader.
    ///
    /// # Errors
    /// No daemon, no such reader.
    pub fn open(name: &str, wait: Duration, silence: Duration) -> Result<Self, ReaderError> {
        let readers = Readers::open()?.with_limit(silence);
        let name = readers.find(name)?;
        Ok(Self {
            readers,
            name,
            wait,
            events: 0,
        })
    }

    /// Waits for a card and takes it, so that no other program comes between.
    ///
    /// # Errors
    /// None came in time, another program holds it, or the reader failed.
    pub fn connect(&mut self) -> Result<PcscCard, ReaderError> {
        if !self
            .readers
            .wait(&self.name, Presence::Present, self.wait)?
        {
            // Says why: empty, or a card that is mute.
            return Err(match self.readers.look(&self.name)?.card {
                Presence::Mute => ReaderError::Mute(self.name.clone()),
                _ => ReaderError::NoCard(self.name.clone()),
            });
        }
        let card = self.readers.connect(&self.name, Sharing::Exclusive)?;
        self.events = card.events();
        Ok(card)
    }
}

impl Slot for PcscSlot {
    fn card(&mut self) -> Result<Box<dyn Card>, Fault> {
        Ok(Box::new(self.connect()?))
    }

    fn removed(&mut self) -> Result<(), Fault> {
        // Quick hands have the next card in before anybody looks: what counts is that this one is out.
        match self.readers.wait_out(&self.name, self.events, self.wait)? {
            true => Ok(()),
            false => Err(Fault::NotRemoved),
        }
    }
}
