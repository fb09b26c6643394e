//! What goes over a wire between a reader's driver and a card, in either stack's frames.
//!
//! vpcd: 16-bit big-endian length, body; a one-byte body of the driver is a control byte. Our driver: kind, 24-bit length,
//! body (`cardlib/ifd/src/wire.rs`).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use anyhow::{Result, bail};
use cardlib_ifd::wire::{ANSWER, ATR, COMMAND, POWER_OFF, POWER_ON, RESET};
use rustix::event::{PollFd, PollFlags, poll};

use crate::stack::{Place, Stack};

/// What a driver says to its card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    PowerOff,
    PowerOn,
    Reset,
    /// vpcd asks for it every time it looks; our driver gets it as the answer to power and reset.
    AskAtr,
    Command(Vec<u8>),
}

impl Said {
    /// Whether the card owes an answer.
    pub fn is_answered(&self, stack: Stack) -> bool {
        match self {
            Self::PowerOff => false,
            Self::PowerOn | Self::Reset => stack == Stack::Own,
            Self::AskAtr | Self::Command(_) => true,
        }
    }

    /// vpcd's control byte.
    pub fn control(&self) -> Option<u8> {
        match self {
            Self::PowerOff => Some(0),
            Self::PowerOn => Some(1),
            Self::Reset => Some(2),
            Self::AskAtr => Some(4),
            Self::Command(_) => None,
        }
    }
}

/// One end of a wire.
pub enum Line {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Line {
    /// Puts a card in.
    pub fn connect(place: &Place) -> Result<Self> {
        Ok(match place {
            Place::Port(port) => Self::tcp(TcpStream::connect(("127.0.0.1", *port))?)?,
            Place::Socket(path) => Self::Unix(UnixStream::connect(path)?),
        })
    }

    pub fn tcp(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    pub fn stack(&self) -> Stack {
        match self {
            Self::Tcp(_) => Stack::Vpcd,
            Self::Unix(_) => Stack::Own,
        }
    }

    /// A second handle, to hang up from another thread.
    pub fn again(&self) -> Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
        })
    }

    pub fn hang_up(&self) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    /// Waits until this end has something to say; false when `other` hung up before.
    pub fn speaks_before_end_of(&self, other: &Self) -> Result<bool> {
        let mut watched = [
            PollFd::new(self, PollFlags::IN),
            PollFd::new(other, PollFlags::RDHUP),
        ];
        loop {
            match poll(&mut watched, None) {
                Err(rustix::io::Errno::INTR) => {}
                done => {
                    done?;
                    return Ok(watched[1].revents().is_empty());
                }
            }
        }
    }

    /// Waits until this end hangs up.
    pub fn wait_end(&self) -> Result<()> {
        let mut watched = [PollFd::new(self, PollFlags::RDHUP)];
        while let Err(cause) = poll(&mut watched, None) {
            if cause != rustix::io::Errno::INTR {
                return Err(cause.into());
            }
        }
        Ok(())
    }

    /// The driver's next word.
    pub fn hear(&mut self) -> Result<Said> {
        let (kind, body) = self.receive()?;
        Ok(match (self.stack(), kind, body.as_slice()) {
            (Stack::Vpcd, _, [0]) | (Stack::Own, POWER_OFF, _) => Said::PowerOff,
            (Stack::Vpcd, _, [1]) | (Stack::Own, POWER_ON, _) => Said::PowerOn,
            (Stack::Vpcd, _, [2]) | (Stack::Own, RESET, _) => Said::Reset,
            (Stack::Vpcd, _, [4]) => Said::AskAtr,
            (Stack::Vpcd, _, _) | (Stack::Own, COMMAND, _) => Said::Command(body),
            (Stack::Own, kind, _) => bail!("the driver sent a frame of kind {kind:02X}"),
        })
    }

    /// Passes it on to a card.
    pub fn say(&mut self, said: &Said) -> Result<()> {
        let body = match (self.stack(), said) {
            (_, Said::Command(body)) => body.clone(),
            (Stack::Vpcd, said) => said.control().into_iter().collect(),
            (Stack::Own, _) => Vec::new(),
        };
        let kind = match said {
            Said::PowerOff => POWER_OFF,
            Said::PowerOn => POWER_ON,
            Said::Reset => RESET,
            // Said by vpcd only, whose frames have no kind.
            Said::AskAtr => 0,
            Said::Command(_) => COMMAND,
        };
        self.send(kind, &body, body.len())
    }

    /// A card's answer to that.
    pub fn reply(&mut self) -> Result<Vec<u8>> {
        Ok(self.receive()?.1)
    }

    /// Passes a card's answer on to the driver.
    pub fn answer(&mut self, said: &Said, body: &[u8]) -> Result<()> {
        self.send(answer_kind(said), body, body.len())
    }

    /// The beginning of it only. vpcd takes a short answer for a whole one; our driver is left in the middle of a frame.
    pub fn answer_in_part(&mut self, said: &Said, body: &[u8], length: usize) -> Result<()> {
        let length = length.min(body.len());
        match self.stack() {
            Stack::Vpcd => self.answer(said, &body[..length]),
            Stack::Own => self.send(answer_kind(said), &body[..length], body.len()),
        }
    }

    /// Kind (0 where frames have none) and body.
    fn receive(&mut self) -> Result<(u8, Vec<u8>)> {
        let (kind, length) = match self.stack() {
            Stack::Vpcd => {
                let mut header = [0; 2];
                self.read_exact(&mut header)?;
                (0, usize::from(u16::from_be_bytes(header)))
            }
            Stack::Own => {
                let mut header = [0; 4];
                self.read_exact(&mut header)?;
                let [kind, a, b, c] = header;
                (kind, u32::from_be_bytes([0, a, b, c]) as usize)
            }
        };
        let mut body = vec![0; length];
        self.read_exact(&mut body)?;
        Ok((kind, body))
    }

    /// A frame that says it is `length` long.
    fn send(&mut self, kind: u8, body: &[u8], length: usize) -> Result<()> {
        let length = u32::try_from(length)?.to_be_bytes();
        let header = match self.stack() {
            Stack::Vpcd if length[..2] != [0, 0] => bail!("vpcd has no frames that long"),
            Stack::Vpcd => length[2..].to_vec(),
            Stack::Own => [&[kind], &length[1..]].concat(),
        };
        self.write_all(&[header.as_slice(), body].concat())?;
        Ok(())
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> Result<()> {
        match self {
            Self::Tcp(stream) => {
                // Without this every APDU waits 44 ms for an acknowledgement (Nagle's algorithm on vpcd's side), and the
                // kernel forgets it again.
                rustix::net::sockopt::set_tcp_quickack(&*stream, true)?;
                stream.read_exact(bytes)?;
            }
            Self::Unix(stream) => stream.read_exact(bytes)?,
        }
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes)?,
            Self::Unix(stream) => stream.write_all(bytes)?,
        }
        Ok(())
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

fn answer_kind(said: &Said) -> u8 {
    match said {
        Said::Command(_) => ANSWER,
        _ => ATR,
    }
}
