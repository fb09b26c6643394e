//! A simulated card in the same process: one function that takes resets and commands.

use crate::card::Card;
use crate::error::ReaderError;

/// What happens to the card.
pub enum Signal<'a> {
    /// Power on or reset: the answer is the ATR.
    Reset,
    /// A command APDU: the answer is the answer APDU, fewer than two bytes for a card that vanished.
    Command(&'a [u8]),
}

/// A card made of a function.
pub struct InProcess<F> {
    card: F,
    atr: Vec<u8>,
    busy: bool,
}

impl<F: FnMut(Signal<'_>) -> Vec<u8>> InProcess<F> {
    /// Powers the card on.
    pub fn new(mut card: F) -> Self {
        let atr = card(Signal::Reset);
        Self {
            card,
            atr,
            busy: false,
        }
    }
}

impl<F: FnMut(Signal<'_>) -> Vec<u8>> Card for InProcess<F> {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn begin(&mut self) -> Result<(), ReaderError> {
        self.busy = true;
        Ok(())
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        if !self.busy {
            return Err(ReaderError::NoTransaction);
        }
        let answer = (self.card)(Signal::Command(command));
        if answer.len() < 2 {
            Err(ReaderError::CardLost)
        } else {
            Ok(answer)
        }
    }

    fn end(&mut self) -> Result<(), ReaderError> {
        self.busy = false;
        self.atr = (self.card)(Signal::Reset);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::channel::Channel;

    #[test]
    fn a_transaction_ends_in_a_reset_also_on_error() {
        let resets = Cell::new(0);
        let mut card = InProcess::new(|signal: Signal<'_>| match signal {
            Signal::Reset => {
                resets.set(resets.get() + 1);
                vec![0x3B, resets.get()]
            }
            Signal::Command(_) => vec![0x90],
        });
        assert_eq!((resets.get(), card.atr()), (1, &[0x3B, 1][..]));
        {
            let mut transaction = card.transaction().expect("begin");
            assert_eq!(
                transaction.transmit(&[0, 0x84, 0, 0, 8]),
                Err(ReaderError::CardLost)
            );
        }
        assert_eq!((resets.get(), card.atr()), (2, &[0x3B, 2][..]));
        card.transaction().expect("begin").end().expect("end");
        assert_eq!(resets.get(), 3);
    }

    #[test]
    fn nothing_is_sent_outside_a_transaction() {
        let mut card = InProcess::new(|_: Signal<'_>| vec![0x90, 0]);
        assert_eq!(
            Card::transmit(&mut card, &[0, 0x84, 0, 0, 8]),
            Err(ReaderError::NoTransaction)
        );
    }
}
