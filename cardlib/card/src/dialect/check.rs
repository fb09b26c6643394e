//! Content against the profile, before anything is made of it.

use super::DialectError;
use crate::content::{CardContent, FileContent, FileData};
use crate::profile::Profile;

/// Element of the security code (D22).
pub const TAG_SECURITY_CODE: u8 = 9;
/// Element of the card number.
pub const TAG_CARD_NUMBER: u8 = 8;
/// Element of the card's serial.
pub const TAG_CARD_SERIAL: u8 = 10;

/// The photo: length of the JPEG (2), then the JPEG.
const PHOTO: &str = "DDF1/EF07";

/// Checks that every byte of `content` has a place in the profile, that what the security code is made from is there,
/// and that the code itself is not.
///
/// # Errors
/// [`DialectError`] names file, record and what is wrong, never a value.
pub fn content(profile: &Profile, content: &CardContent) -> Result<(), DialectError> {
    content.check(profile)?;
    for part in &content.files {
        new_card(profile, part)?;
    }
    for tag in [TAG_CARD_NUMBER, TAG_CARD_SERIAL] {
        content
            .value(tag)
            .ok_or(DialectError::ElementMissing(tag))?;
    }
    match content.value(TAG_SECURITY_CODE) {
        Some(_) => Err(DialectError::SecurityCodeGiven),
        None => Ok(()),
    }
}

/// A new card has no visits, and its photo is as long as it says (R75).
fn new_card(profile: &Profile, part: &FileContent) -> Result<(), DialectError> {
    let Some(file) = profile.file(&part.path) else {
        return Ok(());
    };
    let is_visit = file.layout.is_some()
        || profile
            .layouts
            .iter()
            .any(|layout| layout.index == file.path);
    let fill = file.fill.unwrap_or(0);
    match &part.data {
        FileData::Binary(bytes) if is_visit && bytes.iter().any(|b| *b != fill) => {
            Err(DialectError::Visit(part.path.clone()))
        }
        FileData::Records(records) if is_visit && records.iter().flatten().any(|b| *b != fill) => {
            Err(DialectError::Visit(part.path.clone()))
        }
        FileData::Binary(bytes) if file.path == PHOTO => match bytes.as_slice() {
            [] => Ok(()),
            [high, low, rest @ ..]
                if usize::from(u16::from_be_bytes([*high, *low])) <= rest.len() =>
            {
                Ok(())
            }
            _ => Err(DialectError::Photo),
        },
        _ => Ok(()),
    }
}

/// The value of an element in one file's content.
pub(super) fn value(part: &FileContent, tag: u8) -> Option<&[u8]> {
    let FileData::Records(records) = &part.data else {
        return None;
    };
    records
        .iter()
        .find(|record| record.first() == Some(&tag))
        .and_then(|record| record.get(2..))
}
