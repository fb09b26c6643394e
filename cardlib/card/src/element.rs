//! The values of data elements: text, packed digits and numbers to and from their fixed-length bytes (R20–R24, R26).
//!
//! Errors never repeat the value: it is a person's.

use encoding_rs::GB18030;
use serde::Deserialize;

/// Types of the specification's element tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// Text in GB 18030, left aligned, padded with 00.
    Ans,
    /// Packed digits, left aligned, padded with F.
    Cn,
    /// Raw: one byte is a number (R22), more are shown in hexadecimal.
    B,
}

/// Why a value does not become an element, or the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ElementError {
    #[error("needs {needs} bytes where the element has {len}; shorten the value")]
    TooLong { needs: usize, len: usize },
    #[error(
        "character {position} cannot be written on a card (control character or outside GB 18030)"
    )]
    Character { position: usize },
    #[error("character {position} is not a digit")]
    Digit { position: usize },
    #[error("is not a number from 0 to 255")]
    Number,
    #[error("is not {len} bytes in hexadecimal")]
    Hex { len: usize },
    #[error("has {there} bytes where the element has {len}")]
    Length { there: usize, len: usize },
    #[error("its bytes are not valid GB 18030")]
    Text,
    #[error("its bytes are not digits padded with F")]
    Digits,
}

/// The bytes of `value` in an element of `len` bytes; an empty value gives [`blank`].
///
/// # Errors
/// [`ElementError`] when the value does not fit; nothing is ever cut (R26).
pub fn encode(kind: ElementType, len: usize, value: &str) -> Result<Vec<u8>, ElementError> {
    if value.is_empty() {
        return Ok(blank(kind, len));
    }
    match kind {
        ElementType::Ans => text(value, len),
        ElementType::Cn => digits(value, len),
        ElementType::B if len == 1 => value
            .parse::<u8>()
            .map(|n| vec![n])
            .map_err(|_| ElementError::Number),
        ElementType::B => match hex::decode(value) {
            Ok(bytes) if bytes.len() == len => Ok(bytes),
            _ => Err(ElementError::Hex { len }),
        },
    }
}

/// The value of an element's bytes; [`blank`] bytes of text and digits give an empty value.
///
/// # Errors
/// [`ElementError`] when the bytes are not of this type.
pub fn decode(kind: ElementType, bytes: &[u8]) -> Result<String, ElementError> {
    match kind {
        ElementType::Ans => {
            let end = bytes
                .iter()
                .rposition(|b| *b != 0)
                .map_or(0, |last| last + 1);
            untext(&bytes[..end]).ok_or(ElementError::Text)
        }
        ElementType::Cn => undigits(bytes),
        ElementType::B => match bytes {
            [number] => Ok(number.to_string()),
            _ => Ok(hex::encode_upper(bytes)),
        },
    }
}

/// The bytes of an absent value: ans and b 00, cn FF (R20).
#[must_use]
pub fn blank(kind: ElementType, len: usize) -> Vec<u8> {
    let fill = if kind == ElementType::Cn { 0xFF } else { 0x00 };
    vec![fill; len]
}

/// Whether an element holds nothing but padding. A `b` element has no absent form: 0 is a value.
#[must_use]
pub fn is_blank(kind: ElementType, bytes: &[u8]) -> bool {
    match kind {
        ElementType::Ans => bytes.iter().all(|b| *b == 0x00),
        ElementType::Cn => bytes.iter().all(|b| *b == 0xFF),
        ElementType::B => false,
    }
}

fn text(value: &str, len: usize) -> Result<Vec<u8>, ElementError> {
    if let Some(position) = value.chars().position(char::is_control) {
        return Err(ElementError::Character {
            position: position + 1,
        });
    }
    let (bytes, _, unmappable) = GB18030.encode(value);
    if unmappable {
        return Err(ElementError::Character {
            position: first_unmappable(value),
        });
    }
    if bytes.len() > len {
        return Err(ElementError::TooLong {
            needs: bytes.len(),
            len,
        });
    }
    let mut out = bytes.into_owned();
    out.resize(len, 0x00);
    Ok(out)
}

/// The text of bytes that are GB 18030. Decoders of the web also take a lone 80, as the euro sign of another code page;
/// here it is no text, since it could not be written back: a value that is read fits the element that it was read from.
fn untext(bytes: &[u8]) -> Option<String> {
    let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes)?;
    let fits = text.is_ascii() || GB18030.encode(&text).0.len() <= bytes.len();
    fits.then(|| text.into_owned())
}

fn first_unmappable(value: &str) -> usize {
    let mut buffer = [0; 4];
    value
        .chars()
        .position(|c| GB18030.encode(c.encode_utf8(&mut buffer)).2)
        .map_or(0, |at| at + 1)
}

fn digits(value: &str, len: usize) -> Result<Vec<u8>, ElementError> {
    if let Some(position) = value.chars().position(|c| !c.is_ascii_digit()) {
        return Err(ElementError::Digit {
            position: position + 1,
        });
    }
    let needs = value.len().div_ceil(2);
    if needs > len {
        return Err(ElementError::TooLong { needs, len });
    }
    let mut out = vec![0xFF; len];
    for (at, digit) in value.bytes().map(|b| b - b'0').enumerate() {
        let byte = &mut out[at / 2];
        *byte = if at % 2 == 0 {
            digit << 4 | 0x0F
        } else {
            *byte & 0xF0 | digit
        };
    }
    Ok(out)
}

fn undigits(bytes: &[u8]) -> Result<String, ElementError> {
    let nibbles = || bytes.iter().flat_map(|b| [b >> 4, b & 0x0F]);
    let value: String = nibbles()
        .take_while(|n| *n < 10)
        .map(|n| char::from(b'0' + n))
        .collect();
    if nibbles().skip(value.len()).any(|n| n != 0x0F) {
        return Err(ElementError::Digits);
    }
    Ok(value)
}

#[cfg(test)]
mod tests;
