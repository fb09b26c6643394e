//! The daemon's configuration for a number of readers of this driver.

use std::path::{Path, PathBuf};

use crate::codes::MAX_READERS;

/// pcscd wants the part of DEVICENAME before the colon to exist, and our sockets do not until the reader is open.
pub const DEVICE_PREFIX: &[u8] = b"/dev/null:";

/// A reader as the daemon is told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name in PC/SC: pcscd adds the number of the reader in this library and of the slot, hexadecimal.
    pub name: String,
    /// Where its card connects.
    pub socket: PathBuf,
}

/// `count` readers (at most 16) with their sockets in `folder`.
#[must_use]
pub fn places(folder: &Path, count: u8) -> Vec<Place> {
    (0..count.min(MAX_READERS))
        .map(|number| Place {
            name: format!("RHC Reader {number:02X} 00"),
            socket: folder.join(format!("reader{number:02}")),
        })
        .collect()
}

/// The text of a `reader.conf` with the readers of [`places`], served by `library`.
#[must_use]
pub fn reader_conf(library: &Path, folder: &Path, count: u8) -> String {
    let entry = |(number, place): (usize, &Place)| {
        format!(
            "FRIENDLYNAME \"RHC Reader\"\nDEVICENAME /dev/null:{}\nLIBPATH {}\nCHANNELID {number}\n\n",
            place.socket.display(),
            library.display()
        )
    };
    places(folder, count)
        .iter()
        .enumerate()
        .map(entry)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_readers_are_the_most() {
        let text = reader_conf(Path::new("/lib/x.so"), Path::new("/run/r"), 200);
        assert_eq!(text.matches("LIBPATH /lib/x.so").count(), 16);
        assert!(
            text.contains("FRIENDLYNAME \"RHC Reader\"\nDEVICENAME /dev/null:/run/r/reader15\n")
        );
        assert_eq!(places(Path::new("/run/r"), 1)[0].name, "RHC Reader 00 00");
    }
}
