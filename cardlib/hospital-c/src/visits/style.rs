//! How a piece of a record is written as characters.

use zeroize::Zeroizing;

use crate::code::Fault;
use crate::text::Bytes;

/// How a piece of a record is written as characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Hexadecimal, filled up with 00 (NO and B).
    Hex,
    /// The bytes themselves up to the first 00, filled up with 00.
    Text,
    /// Digits, filled up with F.
    Digits,
}

impl Style {
    /// # Errors
    /// [`Code::Parameter`] for any other number than 00, 01, 0F, FF.
    pub fn new(number: i32) -> Result<Self, Fault> {
        match number {
            0x00 | 0xFF => Ok(Self::Hex),
            0x01 => Ok(Self::Text),
            0x0F => Ok(Self::Digits),
            _ => Err(Fault::parameter(
                "no such style: NO 0x00, AN 0x01, CN 0x0F, B 0xFF",
                "没有该编码方式：NO 0x00、AN 0x01、CN 0x0F、B 0xFF",
            )),
        }
    }

    /// Most characters that `len` bytes are.
    #[must_use]
    pub const fn characters(self, len: usize) -> usize {
        match self {
            Self::Text => len,
            Self::Hex | Self::Digits => 2 * len,
        }
    }

    pub(super) fn show(self, bytes: &[u8]) -> Bytes {
        Zeroizing::new(match self {
            Self::Text => bytes.to_vec(),
            Self::Hex => hex::encode_upper(bytes).into_bytes(),
            Self::Digits => {
                let all = Zeroizing::new(hex::encode_upper(bytes).into_bytes());
                all.iter().copied().take_while(|b| *b != b'F').collect()
            }
        })
    }

    pub(super) fn read(self, text: &[u8], len: usize) -> Result<Bytes, Fault> {
        let wrong = || {
            Fault::parameter(
                "the piece is longer than its length or not of its style",
                "数据超长或与编码方式不符",
            )
        };
        let (fill, accepted): (u8, fn(&u8) -> bool) = match self {
            Self::Text => (0, |_| true),
            Self::Hex => (b'0', u8::is_ascii_hexdigit),
            Self::Digits => (b'F', |b| b.is_ascii_digit() || matches!(b, b'F' | b'f')),
        };
        if text.len() > self.characters(len) || !text.iter().all(accepted) {
            return Err(wrong());
        }
        let mut full = Zeroizing::new(text.to_vec());
        full.resize(self.characters(len), fill);
        if self == Self::Text {
            return Ok(full);
        }
        hex::decode(&*full).map(Zeroizing::new).map_err(|_| wrong())
    }
}
