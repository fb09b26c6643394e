//! Whole files: the photo, and the SAM's 0015.

use super::digits::luhn;
use super::{Checked, hold};

/// R75: the length counts the JPEG, which begins at offset 2; 0000 is no photo.
pub(super) fn photo(data: &[u8]) -> Checked {
    let (len, rest) = data
        .split_first_chunk::<2>()
        .ok_or("a length of two bytes")?;
    let len = usize::from(u16::from_be_bytes(*len));
    hold(len <= 3072, "a length of 0-3072")?;
    let jpeg = rest.get(..len).ok_or("as many bytes as the length says")?;
    let whole = jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.ends_with(&[0xFF, 0xD9]);
    hold(len == 0 || whole, "a JPEG from FFD8 to FFD9")?;
    hold(
        rest[len..].iter().all(|b| *b == 0),
        "00 in the unused bytes",
    )
}

/// 0015: serial of 20 digits with Luhn digit (D19), version 01, type 1-5, 0000 (R55).
pub(super) fn sam_info(data: &[u8]) -> Checked {
    let data: &[u8; 14] = data.try_into().map_err(|_| "14 bytes")?;
    let serial = hex::encode_upper(&data[..10]);
    hold(
        luhn(&serial),
        "a serial of 20 digits with a right Luhn digit",
    )?;
    hold(data[10] == 0x01, "version 01")?;
    hold((1..=5).contains(&data[11]), "a SAM type 1-5")?;
    hold(
        serial[4..6].parse() == Ok(data[11]),
        "the type as in the serial",
    )?;
    hold(data[12..] == [0, 0], "0000 at the end")
}
