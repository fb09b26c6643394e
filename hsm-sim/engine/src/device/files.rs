//! User files: created in their full size, read and written in pieces, the same for every operator.

use super::persistent::DeviceEvent;
use super::{Effect, Outcome, Planned};
use crate::state::{Event, State};
use hsm_wire::device::{DeviceAnswer, MAX_FILE, MAX_FILE_NAME, MAX_FILES, Secret};
use hsm_wire::{ErrorCode, HsmError};

fn planned(result: Result<DeviceEvent, HsmError>) -> Planned {
    match result {
        Ok(event) => (
            vec![Event::Device(event)],
            Ok((Effect::None, DeviceAnswer::Done)),
        ),
        Err(error) => (Vec::new(), Err(error)),
    }
}

fn check_name(name: &[u8]) -> Result<(), HsmError> {
    if (1..=MAX_FILE_NAME).contains(&name.len()) {
        Ok(())
    } else {
        Err(HsmError::about(
            ErrorCode::BadRequest,
            "a file's name has 1 to 128 bytes",
        ))
    }
}

fn existing<'a>(state: &'a State, name: &[u8]) -> Result<&'a [u8], HsmError> {
    check_name(name)?;
    state
        .device
        .file(name)
        .ok_or_else(|| ErrorCode::NoSuchFile.into())
}

pub(super) fn create(state: &State, name: &[u8], size: u32) -> Planned {
    planned(check_name(name).and_then(|()| {
        if state.device.file(name).is_some() {
            return Err(ErrorCode::FileExists.into());
        }
        let fits = usize::try_from(size).is_ok_and(|size| (1..=MAX_FILE).contains(&size));
        if !fits || state.device.file_count() >= MAX_FILES {
            return Err(ErrorCode::FileSize.into());
        }
        Ok(DeviceEvent::FileCreated {
            name: name.to_vec(),
            size,
        })
    }))
}

pub(super) fn write(state: &State, name: &[u8], offset: u32, data: &[u8]) -> Planned {
    planned(existing(state, name).and_then(|file| {
        let start = position(file, offset)?;
        if data.is_empty() || data.len() > file.len() - start {
            return Err(HsmError::about(
                ErrorCode::FileSize,
                "the piece ends beyond the file",
            ));
        }
        Ok(DeviceEvent::FileWritten {
            name: name.to_vec(),
            offset,
            data: data.to_vec(),
        })
    }))
}

pub(super) fn delete(state: &State, name: &[u8]) -> Planned {
    planned(existing(state, name).map(|_| DeviceEvent::FileDeleted {
        name: name.to_vec(),
    }))
}

/// Up to `length` bytes, fewer at the file's end.
pub(super) fn read(state: &State, name: &[u8], offset: u32, length: u32) -> Outcome {
    let file = existing(state, name)?;
    let rest = &file[position(file, offset)?..];
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let piece = rest[..length.min(rest.len())].to_vec();
    Ok((Effect::None, DeviceAnswer::Bytes(Secret(piece))))
}

/// The offset, inside the file.
fn position(file: &[u8], offset: u32) -> Result<usize, HsmError> {
    usize::try_from(offset)
        .ok()
        .filter(|offset| *offset < file.len())
        .ok_or_else(|| ErrorCode::FileRange.into())
}
