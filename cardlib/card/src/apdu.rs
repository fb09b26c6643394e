//! Commands and answers of ISO 7816-4, short form only (R14): case 1 header, 2 Le, 3 Lc and data, 4 both.

use std::fmt;

use zeroize::Zeroize;

use crate::status::Status;

/// Most bytes a short command carries.
pub const MAX_DATA: usize = 255;

/// Why bytes are not a command or an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApduError {
    #[error("a command of {0} bytes whose Lc does not agree with its length (short APDUs only)")]
    Length(usize),
    #[error("a command of {0} bytes has no complete header of four bytes")]
    Header(usize),
    #[error("{0} bytes of data do not fit a short command (at most 255)")]
    TooLong(usize),
    #[error("an answer of {0} bytes has no status word")]
    NoStatus(usize),
}

/// A command APDU. `Debug` shows header and lengths only: data may be keys, a PIN or a person's record.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    pub cla: u8,
    pub ins: u8,
    pub p1: u8,
    pub p2: u8,
    pub data: Vec<u8>,
    /// Bytes wanted; `Some(0)` asks for all, at most 256.
    pub le: Option<u8>,
}

impl Command {
    /// Case 1: nothing but a header.
    #[must_use]
    pub const fn new(cla: u8, ins: u8, p1: u8, p2: u8) -> Self {
        Self {
            cla,
            ins,
            p1,
            p2,
            data: Vec::new(),
            le: None,
        }
    }

    /// Adds a data field (cases 3 and 4).
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    /// Adds Le (cases 2 and 4).
    #[must_use]
    pub const fn with_le(mut self, le: u8) -> Self {
        self.le = Some(le);
        self
    }

    #[must_use]
    pub const fn header(&self) -> [u8; 4] {
        [self.cla, self.ins, self.p1, self.p2]
    }

    /// The command's bytes.
    ///
    /// # Errors
    /// [`ApduError::TooLong`] when the data do not fit a short command.
    pub fn encode(&self) -> Result<Vec<u8>, ApduError> {
        let lc = u8::try_from(self.data.len()).map_err(|_| ApduError::TooLong(self.data.len()))?;
        let mut out = Vec::with_capacity(6 + self.data.len());
        out.extend_from_slice(&self.header());
        if lc > 0 {
            out.push(lc);
            out.extend_from_slice(&self.data);
        }
        out.extend(self.le);
        Ok(out)
    }

    /// Reads a short command.
    ///
    /// # Errors
    /// [`ApduError::Header`] below four bytes; [`ApduError::Length`] when Lc and length disagree, also for the
    /// extended form (R14: a card answers 6700).
    pub fn parse(bytes: &[u8]) -> Result<Self, ApduError> {
        let Some((&[cla, ins, p1, p2], body)) = bytes.split_first_chunk::<4>() else {
            return Err(ApduError::Header(bytes.len()));
        };
        let (data, le) = match body {
            [] => (&[][..], None),
            [le] => (&[][..], Some(*le)),
            [0, ..] => return Err(ApduError::Length(bytes.len())),
            [lc, rest @ ..] => match rest.len().checked_sub(usize::from(*lc)) {
                Some(0) => (rest, None),
                Some(1) => (&rest[..rest.len() - 1], rest.last().copied()),
                _ => return Err(ApduError::Length(bytes.len())),
            },
        };
        Ok(Self {
            cla,
            ins,
            p1,
            p2,
            data: data.to_vec(),
            le,
        })
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:02X} {:02X} {:02X} {:02X} Lc {}",
            self.cla,
            self.ins,
            self.p1,
            self.p2,
            self.data.len()
        )?;
        match self.le {
            Some(le) => write!(f, " Le {le}"),
            None => Ok(()),
        }
    }
}

impl Zeroize for Command {
    fn zeroize(&mut self) {
        self.data.zeroize();
    }
}

/// An answer APDU. `Debug` shows status and length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    pub data: Vec<u8>,
    pub status: Status,
}

impl Response {
    #[must_use]
    pub fn new(data: impl Into<Vec<u8>>, status: Status) -> Self {
        Self {
            data: data.into(),
            status,
        }
    }

    /// An answer without data.
    #[must_use]
    pub const fn of(status: Status) -> Self {
        Self {
            data: Vec::new(),
            status,
        }
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len() + 2);
        out.extend_from_slice(&self.data);
        out.extend_from_slice(&self.status.0.to_be_bytes());
        out
    }

    /// Reads an answer: data, then two status bytes.
    ///
    /// # Errors
    /// [`ApduError::NoStatus`] below two bytes, which is how a vanished card looks in PC/SC.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApduError> {
        let (data, status) = bytes
            .split_last_chunk::<2>()
            .ok_or(ApduError::NoStatus(bytes.len()))?;
        Ok(Self {
            data: data.to_vec(),
            status: Status(u16::from_be_bytes(*status)),
        })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes {}", self.data.len(), self.status)
    }
}

impl Zeroize for Response {
    fn zeroize(&mut self) {
        self.data.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_cases_survive_a_round_trip() {
        let cases = [
            Command::new(0, 0xA4, 0, 0),
            Command::new(0, 0x84, 0, 0).with_le(8),
            Command::new(0, 0xA4, 0, 0).with_data([0x3F, 0]),
            Command::new(0, 0x88, 0, 0).with_data([7; 17]).with_le(0),
            Command::new(0, 0xD6, 0, 0).with_data([1; 255]).with_le(8),
        ];
        for command in cases {
            let bytes = command.encode().expect("short");
            assert_eq!(Command::parse(&bytes), Ok(command));
        }
    }

    #[test]
    fn a_length_that_does_not_agree_is_refused() {
        assert_eq!(Command::parse(&[0, 0xA4, 0]), Err(ApduError::Header(3)));
        assert_eq!(
            Command::parse(&[0, 0xA4, 0, 0, 2, 1]),
            Err(ApduError::Length(6))
        );
        assert_eq!(
            Command::parse(&[0, 0xA4, 0, 0, 1, 1, 0, 0]),
            Err(ApduError::Length(8))
        );
        let extended = [0, 0xA4, 0, 0, 0, 0, 2, 0x3F, 0];
        assert_eq!(
            Command::parse(&extended),
            Err(ApduError::Length(9)),
            "extended length (R14)"
        );
    }

    #[test]
    fn long_data_do_not_fit() {
        let command = Command::new(0, 0xD6, 0, 0).with_data(vec![0; 256]);
        assert_eq!(command.encode(), Err(ApduError::TooLong(256)));
    }

    #[test]
    fn an_answer_needs_two_bytes() {
        assert_eq!(Response::parse(&[]), Err(ApduError::NoStatus(0)));
        assert_eq!(Response::parse(&[0x90]), Err(ApduError::NoStatus(1)));
        let answer = Response::parse(&[1, 2, 0x90, 0]).expect("two bytes of status");
        assert_eq!(
            (answer.data.as_slice(), answer.status),
            (&[1, 2][..], Status::OK)
        );
        assert_eq!(answer.encode(), [1, 2, 0x90, 0]);
    }

    #[test]
    fn debug_never_shows_data() {
        let shown = format!(
            "{:?}",
            Command::new(0, 0x20, 0, 0).with_data([0x12, 0x34, 0x56])
        );
        assert_eq!(shown, "00 20 00 00 Lc 3");
        assert_eq!(
            format!("{:?}", Response::new([0xAB], Status::OK)),
            "1 bytes 9000"
        );
    }
}
