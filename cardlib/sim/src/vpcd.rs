//! Attachment to the PC/SC daemon through the public virtual reader driver `vpcd`.
//!
//! The driver listens; a connection is an inserted card. Both ways: 16-bit big-endian length, body. A body of one byte
//! is control: 0 power off, 1 power on, 2 reset (none answered), 4 ATR wanted (answered); anything else is a command.
//!
//! vpcd writes length and body separately, and the kernel's delayed acknowledgement then costs 44 ms for every command;
//! `TCP_QUICKACK`, which the kernel forgets again and again, is therefore set before every read. A read takes what is there,
//! which often is both.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::VirtualCard;
use crate::fault::{Fault, Order};

/// How a virtual card behaves beside what its chip does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// The chip works this long on every command.
    pub delay: Duration,
    /// What goes wrong, if anything.
    pub fault: Option<Order>,
}

/// Why a virtual card's session with a reader ended badly.
#[derive(Debug, Error)]
pub enum VpcdError {
    /// No driver there.
    #[error(
        "no virtual reader at {address}: is pcscd running with a vpcd reader on this port? ({cause})"
    )]
    Connect {
        /// HOST:PORT.
        address: String,
        /// The last answer of the system.
        cause: std::io::Error,
    },
    /// The connection broke.
    #[error("the connection to the virtual reader broke: {0}")]
    Broken(#[from] std::io::Error),
}

impl VpcdError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::Connect { address, cause } => format!(
                "{address} 没有虚拟读卡器：请确认 pcscd 正在运行，且 vpcd 读卡器使用该端口（{cause}）"
            ),
            Self::Broken(cause) => format!("与虚拟读卡器的连接中断：{cause}"),
        }
    }
}

/// How a virtual card left its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// The reader went away.
    ReaderClosed,
    /// A fault order pulled the card.
    Pulled,
}

/// A connection to one virtual reader.
pub struct Slot {
    stream: TcpStream,
    /// Where frames arrive, and how many bytes of them are there.
    room: Zeroizing<Vec<u8>>,
    there: usize,
}

/// Length of a frame's length.
const HEAD: usize = 2;
const LONGEST: usize = HEAD + u16::MAX as usize;

impl Slot {
    /// Connects, trying again for as long as `patience` lasts: the daemon may still be starting.
    ///
    /// # Errors
    /// [`VpcdError::Connect`].
    pub fn connect(address: &str, patience: Duration) -> Result<Self, VpcdError> {
        let give_up = Instant::now() + patience;
        loop {
            match connect_once(address) {
                Ok(stream) => {
                    return Ok(Self {
                        stream,
                        room: Zeroizing::new(vec![0; LONGEST]),
                        there: 0,
                    });
                }
                Err(cause) if Instant::now() >= give_up => {
                    let address = address.to_owned();
                    return Err(VpcdError::Connect { address, cause });
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Serves a card until it is pulled or the reader goes away.
    ///
    /// # Errors
    /// [`VpcdError::Broken`].
    pub fn serve(
        mut self,
        card: &mut dyn VirtualCard,
        manner: Manner,
    ) -> Result<Leaving, VpcdError> {
        let mut atr = card.reset();
        let mut commands = 0u64;
        while let Some(body) = self.receive()? {
            match body.as_slice() {
                [] | [0] => {}
                [1 | 2] => atr = card.reset(),
                [4] => self.send(&atr)?,
                command => {
                    commands += 1;
                    let fault = manner.fault.filter(|o| o.at == commands).map(|o| o.fault);
                    if let Some(leaving) = self.answer(card, command, manner.delay, fault)? {
                        return Ok(leaving);
                    }
                }
            }
        }
        Ok(Leaving::ReaderClosed)
    }

    fn answer(
        &mut self,
        card: &mut dyn VirtualCard,
        command: &[u8],
        delay: Duration,
        fault: Option<Fault>,
    ) -> Result<Option<Leaving>, VpcdError> {
        if fault == Some(Fault::PullAt) {
            return Ok(Some(Leaving::Pulled));
        }
        std::thread::sleep(delay);
        let answer = Zeroizing::new(card.handle(command));
        match fault {
            None | Some(Fault::PullAt) => self.send(&answer)?,
            Some(Fault::PullAfter) => return Ok(Some(Leaving::Pulled)),
            Some(Fault::SilentAt) => self.wait_for_close()?,
            Some(Fault::ShortAt(len)) => self.send(&answer[..len.min(answer.len())])?,
        }
        Ok(None)
    }

    /// One frame; `None` when the reader has closed.
    fn receive(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, VpcdError> {
        loop {
            if let Some(body) = self.take_frame() {
                return Ok(Some(body));
            }
            sockopt::set_tcp_quickack(&self.stream, true).map_err(std::io::Error::from)?;
            match self.stream.read(&mut self.room[self.there..]) {
                Ok(0) => return Ok(None),
                Ok(read) => self.there += read,
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) if cause.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(cause) => return Err(cause.into()),
            }
        }
    }

    /// The first frame, if the whole of it is there. There always is room for the rest of it.
    fn take_frame(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let (length, rest) = self.room[..self.there].split_first_chunk::<HEAD>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let body = Zeroizing::new(rest.get(..length)?.to_vec());
        self.room.copy_within(HEAD + length..self.there, 0);
        let left = self.there - HEAD - length;
        self.room[left..self.there].zeroize();
        self.there = left;
        Some(body)
    }

    fn send(&mut self, body: &[u8]) -> Result<(), VpcdError> {
        // Answers are at most 258 bytes, so the length fits.
        let len = u16::try_from(body.len()).unwrap_or(u16::MAX);
        let frame = Zeroizing::new([&len.to_be_bytes(), body].concat());
        self.stream.write_all(&frame)?;
        Ok(())
    }

    /// A silent card: everything is taken, nothing answered, until the reader gives up.
    fn wait_for_close(&mut self) -> Result<(), VpcdError> {
        while self.receive()?.is_some() {}
        Ok(())
    }
}

fn connect_once(address: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(ErrorKind::NotFound, "the host name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, Duration::from_secs(2)) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(cause) => last = cause,
        }
    }
    Err(last)
}
