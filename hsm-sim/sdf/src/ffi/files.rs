//! User files.

use super::raw::{Out, Room, bytes, value};
use super::{Handle, guarded, on_session};
use crate::codes::SDR_FILESIZEERR;
use crate::failure::Failure;
use crate::files::name;
use hsm_wire::device::{MAX_FILE, MAX_FILE_NAME, Secret};
use std::ffi::c_int;

/// # Safety
/// `data` is null or valid for reading `length` bytes.
unsafe fn file_name(data: *const u8, length: u32) -> Result<Secret, Failure> {
    let limit = u32::try_from(MAX_FILE_NAME).unwrap_or(u32::MAX);
    // SAFETY: the caller's promise.
    name(unsafe { bytes(data, length, limit, "file name") }?)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_CreateFile(
    hSessionHandle: Handle,
    pucFileName: *mut u8,
    uiNameLen: u32,
    uiFileSize: u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header (see `ffi`).
            let name = unsafe { file_name(pucFileName, uiNameLen) }?;
            open.create_file(name, uiFileSize)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_ReadFile(
    hSessionHandle: Handle,
    pucFileName: *mut u8,
    uiNameLen: u32,
    uiOffset: u32,
    puiReadLength: *mut u32,
    pucBuffer: *mut u8,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header.
            let (name, _, room) = unsafe {
                (
                    file_name(pucFileName, uiNameLen)?,
                    Out::new(puiReadLength)?,
                    Room::new(pucBuffer, puiReadLength)?,
                )
            };
            // SAFETY: the contract of the header; not null, as `Out::new` has just found.
            let wanted = unsafe { value(puiReadLength, "length") }?;
            if wanted == 0 {
                return Err(Failure::input("no bytes wanted"));
            }
            // No file is longer, and a request must fit its frame.
            let most = u32::try_from(MAX_FILE).unwrap_or(u32::MAX);
            let piece = open.read_file(name, uiOffset, wanted.min(most))?;
            room.put(&piece.0)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_WriteFile(
    hSessionHandle: Handle,
    pucFileName: *mut u8,
    uiNameLen: u32,
    uiOffset: u32,
    uiWriteLength: u32,
    pucBuffer: *mut u8,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header.
            let name = unsafe { file_name(pucFileName, uiNameLen) }?;
            let most = u32::try_from(MAX_FILE).unwrap_or(u32::MAX);
            if uiWriteLength > most {
                return Err(Failure::new(
                    SDR_FILESIZEERR,
                    "a file has at most 65536 bytes",
                ));
            }
            // SAFETY: the contract of the header.
            let data = unsafe { bytes(pucBuffer, uiWriteLength, most, "data") }?;
            if data.is_empty() {
                return Err(Failure::input("no data"));
            }
            open.write_file(name, uiOffset, data)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn SDF_DeleteFile(
    hSessionHandle: Handle,
    pucFileName: *mut u8,
    uiNameLen: u32,
) -> c_int {
    guarded(|| {
        on_session(hSessionHandle, |open| {
            // SAFETY: the contract of the header.
            let name = unsafe { file_name(pucFileName, uiNameLen) }?;
            open.delete_file(name)
        })
    })
}
