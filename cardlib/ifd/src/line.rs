//! The electrical side of a reader: power, commands, time limits, and the faults that were ordered.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zeroize::Zeroizing;

use crate::codes::{
    Code, IFD_COMMUNICATION_ERROR, IFD_ERROR_INSUFFICIENT_BUFFER, IFD_ERROR_POWER_ACTION,
    IFD_ICC_NOT_PRESENT, IFD_NO_SUCH_DEVICE, IFD_RESPONSE_TIMEOUT, MAX_ATR,
};
use crate::eager::Habit;
use crate::wire::{self, Frame, Frames, Order, WireError};

/// How long a card may take, unless it orders otherwise.
const LIMIT: Duration = Duration::from_secs(30);
/// How long a card may take for its answer to reset: the daemon looks at no other event of the reader meanwhile.
const RESET_LIMIT: Duration = Duration::from_secs(2);
/// What an answer is made longer with.
const JUNK: u8 = 0xA5;

/// Why the reader could not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No card is in, or it left in the middle.
    NoCard,
    /// The card did not answer in time; it must be reset before the next command.
    Mute,
    /// The card gave no usable answer to reset.
    NoAtr,
    /// The card spoke out of turn or not in frames and was thrown out, or has no power.
    Broken,
    /// The answer is longer than the program's buffer.
    TooLong,
    /// The reader was unplugged.
    Gone,
}

impl Trouble {
    /// What pcscd is told.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::NoCard => IFD_ICC_NOT_PRESENT,
            Self::Mute => IFD_RESPONSE_TIMEOUT,
            Self::NoAtr => IFD_ERROR_POWER_ACTION,
            Self::Broken => IFD_COMMUNICATION_ERROR,
            Self::TooLong => IFD_ERROR_INSUFFICIENT_BUFFER,
            Self::Gone => IFD_NO_SUCH_DEVICE,
        }
    }
}

/// What the card has ordered.
struct Orders {
    next: Option<Order>,
    slow: Duration,
    limit: Duration,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            next: None,
            slow: Duration::ZERO,
            limit: LIMIT,
        }
    }
}

impl Orders {
    fn take(&mut self, order: Order, card: &UnixStream) -> Result<(), WireError> {
        match order {
            Order::Heal => *self = Self::default(),
            Order::Slow(time) => self.slow = time,
            Order::Limit(time) => self.limit = time,
            once => self.next = Some(once),
        }
        set_limit(card, self.limit)
    }
}

/// The contacts to the card that has power.
#[derive(Default)]
pub struct Line {
    card: Option<Arc<UnixStream>>,
    frames: Frames,
    habit: Habit,
    orders: Orders,
    /// An answer may still come that nobody waits for any more.
    stale: bool,
}

impl Line {
    /// Powers a card on, or resets it; its answer to reset.
    ///
    /// # Errors
    /// [`Trouble`]; after any the card has no power.
    pub fn power_on(
        &mut self,
        card: &Arc<UnixStream>,
        warm: bool,
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let same = self.card.as_ref().is_some_and(|old| Arc::ptr_eq(old, card));
        if !same {
            *self = Self::default();
        }
        self.card = None;
        let kind = if warm && same {
            wire::RESET
        } else {
            wire::POWER_ON
        };
        let limit = self.orders.limit.min(RESET_LIMIT);
        let atr = set_limit(card, limit)
            .and_then(|()| wire::send_frame(card, kind, &[]))
            .and_then(|()| self.await_atr(card, limit))
            .map_err(|cause| self.trouble(card, &cause))?;
        if !(2..=MAX_ATR).contains(&atr.len()) {
            return Err(Trouble::NoAtr);
        }
        set_limit(card, self.orders.limit).map_err(|cause| self.trouble(card, &cause))?;
        self.stale = false;
        self.card = Some(Arc::clone(card));
        Ok(atr)
    }

    /// Takes the power away.
    pub fn power_off(&mut self) {
        if let Some(card) = self.card.take() {
            // A card that hears nothing any more is as good as one without power.
            let _ = wire::send_frame(&card, wire::POWER_OFF, &[]);
        }
    }

    /// One command; the length of its answer in `answer`.
    ///
    /// # Errors
    /// [`Trouble`]
    pub fn transmit(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, Trouble> {
        let card = self.card.clone().ok_or(Trouble::Broken)?;
        if self.stale {
            return Err(Trouble::Broken);
        }
        if !self.orders.slow.is_zero() && hung_up(&card, self.orders.slow) {
            return Err(Trouble::NoCard);
        }
        let frame = wire::send_frame(&card, wire::COMMAND, command)
            .and_then(|()| self.await_answer(&card))
            .map_err(|cause| self.trouble(&card, &cause))?;
        let order = self.orders.next.take();
        if order == Some(Order::Silent) {
            return Err(self.keep_silent(&card));
        }
        deliver(self.frames.body(&frame), order, answer)
    }

    fn await_answer(&mut self, card: &UnixStream) -> Result<Frame, WireError> {
        loop {
            let frame = self.next(card, self.orders.limit)?;
            if frame.kind == wire::ANSWER {
                return Ok(frame);
            }
            self.obey(&frame, card)?;
        }
    }

    /// Answers that were not waited for any more are passed over.
    fn await_atr(
        &mut self,
        card: &UnixStream,
        limit: Duration,
    ) -> Result<Zeroizing<Vec<u8>>, WireError> {
        loop {
            let frame = self.next(card, limit)?;
            match frame.kind {
                wire::ATR => return Ok(Zeroizing::new(self.frames.body(&frame).to_vec())),
                wire::ANSWER if self.stale => {}
                _ => self.obey(&frame, card)?,
            }
        }
    }

    fn next(&mut self, card: &UnixStream, limit: Duration) -> Result<Frame, WireError> {
        self.frames.next(&mut self.habit.on(card), Some(limit))
    }

    fn obey(&mut self, frame: &Frame, card: &UnixStream) -> Result<(), WireError> {
        let order = (frame.kind == wire::ORDER)
            .then(|| Order::from_bytes(self.frames.body(frame)))
            .flatten()
            .ok_or(WireError::OutOfTurn(frame.kind))?;
        self.orders.take(order, card)
    }

    fn keep_silent(&mut self, card: &UnixStream) -> Trouble {
        if hung_up(card, self.orders.limit) {
            return Trouble::NoCard;
        }
        self.stale = true;
        Trouble::Mute
    }

    /// A card that breaks the rules of the wire is thrown out.
    fn trouble(&mut self, card: &UnixStream, cause: &WireError) -> Trouble {
        match cause {
            WireError::Closed | WireError::Cut => Trouble::NoCard,
            WireError::TimedOut => {
                self.stale = true;
                Trouble::Mute
            }
            WireError::TooLong(_) | WireError::OutOfTurn(_) | WireError::Io(_) => {
                let _ = card.shutdown(Shutdown::Both);
                Trouble::Broken
            }
        }
    }
}

/// Copies an answer out, falsified as ordered.
fn deliver(body: &[u8], order: Option<Order>, answer: &mut [u8]) -> Result<usize, Trouble> {
    let (body, junk) = match order {
        Some(Order::ReaderGone) => return Err(Trouble::Gone),
        Some(Order::Cut(len)) => (&body[..body.len().min(len as usize)], 0),
        Some(Order::Longer(len)) => (body, len as usize),
        _ => (body, 0),
    };
    let len = body.len().checked_add(junk).ok_or(Trouble::TooLong)?;
    let room = answer.get_mut(..len).ok_or(Trouble::TooLong)?;
    let (head, tail) = room.split_at_mut(body.len());
    head.copy_from_slice(body);
    tail.fill(JUNK);
    Ok(len)
}

fn set_limit(card: &UnixStream, limit: Duration) -> Result<(), WireError> {
    card.set_read_timeout(Some(limit))?;
    card.set_write_timeout(Some(limit))?;
    Ok(())
}

/// Whether the card hangs up within this time.
pub fn hung_up(card: &UnixStream, within: Duration) -> bool {
    let mut watched = [PollFd::new(card, PollFlags::RDHUP)];
    let within = Timespec::try_from(within).ok();
    loop {
        match poll(&mut watched, within.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) => return false,
            _ => return true,
        }
    }
}
