//! Status words (SW1 SW2) of the user card and the SAM: ISO 7816-4, the list in the card's specification and R7.

use std::fmt;

/// The two trailing bytes of every answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(pub u16);

impl Status {
    pub const OK: Self = Self(0x9000);
    /// Cryptogram of EXTERNAL AUTHENTICATE in personalisation was wrong (`docs/cos-dialect.md`).
    pub const CRYPTOGRAM: Self = Self(0x6300);
    pub const MEMORY: Self = Self(0x6581);
    pub const LENGTH: Self = Self(0x6700);
    /// SAM: CIPHER DATA without session key (R50).
    pub const NO_SESSION_KEY: Self = Self(0x6901);
    pub const STRUCTURE: Self = Self(0x6981);
    pub const SECURITY: Self = Self(0x6982);
    pub const BLOCKED: Self = Self(0x6983);
    pub const NO_CHALLENGE: Self = Self(0x6984);
    pub const CONDITIONS: Self = Self(0x6985);
    pub const NO_CURRENT_EF: Self = Self(0x6986);
    pub const SM_MISSING: Self = Self(0x6987);
    pub const SM_WRONG: Self = Self(0x6988);
    pub const DATA: Self = Self(0x6A80);
    /// Application or card blocked (D28).
    pub const FUNCTION: Self = Self(0x6A81);
    pub const NO_FILE: Self = Self(0x6A82);
    pub const NO_RECORD: Self = Self(0x6A83);
    pub const NO_SPACE: Self = Self(0x6A84);
    pub const P1P2: Self = Self(0x6A86);
    pub const NO_KEY: Self = Self(0x6A88);
    pub const OFFSET: Self = Self(0x6B00);
    pub const INS: Self = Self(0x6D00);
    pub const CLA: Self = Self(0x6E00);
    /// APPLICATION UNBLOCK of a permanently blocked application (R42).
    pub const PERMANENTLY_BLOCKED: Self = Self(0x9303);

    /// `61 L`: L bytes wait for GET RESPONSE (0 stands for 256).
    #[must_use]
    pub const fn more(len: u8) -> Self {
        Self(0x6100 | len as u16)
    }

    /// `6C L`: repeat the command with Le = L.
    #[must_use]
    pub const fn wrong_le(len: u8) -> Self {
        Self(0x6C00 | len as u16)
    }

    /// `63 Cx`: x tries are left; larger counts than 15 do not fit and are cut to 15.
    #[must_use]
    pub const fn tries_left(tries: u8) -> Self {
        let low = if tries > 15 { 15 } else { tries };
        Self(0x63C0 | low as u16)
    }

    #[must_use]
    pub const fn sw1(self) -> u8 {
        (self.0 >> 8) as u8
    }

    #[must_use]
    pub const fn sw2(self) -> u8 {
        (self.0 & 0xFF) as u8
    }

    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == Self::OK.0
    }

    /// Number of bytes that wait after `61 L`.
    #[must_use]
    pub const fn bytes_waiting(self) -> Option<usize> {
        match (self.sw1(), self.sw2()) {
            (0x61, 0) => Some(256),
            (0x61, n) => Some(n as usize),
            _ => None,
        }
    }

    /// The Le that a `6C L` asks for.
    #[must_use]
    pub const fn right_le(self) -> Option<u8> {
        if self.sw1() == 0x6C {
            Some(self.sw2())
        } else {
            None
        }
    }

    /// The counter of `63 Cx`.
    #[must_use]
    pub const fn retries(self) -> Option<u8> {
        if self.0 & 0xFFF0 == 0x63C0 {
            Some(self.sw2() & 0x0F)
        } else {
            None
        }
    }

    /// What the word says, in English, for traces and error texts.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::OK => "done",
            Self::CRYPTOGRAM => "cryptogram wrong",
            Self::MEMORY => "memory failure",
            Self::LENGTH => "wrong length",
            Self::NO_SESSION_KEY => "no session key in the SAM",
            Self::STRUCTURE => "command does not fit the file's structure",
            Self::SECURITY => "access right missing",
            Self::BLOCKED => "key or PIN blocked",
            Self::NO_CHALLENGE => "no challenge was drawn",
            Self::CONDITIONS => "conditions of use not satisfied",
            Self::NO_CURRENT_EF => "no file selected",
            Self::SM_MISSING => "secure messaging missing",
            Self::SM_WRONG => "MAC wrong",
            Self::DATA => "data field wrong",
            Self::FUNCTION => "application or card blocked, or function not supported",
            Self::NO_FILE => "file not found",
            Self::NO_RECORD => "record not found",
            Self::NO_SPACE => "not enough space",
            Self::P1P2 => "P1 or P2 wrong",
            Self::NO_KEY => "key not found",
            Self::OFFSET => "offset outside the file",
            Self::INS => "instruction unknown",
            Self::CLA => "class unknown",
            Self::PERMANENTLY_BLOCKED => "application blocked for ever",
            _ => match self.sw1() {
                0x61 => "more bytes wait",
                0x6C => "repeat with the right length",
                0x63 => "wrong, tries left in the last digit",
                _ => "unknown status word",
            },
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SW {:04X}", self.0)
    }
}

impl From<u16> for Status {
    fn from(word: u16) -> Self {
        Self(word)
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        status.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_lengths_are_read_from_the_low_byte() {
        assert_eq!(Status(0x6100).bytes_waiting(), Some(256));
        assert_eq!(Status(0x6108).bytes_waiting(), Some(8));
        assert_eq!(Status::OK.bytes_waiting(), None);
        assert_eq!(Status(0x6C12).right_le(), Some(0x12));
        assert_eq!(Status(0x63C3).retries(), Some(3));
        assert_eq!(Status(0x6300).retries(), None);
        assert_eq!(Status::tries_left(9), Status(0x63C9));
        assert_eq!(Status::tries_left(200), Status(0x63CF));
    }

    #[test]
    fn prints_as_four_digits() {
        assert_eq!(Status::NO_KEY.to_string(), "6A88");
        assert_eq!(format!("{:?}", Status::OK), "SW 9000");
    }
}
