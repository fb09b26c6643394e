//! A powered card, and the transaction that always ends in a reset: rights gained on a card do not outlive their flow.

use crate::channel::{Channel, in_turn};
use crate::error::ReaderError;
use crate::row::Answered;

/// A card in a reader. Commands go through a [`Transaction`] only.
pub trait Card {
    /// Answer to the last reset that was seen ([`Card::begin`] renews it).
    fn atr(&self) -> &[u8];

    /// Takes the card for itself.
    ///
    /// # Errors
    /// [`ReaderError`] when the card is gone or taken.
    fn begin(&mut self) -> Result<(), ReaderError>;

    /// One command inside a transaction.
    ///
    /// # Errors
    /// [`ReaderError`] when the transport failed.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError>;

    /// Several, as [`Channel::series`].
    fn series(&mut self, commands: &[Vec<u8>]) -> (Vec<Answered>, Result<(), ReaderError>) {
        in_turn(commands, |command| self.transmit(command))
    }

    /// Resets the card and gives it free.
    ///
    /// # Errors
    /// [`ReaderError`] when the card could not be reset, for instance because it is gone.
    fn end(&mut self) -> Result<(), ReaderError>;

    /// Begins a transaction; dropping it resets the card, whatever happened in between.
    ///
    /// # Errors
    /// [`ReaderError`] when the card is gone or taken.
    fn transaction(&mut self) -> Result<Transaction<'_>, ReaderError>
    where
        Self: Sized,
    {
        Transaction::begin(self)
    }
}

/// Exclusive use of a card until dropped.
pub struct Transaction<'a> {
    card: &'a mut dyn Card,
    open: bool,
}

impl<'a> Transaction<'a> {
    /// Takes the card.
    ///
    /// # Errors
    /// [`ReaderError`] when the card is gone or taken.
    pub fn begin(card: &'a mut dyn Card) -> Result<Self, ReaderError> {
        card.begin()?;
        Ok(Self { card, open: true })
    }

    /// The card's answer to reset.
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    /// Resets the card, and says whether that worked.
    ///
    /// # Errors
    /// [`ReaderError`] when the card could not be reset.
    pub fn end(mut self) -> Result<(), ReaderError> {
        self.open = false;
        self.card.end()
    }
}

impl Channel for Transaction<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        self.card.transmit(command)
    }

    fn series(&mut self, commands: &[Vec<u8>]) -> (Vec<Answered>, Result<(), ReaderError>) {
        self.card.series(commands)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open
            && let Err(cause) = self.card.end()
        {
            tracing::debug!(%cause, "the card could not be reset at the end of its transaction");
        }
    }
}
