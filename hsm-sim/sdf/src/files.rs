//! User files of the device.

use crate::failure::Failure;
use crate::session::Open;
use hsm_wire::device::{DeviceRequest, MAX_FILE_NAME, Secret};

/// # Errors
/// Not 1 to 128 bytes.
pub fn name(name: &[u8]) -> Result<Secret, Failure> {
    if (1..=MAX_FILE_NAME).contains(&name.len()) {
        Ok(Secret(name.to_vec()))
    } else {
        Err(Failure::input("a file's name has 1 to 128 bytes"))
    }
}

impl Open {
    pub fn create_file(&mut self, name: Secret, size: u32) -> Result<(), Failure> {
        self.done(DeviceRequest::CreateFile { name, size })
    }

    /// Up to `length` bytes.
    pub fn read_file(&mut self, name: Secret, offset: u32, length: u32) -> Result<Secret, Failure> {
        let piece = self.bytes(DeviceRequest::ReadFile {
            name,
            offset,
            length,
        })?;
        // More than was asked for would go past the caller's buffer.
        if u32::try_from(piece.0.len()).is_ok_and(|got| got <= length) {
            Ok(piece)
        } else {
            Err(Failure::unexpected())
        }
    }

    pub fn write_file(&mut self, name: Secret, offset: u32, data: &[u8]) -> Result<(), Failure> {
        let data = Secret(data.to_vec());
        self.done(DeviceRequest::WriteFile { name, offset, data })
    }

    pub fn delete_file(&mut self, name: Secret) -> Result<(), Failure> {
        self.done(DeviceRequest::DeleteFile { name })
    }
}
