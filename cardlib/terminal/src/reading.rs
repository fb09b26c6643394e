//! Reading whole files: the issuer's data that identify a card, records of every kind, the photo.

use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::profile::{File, FileKind};

use crate::authentication::get_challenge;
use crate::card::UserCard;
use crate::error::{FlowError, Part, malformed};
use crate::facts::CardFacts;
use crate::flow::ENVIRONMENT;

const ISSUER_DATA: &str = "DDF1/EF05";
const PHOTO: &str = "DDF1/EF07";

/// Selects DDF1 and reads EF05, which is free: enough to say what card this claims to be, without SAM.
///
/// # Errors
/// [`FlowError`] when the card is no health card or its data are not of the profile's form.
pub fn identify(card: &mut UserCard<'_>) -> Result<CardFacts, FlowError> {
    let profile = card.profile();
    card.select_df_ahead(ENVIRONMENT)?;
    let file = profile
        .file(ISSUER_DATA)
        .ok_or_else(|| FlowError::Unknown(ISSUER_DATA.into()))?;
    card.select_file_ahead(file);
    let content = CardContent {
        files: vec![records(card, file, false)?],
    };
    CardFacts::of(profile, &content)
}

/// All records of the current file; cyclic ones oldest first, as they were written. With a challenge for the next
/// authentication, if one comes.
pub(crate) fn records(
    card: &mut UserCard<'_>,
    file: &File,
    authentication_follows: bool,
) -> Result<FileContent, FlowError> {
    let challenge = authentication_follows.then(get_challenge);
    let mut records = card.read_records_then(file, challenge)?;
    if file.kind == FileKind::Cyclic {
        records.reverse();
    }
    Ok(FileContent {
        path: file.path.clone(),
        data: FileData::Records(records),
    })
}

/// The length says how much of the file is used (R75).
pub(crate) fn photo(card: &mut UserCard<'_>, file: &File) -> Result<FileContent, FlowError> {
    if file.path != PHOTO {
        return Err(FlowError::Unknown(format!("length of {}", file.path)));
    }
    let mut bytes = card.read_binary(file, 0, 2)?;
    let len = match bytes.as_slice() {
        [high, low] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    if len + 2 > file.size {
        return Err(malformed(
            Part::Card,
            PHOTO,
            format!("claims {len} bytes, the file has {}", file.size),
        ));
    }
    bytes.extend(card.read_binary(file, 2, len)?);
    Ok(FileContent {
        path: file.path.clone(),
        data: FileData::Binary(bytes),
    })
}
