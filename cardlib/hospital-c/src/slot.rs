//! One reader: its card connected when it is needed, the card that was powered told from another one, and raw commands.
//!
//! A program that powered a card means that card. Until the next `PowerOn` another card in the same reader is "no card": what
//! was read from one person's card is never written on another's. Cards are told apart by their answer to reset, which
//! carries the card's factor (D5).

use cardlib_reader::pcsc::{PcscCard, Readers, Sharing};
use cardlib_reader::{Answered, Card, ReaderError, Transaction};

use crate::config::DeviceConfig;

/// A reader of a device.
pub struct Slot {
    wanted: String,
    limit: Option<std::time::Duration>,
    card: Option<PcscCard>,
    /// ATR of the card that was powered.
    powered: Option<Vec<u8>>,
    /// A transaction of `SendAPDU` is open.
    raw: bool,
}

impl Slot {
    #[must_use]
    pub fn new(wanted: &str, device: &DeviceConfig) -> Self {
        Self {
            wanted: wanted.to_owned(),
            limit: device.limit,
            card: None,
            powered: None,
            raw: false,
        }
    }

    /// Whole name of the reader.
    ///
    /// # Errors
    /// [`ReaderError`] when it is not there.
    pub fn name(&self) -> Result<String, ReaderError> {
        Readers::open()?.find(&self.wanted)
    }

    /// Resets the card in the reader and takes it for the one that is meant from now on.
    ///
    /// # Errors
    /// [`ReaderError`] when there is none.
    pub fn power(&mut self) -> Result<Vec<u8>, ReaderError> {
        self.end_raw();
        self.card = None;
        self.powered = None;
        let card = self.connected()?;
        let transaction = Transaction::begin(card)?;
        let atr = transaction.atr().to_vec();
        transaction.end()?;
        self.powered = Some(atr.clone());
        Ok(atr)
    }

    /// The card for a flow; a raw transaction ends before.
    ///
    /// # Errors
    /// [`ReaderError`] when there is none.
    pub fn card(&mut self) -> Result<Meant<'_>, ReaderError> {
        self.end_raw();
        self.connected()?;
        match &mut self.card {
            Some(card) => Ok(Meant {
                card,
                powered: self.powered.as_deref(),
                swapped: false,
            }),
            None => Err(ReaderError::NoCard(self.wanted.clone())),
        }
    }

    /// One command as it is, in a transaction that lasts until a flow, `power` or the end.
    ///
    /// # Errors
    /// [`ReaderError`]; the transaction has ended then.
    pub fn send(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let sent = self.send_open(command);
        if sent.is_err() {
            self.forget();
        }
        sent
    }

    fn send_open(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        if !self.raw {
            self.card()?.begin()?;
            self.raw = true;
        }
        self.connected()?.transmit(command)
    }

    /// ATR of the card that was powered.
    #[must_use]
    pub fn powered(&self) -> Option<&[u8]> {
        self.powered.as_deref()
    }

    /// ATR of the card of the last flow.
    #[must_use]
    pub fn atr(&self) -> Option<&[u8]> {
        self.card.as_ref().map(Card::atr)
    }

    /// Lets go of a card that made trouble: the next use connects anew.
    pub fn forget(&mut self) {
        self.end_raw();
        self.card = None;
    }

    fn connected(&mut self) -> Result<&mut PcscCard, ReaderError> {
        let card = match self.card.take() {
            Some(card) => card,
            None => {
                let mut readers = Readers::open()?;
                if let Some(limit) = self.limit {
                    readers = readers.with_limit(limit);
                }
                readers.connect(&self.wanted, Sharing::Shared)?
            }
        };
        Ok(self.card.insert(card))
    }

    /// Ends a raw transaction in a reset.
    fn end_raw(&mut self) {
        if std::mem::take(&mut self.raw)
            && let Some(card) = &mut self.card
        {
            // A card that cannot be reset is gone, and with it its rights.
            let _ = card.end();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.end_raw();
    }
}

/// The card that was powered; another one is none.
pub struct Meant<'s> {
    card: &'s mut PcscCard,
    powered: Option<&'s [u8]>,
    swapped: bool,
}

impl Meant<'_> {
    /// Whether another card lay in the reader.
    #[must_use]
    pub const fn swapped(&self) -> bool {
        self.swapped
    }
}

impl Card for Meant<'_> {
    fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    fn begin(&mut self) -> Result<(), ReaderError> {
        self.card.begin()?;
        if self.powered.is_some_and(|atr| atr != self.card.atr()) {
            self.swapped = true;
            self.card.end()?;
            return Err(ReaderError::NoCard(self.card.reader().to_owned()));
        }
        Ok(())
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        self.card.transmit(command)
    }

    fn series(&mut self, commands: &[Vec<u8>]) -> (Vec<Answered>, Result<(), ReaderError>) {
        self.card.series(commands)
    }

    fn end(&mut self) -> Result<(), ReaderError> {
        self.card.end()
    }
}
