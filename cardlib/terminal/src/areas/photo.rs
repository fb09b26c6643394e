//! DDF1/EF07: the photo (R75), written by plain UPDATE BINARY.

use crate::desk::Session;
use crate::error::FlowError;

const FILE: &str = "DDF1/EF07";
const JPEG: [u8; 2] = [0xFF, 0xD8];

impl Session<'_> {
    /// The photo as JPEG; empty for none.
    ///
    /// # Errors
    /// [`FlowError`] of what stops a reading.
    pub fn photo(&mut self) -> Result<Vec<u8>, FlowError> {
        let snapshot = self.flow.read(&[FILE])?;
        Ok(snapshot.photo().unwrap_or_default().to_vec())
    }

    /// Replaces the photo; an empty one removes it. The length is cleared first and written last, so that a card torn
    /// from its reader in between carries no photo rather than half of one.
    ///
    /// # Errors
    /// [`FlowError::Photo`] before anything is sent; [`FlowError::NotPermitted`], [`FlowError::OtherProvince`].
    pub fn update_photo(&mut self, jpeg: &[u8]) -> Result<(), FlowError> {
        let file = self.flow.file(FILE)?;
        if !jpeg.is_empty() && !jpeg.starts_with(&JPEG) {
            return Err(FlowError::Photo("is no JPEG; convert it first"));
        }
        if jpeg.len() + 2 > file.size {
            return Err(FlowError::Photo(
                "is larger than the card has room for (3072 bytes); compress it more",
            ));
        }
        // At most the file's size, which fits two bytes.
        let len = (jpeg.len() as u16).to_be_bytes();
        self.flow.open_file(file, &file.update)?;
        self.flow.card.update_binary(0, &[0, 0])?;
        if !jpeg.is_empty() {
            self.flow.card.update_binary(2, jpeg)?;
            self.flow.card.update_binary(0, &len)?;
        }
        Ok(())
    }
}
