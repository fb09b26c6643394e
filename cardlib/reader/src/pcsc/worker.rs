//! The thread that makes the PC/SC calls of one card.

use std::ffi::CString;
use std::sync::mpsc::{Receiver, Sender};

use pcsc::{Card, Context, Disposition, Protocols, ShareMode, Transaction};
use zeroize::Zeroize;

use super::fault::{self, Place};
use super::presence_after_fault;
use crate::error::ReaderError;
use crate::watchdog::{Answer, Order, Server};

pub(super) struct Worker {
    pub(super) context: Context,
    pub(super) card: Card,
    pub(super) mode: ShareMode,
    pub(super) place: Place,
}

/// How a transaction's loop came to its end.
enum Ended {
    /// In a reset, with this result.
    Reset(Answer),
    /// The caller is gone.
    Quit,
}

impl Server for Worker {
    fn serve(mut self, orders: &Receiver<Order>, answers: &Sender<Answer>) {
        // Large enough for any answer: with a smaller one the answer would be lost (InsufficientBuffer).
        let mut buffer = vec![0; pcsc::MAX_BUFFER_SIZE_EXTENDED];
        let mut stale = false;
        while let Ok(order) = orders.recv() {
            let answer = match order {
                Order::Begin => {
                    let Self {
                        context,
                        card,
                        mode,
                        place,
                    } = &mut self;
                    match begin(card, *mode, place, stale) {
                        Err(error) => Err(error),
                        Ok((transaction, atr)) => {
                            if answers.send(Ok(atr)).is_err() {
                                return;
                            }
                            stale = true; // the reset at its end makes our own connection stale too
                            let held = Held {
                                context,
                                place,
                                transaction,
                                lost: false,
                            };
                            match held.serve(orders, answers, &mut buffer) {
                                Ended::Reset(answer) => answer,
                                Ended::Quit => return,
                            }
                        }
                    }
                }
                Order::Transmit(_) | Order::End => Err(ReaderError::NoTransaction),
            };
            if answers.send(answer).is_err() {
                return;
            }
        }
        if let Err((_, cause)) = self.card.disconnect(Disposition::ResetCard) {
            tracing::debug!(%cause, "disconnecting from the reader failed");
        }
    }
}

/// Takes the card. A connection whose card was reset in between, by us or by others, is renewed first.
fn begin<'a>(
    card: &'a mut Card,
    mode: ShareMode,
    place: &Place,
    stale: bool,
) -> Result<(Transaction<'a>, Vec<u8>), ReaderError> {
    let failed = |cause| fault::of(cause, place);
    if stale || matches!(card.status2_owned(), Err(pcsc::Error::ResetCard)) {
        card.reconnect(mode, Protocols::ANY, Disposition::LeaveCard)
            .map_err(failed)?;
    }
    let atr = card.status2_owned().map_err(failed)?.atr().to_vec();
    Ok((card.transaction().map_err(failed)?, atr))
}

/// A card inside a transaction.
struct Held<'a> {
    context: &'a Context,
    place: &'a Place,
    transaction: Transaction<'a>,
    /// The card went away in this transaction; one that is put back now is another.
    lost: bool,
}

impl Held<'_> {
    fn serve(
        mut self,
        orders: &Receiver<Order>,
        answers: &Sender<Answer>,
        buffer: &mut [u8],
    ) -> Ended {
        while let Ok(order) = orders.recv() {
            let answer = match order {
                Order::Transmit(command) => self.transmit(&command, buffer),
                Order::Begin => Err(ReaderError::InUse(self.place.name())),
                Order::End => return Ended::Reset(self.end()),
            };
            if answers.send(answer).is_err() {
                break;
            }
        }
        // The caller vanished without ending: the card is reset all the same.
        drop(self.end());
        Ended::Quit
    }

    fn transmit(&mut self, command: &[u8], buffer: &mut [u8]) -> Answer {
        if self.lost {
            return Err(ReaderError::CardLost);
        }
        let answer = self.transmit_once(command, buffer);
        self.lost = answer == Err(ReaderError::CardLost);
        answer
    }

    fn transmit_once(&self, command: &[u8], buffer: &mut [u8]) -> Answer {
        match self.transaction.transmit(command, buffer) {
            Ok(answer) if answer.len() < 2 => Err(ReaderError::CardLost),
            Ok(answer) => {
                let (copy, len) = (answer.to_vec(), answer.len());
                buffer[..len].zeroize();
                Ok(copy)
            }
            Err(cause) => {
                let name = CString::new(self.place.name()).unwrap_or_default();
                Err(fault::during(
                    cause,
                    self.place,
                    presence_after_fault(self.context, &name),
                ))
            }
        }
    }

    fn end(self) -> Answer {
        let place = self.place;
        match self.transaction.end(Disposition::ResetCard) {
            Ok(()) => Ok(Vec::new()),
            Err((_, cause)) => Err(fault::of(cause, place)),
        }
    }
}
