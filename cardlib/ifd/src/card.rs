//! The card's end of the socket: connect to a reader, answer, misbehave on order.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::eager::Habit;
use crate::wire::{self, Frames, Order, WireError};

/// A chip: powered by a reset, then spoken to.
pub trait Card {
    /// Powers the chip on, or resets it; the answer to reset.
    fn reset(&mut self) -> Vec<u8>;

    /// One command, one answer.
    fn handle(&mut self, command: &[u8]) -> Vec<u8>;
}

/// What goes wrong, at the card or at the reader it orders about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The card leaves before it does the command.
    PullAt,
    /// The card does the command and leaves before its answer is out.
    PullAfter,
    /// The card leaves in the middle of its answer's frame.
    PullInAnswer,
    /// The card never answers.
    Silent,
    /// The card's answer has this many bytes at most.
    Short(usize),
    /// The card announces an answer longer than it sends, then keeps still.
    HalfFrame,
    /// The card announces an answer longer than any APDU.
    HugeFrame,
    /// The card sends bytes that are no frame of a card.
    Garbage,
    /// The reader misbehaves.
    Reader(Order),
}

/// How a card behaves beside what its chip does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// The chip works this long on every command.
    pub delay: Duration,
    /// What goes wrong, at which command (counted from 1).
    pub fault: Option<(u64, Fault)>,
}

/// Why a card's session with a reader ended badly.
#[derive(Debug, Error)]
pub enum SlotError {
    /// No reader there.
    #[error(
        "no reader at {path}: is pcscd running with libcardlib_ifd.so and this DEVICENAME? ({cause})"
    )]
    Connect {
        /// The socket.
        path: String,
        /// The last answer of the system.
        cause: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the reader broke: {0}")]
    Broken(#[from] WireError),
}

impl SlotError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::Connect { path, cause } => format!(
                "{path} 没有读卡器：请确认 pcscd 正在运行，且已配置 libcardlib_ifd.so 与该 DEVICENAME（{cause}）"
            ),
            Self::Broken(cause) => format!("与读卡器的连接中断：{cause}"),
        }
    }
}

/// How a card left its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// The reader closed, or threw the card out.
    ReaderClosed,
    /// A fault pulled the card.
    Pulled,
}

/// A card in a reader.
pub struct Slot {
    stream: UnixStream,
    frames: Frames,
    habit: Habit,
}

impl Slot {
    /// Puts a card in, trying again for as long as `patience` lasts: the daemon may still be starting.
    ///
    /// # Errors
    /// [`SlotError::Connect`]
    pub fn connect(path: &Path, patience: Duration) -> Result<Self, SlotError> {
        let give_up = Instant::now() + patience;
        loop {
            match UnixStream::connect(path) {
                Ok(stream) => {
                    let (frames, habit) = (Frames::default(), Habit::default());
                    return Ok(Self {
                        stream,
                        frames,
                        habit,
                    });
                }
                Err(cause) if Instant::now() >= give_up => {
                    let path = path.display().to_string();
                    return Err(SlotError::Connect { path, cause });
                }
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// A handle that pulls the card from another thread.
    ///
    /// # Errors
    /// The system has no more handles.
    pub fn puller(&self) -> io::Result<Puller> {
        self.stream.try_clone().map(Puller)
    }

    /// Gives the reader an order.
    ///
    /// # Errors
    /// [`SlotError::Broken`]
    pub fn order(&mut self, order: Order) -> Result<(), SlotError> {
        Ok(wire::send_frame(
            &self.stream,
            wire::ORDER,
            &order.to_bytes(),
        )?)
    }

    /// Serves a card until it is pulled or the reader goes away.
    ///
    /// # Errors
    /// [`SlotError::Broken`]
    pub fn serve(mut self, card: &mut dyn Card, manner: Manner) -> Result<Leaving, SlotError> {
        let mut commands = 0u64;
        loop {
            let frame = match self.frames.next(&mut self.habit.on(&self.stream), None) {
                Err(WireError::Closed | WireError::Cut) => return Ok(Leaving::ReaderClosed),
                frame => frame?,
            };
            let done = match frame.kind {
                wire::POWER_ON | wire::RESET => {
                    let atr = Zeroizing::new(card.reset());
                    wire::send_frame(&self.stream, wire::ATR, &atr)
                }
                wire::COMMAND => {
                    commands += 1;
                    let fault = manner.fault.filter(|(at, _)| *at == commands);
                    if fault.is_some_and(|(_, fault)| fault == Fault::PullAt) {
                        return Ok(Leaving::Pulled);
                    }
                    if !manner.delay.is_zero() {
                        std::thread::sleep(manner.delay);
                    }
                    let command = self.frames.body(&frame);
                    let answer = Zeroizing::new(card.handle(command));
                    match fault {
                        None => wire::send_frame(&self.stream, wire::ANSWER, &answer),
                        Some((_, fault)) => match self.misbehave(fault, &answer)? {
                            Some(leaving) => return Ok(leaving),
                            None => Ok(()),
                        },
                    }
                }
                _ => Ok(()),
            };
            match done {
                Err(WireError::Closed) => return Ok(Leaving::ReaderClosed),
                done => done?,
            }
        }
    }

    fn misbehave(&mut self, fault: Fault, answer: &[u8]) -> Result<Option<Leaving>, WireError> {
        let socket = &self.stream;
        match fault {
            Fault::PullAt | Fault::PullAfter => return Ok(Some(Leaving::Pulled)),
            Fault::PullInAnswer => {
                let half = &answer[..answer.len() / 2];
                let header = wire::header(wire::ANSWER, answer.len());
                wire::send_all(socket, &[&header[..], half].concat())?;
                return Ok(Some(Leaving::Pulled));
            }
            Fault::Silent => {}
            Fault::Short(len) => {
                wire::send_frame(socket, wire::ANSWER, &answer[..len.min(answer.len())])?;
            }
            Fault::HalfFrame => {
                let header = wire::header(wire::ANSWER, answer.len() + 1);
                wire::send_all(socket, &[&header[..], answer].concat())?;
            }
            Fault::HugeFrame => {
                wire::send_all(socket, &[wire::ANSWER, 0xFF, 0xFF, 0xFF])?;
            }
            Fault::Garbage => wire::send_all(socket, b"HTTP/1.1 400 Bad Request\r\n\r\n")?,
            Fault::Reader(order) => {
                wire::send_frame(socket, wire::ORDER, &order.to_bytes())?;
                wire::send_frame(socket, wire::ANSWER, answer)?;
            }
        }
        Ok(None)
    }
}

/// A card that is no longer served is out, even if a [`Puller`] still holds on to it.
impl Drop for Slot {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Pulls a card out of its reader.
pub struct Puller(UnixStream);

impl Puller {
    /// Pulls it; the serving thread ends with [`Leaving::ReaderClosed`].
    pub fn pull(self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
