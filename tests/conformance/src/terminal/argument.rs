//! An argument of a call: what is written in a case, and what the function is given for it.

use serde::{Deserialize, Serialize};

/// Most bytes that a case may ask to see of a function's memory.
const MOST: usize = 4096;

/// An argument of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Argument {
    /// `#3`.
    Number(i64),
    /// Text in GB 18030; `~` stands for a blank.
    Text(String),
    /// `hex:D5C5`: bytes as they are.
    Bytes(Vec<u8>),
    /// `-`.
    Null,
    /// `out`: memory that the function fills with text.
    Out,
    /// `out:32`: memory of which so many bytes are looked at, as hexadecimal digits.
    OutBytes(usize),
    /// `len:4096`: a number behind a pointer, which the function changes.
    Length(u32),
}

impl Argument {
    /// Reads a word of a case.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(word: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().map_err(|_| format!("'{word}': a number"));
        Ok(match word {
            "out" => Self::Out,
            "-" => Self::Null,
            _ => match word.split_at_checked(1) {
                Some(("#", rest)) => Self::Number(number(rest)?),
                _ => match word.split_once(':') {
                    Some(("out", len)) => {
                        Self::OutBytes(len.parse().ok().filter(|n| *n <= MOST).ok_or(word)?)
                    }
                    Some(("len", len)) => {
                        Self::Length(len.parse().map_err(|_| format!("'{word}': a length"))?)
                    }
                    Some(("hex", digits)) => {
                        Self::Bytes(hex::decode(digits).map_err(|e| format!("'{word}': {e}"))?)
                    }
                    _ => Self::Text(word.replace('~', " ")),
                },
            },
        })
    }

    /// Whether the function gives something back through it.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        matches!(self, Self::Out | Self::OutBytes(_) | Self::Length(_))
    }

    /// Memory for a pointer; `None` for a null pointer. Room for `room` bytes where the function fills it.
    #[must_use]
    pub fn memory(&self, room: usize) -> Option<Vec<u8>> {
        match self {
            Self::Null | Self::Number(_) => None,
            Self::Out | Self::OutBytes(_) => Some(vec![0; room]),
            Self::Length(value) => {
                let mut bytes = value.to_le_bytes().to_vec();
                bytes.resize(16, 0);
                Some(bytes)
            }
            Self::Text(text) => {
                let mut bytes = encoding_rs::GB18030.encode(text).0.into_owned();
                bytes.push(0);
                Some(bytes)
            }
            Self::Bytes(bytes) => Some([bytes, &[0u8][..]].concat()),
        }
    }

    /// What the function left in the memory, as a case writes it.
    #[must_use]
    pub fn shown(&self, memory: &[u8]) -> String {
        match self {
            Self::OutBytes(len) => hex::encode_upper(memory.get(..*len).unwrap_or_default()),
            Self::Length(_) => memory
                .first_chunk::<4>()
                .map_or(0, |bytes| u32::from_le_bytes(*bytes))
                .to_string(),
            _ => {
                let end = memory.iter().position(|b| *b == 0).unwrap_or(memory.len());
                encoding_rs::GB18030.decode(&memory[..end]).0.into_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_arguments() {
        let read = |word| Argument::parse(word).ok();
        assert_eq!(read("#-1"), Some(Argument::Number(-1)));
        assert_eq!(read("~"), Some(Argument::Text(" ".into())));
        assert_eq!(read("hex:D5"), Some(Argument::Bytes(vec![0xD5])));
        assert_eq!(read("out:5"), Some(Argument::OutBytes(5)));
        assert_eq!(
            (read("#x"), read("out:99999"), read("hex:0")),
            (None, None, None)
        );
        let length = Argument::Length(300);
        assert_eq!(length.shown(&length.memory(0).unwrap()), "300");
        assert_eq!(Argument::Out.shown(b"\xD5\xC5\0\x41"), "张");
    }
}
