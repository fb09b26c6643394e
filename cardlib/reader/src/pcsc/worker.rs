//! The thread that makes the PC/SC calls of one card.

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pcsc::{Card, Context, Disposition, Protocols, ShareMode, Transaction};
use zeroize::Zeroize;

use super::fault::{self, Place};
use super::{ReaderInfo, Spare, c_name, establish, look, presence_after_fault};
use crate::error::ReaderError;
use crate::watchdog::{Answer, Inbox, Order, Outbox, Server};

/// Large enough for any answer: with a smaller one the answer would be lost (InsufficientBuffer). So large that the
/// allocator takes it from the system as it is, and pages that no answer touches are never there.
const ROOM: usize = 1 << 18;
const _: () = assert!(ROOM >= pcsc::MAX_BUFFER_SIZE_EXTENDED);

/// What PC/SC Lite allows a reader's name, and the two zeros at the end of a list of names.
const READER_NAME: usize = 128 + 2;

/// Which card, and for whom else. Everything that may wait for a card happens on its thread, connecting included, and
/// in a context of its own: a call that waits locks its context for everybody.
pub(super) struct Worker {
    /// Where a context is taken from, if there is one, and given back to.
    pub(super) spare: Arc<Spare>,
    pub(super) place: Place,
    pub(super) mode: ShareMode,
    /// Where is told what the reader had counted when the card was reached.
    pub(super) events: Arc<AtomicU32>,
}

/// A card that was reached.
struct Connected {
    context: Context,
    card: Card,
    /// What the reader had counted.
    events: u32,
}

impl Worker {
    fn connect(&mut self) -> Result<(Connected, Vec<u8>), ReaderError> {
        let name = self.place.name();
        let context = match self.spare.take() {
            Some(context) => context,
            None => establish()?,
        };
        // Right after insertion the daemon may still be powering the card: its state tells what an error meant.
        let card = context
            .connect(&c_name(&name)?, self.mode, Protocols::ANY)
            .map_err(|cause| fault::after(cause, &self.place, || look(&context, &name)))?;
        let ReaderInfo { events, atr, .. } = look(&context, &name)?;
        self.events.store(events, Ordering::Release);
        let reached = Connected {
            context,
            card,
            events,
        };
        Ok((reached, atr))
    }
}

/// How a transaction's loop came to its end.
enum Ended {
    /// In a reset, with this result.
    Reset(Answer),
    /// The caller is gone.
    Quit,
}

impl Server for Worker {
    fn serve(mut self, orders: &mut Inbox<Order>, answers: &Outbox<Answer>) {
        let (mut connected, atr) = match self.connect() {
            Ok(reached) => reached,
            Err(error) => {
                // A caller who does not wait any more has been told of the silence.
                answers.send(Err(error)).ok();
                return;
            }
        };
        if answers.send(Ok(atr.clone())).is_err() {
            return;
        }
        let mut buffer = vec![0; ROOM];
        // A card that nobody else may use cannot have been reset since.
        let mut standing = match self.mode {
            ShareMode::Exclusive => Standing::Fresh(atr),
            _ => Standing::Unknown,
        };
        while let Some(order) = orders.take() {
            let answer = match order {
                Order::Begin => {
                    let Connected {
                        context,
                        card,
                        events,
                    } = &mut connected;
                    let place = &self.place;
                    match begin(card, self.mode, place, &standing) {
                        Err(error) => Err(error),
                        Ok((hold, atr)) => {
                            if answers.send(Ok(atr)).is_err() {
                                return;
                            }
                            standing = match hold {
                                Hold::Sole(_) => Standing::Unknown,
                                Hold::Taken(_) => Standing::Stale,
                            };
                            let held = Held {
                                context,
                                place,
                                events: *events,
                                hold,
                                lost: false,
                            };
                            match held.serve(orders, answers, &mut buffer) {
                                Ended::Reset(answer) => answer,
                                Ended::Quit => return,
                            }
                        }
                    }
                }
                Order::Transmit(..) | Order::End => Err(ReaderError::NoTransaction),
            };
            if answers.send(answer).is_err() {
                return;
            }
        }
        match connected.card.disconnect(Disposition::ResetCard) {
            Ok(()) => self.spare.keep(connected.context),
            Err((_, cause)) => tracing::debug!(%cause, "disconnecting from the reader failed"),
        }
    }
}

/// What is known of a connection before a transaction.
enum Standing {
    /// Just made, with this answer to reset.
    Fresh(Vec<u8>),
    /// Its card may have been reset by others.
    Unknown,
    /// Its card was reset at the end of our own transaction.
    Stale,
}

/// Takes the card. A connection whose card was reset in between, by us or by others, is renewed first.
fn begin<'a>(
    card: &'a mut Card,
    mode: ShareMode,
    place: &Place,
    standing: &Standing,
) -> Result<(Hold<'a>, Vec<u8>), ReaderError> {
    let failed = |cause| fault::of(cause, place);
    let mut found = match standing {
        Standing::Fresh(atr) => Some(atr.clone()),
        Standing::Unknown => atr(card).map_err(failed)?,
        Standing::Stale => None,
    };
    if found.is_none() {
        card.reconnect(mode, Protocols::ANY, Disposition::LeaveCard)
            .map_err(failed)?;
        found = atr(card).map_err(failed)?;
    }
    let atr = found.ok_or(ReaderError::Reset)?;
    let hold = match mode {
        ShareMode::Exclusive => Hold::Sole(card),
        _ => Hold::Taken(card.transaction().map_err(failed)?),
    };
    Ok((hold, atr))
}

/// How a card is kept from others meanwhile.
enum Hold<'a> {
    /// Its connection is exclusive: the daemon has nothing to add.
    Sole(&'a mut Card),
    Taken(Transaction<'a>),
}

impl Hold<'_> {
    fn card(&self) -> &Card {
        match self {
            Self::Sole(card) => card,
            Self::Taken(transaction) => transaction,
        }
    }

    /// Ends in a reset.
    fn end(self) -> Result<(), pcsc::Error> {
        match self {
            Self::Sole(card) => {
                card.reconnect(ShareMode::Exclusive, Protocols::ANY, Disposition::ResetCard)
            }
            Self::Taken(transaction) => transaction
                .end(Disposition::ResetCard)
                .map_err(|(_, cause)| cause),
        }
    }
}

/// The card's answer to reset, or none where the connection has to be renewed. One question to the daemon: the room for the
/// reader's name is what PC/SC allows.
fn atr(card: &Card) -> Result<Option<Vec<u8>>, pcsc::Error> {
    let (mut names, mut atr) = ([0; READER_NAME], [0; pcsc::MAX_ATR_SIZE]);
    match card.status2(&mut names, &mut atr) {
        Ok(status) => Ok(Some(status.atr().to_vec())),
        Err(pcsc::Error::ResetCard) => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// A card inside a transaction.
struct Held<'a> {
    context: &'a Context,
    place: &'a Place,
    events: u32,
    hold: Hold<'a>,
    /// The card went away in this transaction; one that is put back now is another.
    lost: bool,
}

impl Held<'_> {
    fn serve(
        mut self,
        orders: &mut Inbox<Order>,
        answers: &Outbox<Answer>,
        buffer: &mut [u8],
    ) -> Ended {
        while let Some(order) = orders.take() {
            let answer = match order {
                Order::Transmit(row, pulse) => row
                    .send(|command| {
                        pulse.beat();
                        self.transmit(command, buffer)
                    })
                    .map(|()| Vec::new()),
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

    fn transmit(&mut self, command: &[u8], buffer: &mut [u8]) -> Result<Vec<u8>, ReaderError> {
        if self.lost {
            return Err(ReaderError::CardLost);
        }
        let answer = self.transmit_once(command, buffer);
        self.lost = answer == Err(ReaderError::CardLost);
        answer
    }

    fn transmit_once(&self, command: &[u8], buffer: &mut [u8]) -> Result<Vec<u8>, ReaderError> {
        match self.hold.card().transmit(command, buffer) {
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
                    presence_after_fault(self.context, &name, self.events),
                ))
            }
        }
    }

    fn end(self) -> Answer {
        let place = self.place;
        let ended = self.hold.end();
        ended
            .map(|()| Vec::new())
            .map_err(|cause| fault::of(cause, place))
    }
}
