//! What goes over the socket between reader and card.
//!
//! A connection is an inserted card; its end is a pulled one. Both ways a frame is `kind (1) ‖ length (3, big-endian) ‖
//! body`, body at most 65,548 bytes (the longest extended APDU).
//!
//! | kind | from | meaning | answer |
//! |---|---|---|---|
//! | 01 | reader | power on | 81 |
//! | 02 | reader | warm reset | 81 |
//! | 03 | reader | power off | none |
//! | 04 | reader | command APDU | 84 |
//! | 81 | card | answer to reset, 2–33 bytes | |
//! | 84 | card | response APDU | |
//! | F0 | card | order to the reader: `code (1) ‖ value (4, big-endian)` | none |
//!
//! Orders ([`Order`]) make the *reader* misbehave, as a broken one would. They may be sent at any time and count from the
//! next frame on that the reader waits for. Any other frame of the card ends the connection: the card is thrown out.

use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::net::{SendFlags, send};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::codes::MAX_APDU;

/// Power on.
pub const POWER_ON: u8 = 0x01;
/// Warm reset.
pub const RESET: u8 = 0x02;
/// Power off.
pub const POWER_OFF: u8 = 0x03;
/// Command APDU.
pub const COMMAND: u8 = 0x04;
/// Answer to reset.
pub const ATR: u8 = 0x81;
/// Response APDU.
pub const ANSWER: u8 = 0x84;
/// Order to the reader.
pub const ORDER: u8 = 0xF0;

/// Bytes before a body.
pub const HEADER: usize = 4;
/// Longest delay or time limit that can be ordered.
pub const LONGEST: Duration = Duration::from_secs(600);

/// How the reader is to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Code 00: every order is void from now on.
    Heal,
    /// Code 01: the program gets only this many bytes of the next answer.
    Cut(u32),
    /// Code 02: the next answer is withheld until the reader's time limit is over.
    Silent,
    /// Code 03: the program gets this many bytes (A5) more than the next answer has.
    Longer(u32),
    /// Code 04: the reader is unplugged instead of the next answer, for as long as the daemon runs.
    ReaderGone,
    /// Code 05: every command takes this long, until another order of this kind.
    Slow(Duration),
    /// Code 06: the reader's time limit from now on (30 s before).
    Limit(Duration),
}

impl Order {
    /// The body of the frame.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 5] {
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let (code, value) = match self {
            Self::Heal => (0, 0),
            Self::Cut(len) => (1, len),
            Self::Silent => (2, 0),
            Self::Longer(len) => (3, len),
            Self::ReaderGone => (4, 0),
            Self::Slow(time) => (5, millis(time)),
            Self::Limit(time) => (6, millis(time)),
        };
        let [a, b, c, d] = value.to_be_bytes();
        [code, a, b, c, d]
    }

    /// Reads a body; `None` if it orders nothing.
    #[must_use]
    pub fn from_bytes(body: &[u8]) -> Option<Self> {
        let [code, a, b, c, d] = *body else {
            return None;
        };
        let value = u32::from_be_bytes([a, b, c, d]);
        let time = Duration::from_millis(value.into());
        match code {
            0 => Some(Self::Heal),
            1 => Some(Self::Cut(value)),
            2 => Some(Self::Silent),
            3 => Some(Self::Longer(value)),
            4 => Some(Self::ReaderGone),
            5 if time <= LONGEST => Some(Self::Slow(time)),
            6 if time <= LONGEST && !time.is_zero() => Some(Self::Limit(time)),
            _ => None,
        }
    }
}

/// Why there is no next frame.
#[derive(Debug, Error)]
pub enum WireError {
    /// The other end hung up between two frames.
    #[error("the connection was closed")]
    Closed,
    /// The other end hung up inside a frame.
    #[error("the connection was closed inside a frame")]
    Cut,
    /// A frame longer than any APDU.
    #[error("a frame announces {0} bytes; {MAX_APDU} are the most")]
    TooLong(usize),
    /// Nothing, or not everything, came in time.
    #[error("no whole frame came in time")]
    TimedOut,
    /// A frame of a kind that has no place here.
    #[error("a frame of kind {0:02X} came out of turn")]
    OutOfTurn(u8),
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// One frame, as long as no further one is taken: its body is read with [`Frames::body`].
#[derive(Debug, Clone)]
pub struct Frame {
    /// Kind byte.
    pub kind: u8,
    place: Range<usize>,
}

/// Takes frames out of a stream, as a rule with one system call each.
#[derive(Default)]
pub struct Frames {
    buffer: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Frames {
    /// The next frame. A source with a read time-out gives up at `limit` even if bytes keep dripping in.
    ///
    /// # Errors
    /// [`WireError`]
    pub fn next(
        &mut self,
        source: &mut impl Read,
        limit: Option<Duration>,
    ) -> Result<Frame, WireError> {
        let begun = Instant::now();
        loop {
            if let Some((kind, len)) = self.header()?
                && self.end - self.start >= HEADER + len
            {
                let body = self.start + HEADER;
                let place = body..body + len;
                self.start = place.end;
                return Ok(Frame { kind, place });
            }
            if limit.is_some_and(|limit| begun.elapsed() > limit) {
                return Err(WireError::TimedOut);
            }
            self.read_more(source)?;
        }
    }

    /// The body of the frame that was taken last.
    #[must_use]
    pub fn body(&self, frame: &Frame) -> &[u8] {
        self.buffer.get(frame.place.clone()).unwrap_or_default()
    }

    /// Kind and body length of the frame that begins at `start`.
    fn header(&self) -> Result<Option<(u8, usize)>, WireError> {
        let Some(&[kind, a, b, c]) = self.buffer[self.start..self.end].first_chunk() else {
            return Ok(None);
        };
        let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if len > MAX_APDU {
            return Err(WireError::TooLong(len));
        }
        Ok(Some((kind, len)))
    }

    fn read_more(&mut self, source: &mut impl Read) -> Result<(), WireError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let bigger = (self.buffer.len() * 2).clamp(1024, HEADER + MAX_APDU);
            let mut buffer = Zeroizing::new(vec![0; bigger]);
            buffer[..self.end].copy_from_slice(&self.buffer[..self.end]);
            self.buffer = buffer;
        }
        match source.read(&mut self.buffer[self.end..]) {
            Ok(0) if self.end == 0 => Err(WireError::Closed),
            Ok(0) => Err(WireError::Cut),
            Ok(read) => {
                self.end += read;
                Ok(())
            }
            Err(cause) => match cause.kind() {
                io::ErrorKind::Interrupted => Ok(()),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(WireError::TimedOut),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    Err(WireError::Closed)
                }
                _ => Err(cause.into()),
            },
        }
    }
}

/// Header of a frame; bodies are at most [`MAX_APDU`] long.
#[must_use]
pub fn header(kind: u8, len: usize) -> [u8; HEADER] {
    let [.., a, b, c] = len.to_be_bytes();
    [kind, a, b, c]
}

/// Sends one frame. Never raises SIGPIPE: the reader lives in a daemon that is not ours.
///
/// # Errors
/// [`WireError`]
pub fn send_frame(socket: impl AsFd, kind: u8, body: &[u8]) -> Result<(), WireError> {
    if body.len() > MAX_APDU {
        return Err(WireError::TooLong(body.len()));
    }
    let frame = Zeroizing::new([&header(kind, body.len())[..], body].concat());
    send_all(socket, &frame)
}

/// Sends bytes as they are: card programs that break frames on purpose need it.
///
/// # Errors
/// [`WireError`]
pub fn send_all(socket: impl AsFd, mut bytes: &[u8]) -> Result<(), WireError> {
    use rustix::io::Errno;
    while !bytes.is_empty() {
        match send(&socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Err(WireError::TimedOut),
            Err(Errno::PIPE | Errno::CONNRESET) => return Err(WireError::Closed),
            Err(cause) => return Err(io::Error::from(cause).into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(mut bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, WireError) {
        let mut frames = Frames::default();
        let mut got = Vec::new();
        loop {
            match frames.next(&mut bytes, None) {
                Ok(frame) => got.push((frame.kind, frames.body(&frame).to_vec())),
                Err(end) => return (got, end),
            }
        }
    }

    #[test]
    fn frames_are_taken_out_one_by_one() {
        let bytes = [
            &header(4, 2)[..],
            &[1, 2],
            &header(3, 0),
            &header(0x84, 1),
            &[9],
        ]
        .concat();
        let (got, end) = all(&bytes);
        assert_eq!(got, [(4, vec![1, 2]), (3, vec![]), (0x84, vec![9])]);
        assert!(matches!(end, WireError::Closed));
        let (got, end) = all(&bytes[..bytes.len() - 1]);
        assert_eq!(got.len(), 2);
        assert!(matches!(end, WireError::Cut));
    }

    #[test]
    fn a_frame_longer_than_any_apdu_is_refused_before_memory_is_taken() {
        let (got, end) = all(&[4, 0xFF, 0xFF, 0xFF, 0, 0]);
        assert!(got.is_empty());
        assert!(matches!(end, WireError::TooLong(0xFF_FFFF)));
        let longest = [&header(4, MAX_APDU)[..], &vec![7; MAX_APDU]].concat();
        assert_eq!(all(&longest).0[0].1.len(), MAX_APDU);
    }

    #[test]
    fn orders_come_back_as_they_went() {
        let second = Duration::from_secs(1);
        for order in [
            Order::Heal,
            Order::Cut(1),
            Order::Silent,
            Order::Longer(3),
            Order::ReaderGone,
            Order::Slow(second),
            Order::Limit(second),
        ] {
            assert_eq!(Order::from_bytes(&order.to_bytes()), Some(order));
        }
        for bad in [
            &[][..],
            &[1],
            &[7, 0, 0, 0, 0],
            &[6, 0, 0, 0, 0],
            &[5, 255, 255, 255, 255],
        ] {
            assert_eq!(Order::from_bytes(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_error_and_never_in_more_than_came(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let (got, _) = all(&bytes);
            let taken: usize = got.iter().map(|(_, body)| body.len() + HEADER).sum();
            prop_assert!(taken <= bytes.len());
        }
    }
}
