//! What a journal is written on: a file, or in tests a file whose power goes at a chosen byte.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes that stay when the process ends.
pub trait Medium: Send {
    /// Writes at an offset; on an error any first part of the bytes may be there.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts off what stands behind.
    ///
    /// # Errors
    /// The system's.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Medium for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// How a file becomes a medium. [`on_file`] is what cards use; tests of tearing put something in between.
pub type Mount = Arc<dyn Fn(File) -> Box<dyn Medium> + Send + Sync>;

/// The file itself.
#[must_use]
pub fn on_file() -> Mount {
    Arc::new(|file| Box::new(file))
}
