//! Evidence: every command with its answer and time, chained and signed.
//!
//! | module | one idea |
//! |---|---|
//! | [`record`] | one line of the record |
//! | [`chain`] | the file of records, SM3-chained; written, resumed, read |
//! | [`resume`] | an interrupted run goes on |
//! | [`package`] | the signed folder, and its check |
//! | [`key`] | the laboratory's SM2 key |

pub mod chain;
pub mod key;
pub mod package;
pub mod record;
pub mod resume;

use std::fs::File;
use std::path::Path;

/// The largest file of a package that is read; one run is far smaller.
pub const MAX_FILE: u64 = 256 << 20;

/// Opens a file of a package that may come from anybody: a pipe or a device in its place would keep its reader for ever.
pub(crate) fn plain_file(path: &Path) -> std::io::Result<File> {
    let about = std::fs::symlink_metadata(path)?;
    if !about.is_file() || about.len() > MAX_FILE {
        return Err(std::io::Error::other("no plain file of a package's size"));
    }
    File::open(path)
}
