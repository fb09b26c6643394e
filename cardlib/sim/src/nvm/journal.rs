//! An open state file: frames are added at its end, one `write` for all changes of a command.
//!
//! A long journal is rewritten as a snapshot in a temporary file that then takes the old one's name; a new file comes to
//! its name whole in the same way. The file holds keys: it is made with mode 0600, and it is locked while a virtual
//! card uses it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

use super::Memory;
use super::error::{StateError, io};
use super::frame::{self, Sum};

/// A rewrite is due beyond this many bytes of changes.
pub(super) const LONG: usize = 1 << 20;

/// An open state file, ready for the next frame.
pub struct Journal {
    path: PathBuf,
    file: File,
    sum: Sum,
    len: u64,
    changes_len: usize,
}

impl Journal {
    /// A new file; one that exists is not touched.
    pub fn create<M: Memory>(path: &Path, memory: &M) -> Result<Self, StateError> {
        let (temporary, mut journal) = Self::beside(path, memory)?;
        // Unlike a rename, a link does not replace what is there.
        let linked = std::fs::hard_link(&temporary, path);
        let _ = std::fs::remove_file(&temporary);
        linked.map_err(|cause| io(path, cause))?;
        path.clone_into(&mut journal.path);
        Ok(journal)
    }

    /// An existing file, locked; a last frame that is cut short is cut off.
    pub fn open<M: Memory>(path: &Path) -> Result<(M, Self), StateError> {
        let mut file = options().open(path).map_err(|cause| io(path, cause))?;
        lock(&file, path)?;
        let bytes = read_all(&mut file, path)?;
        let read = frame::replay::<M>(&bytes, path)?;
        if read.end < bytes.len() {
            tracing::warn!(
                "the last command of this card was cut off by a power failure; it is undone"
            );
            file.set_len(read.end as u64)
                .map_err(|cause| io(path, cause))?;
        }
        let journal = Self {
            path: path.to_owned(),
            file,
            sum: read.sum,
            len: read.end as u64,
            changes_len: read.end - read.changes_from,
        };
        Ok((read.memory, journal))
    }

    /// Adds the changes of one command.
    pub fn append<C: Serialize>(&mut self, changes: &[C]) -> Result<(), StateError> {
        let (frame, sum) = frame::frame(self.sum, changes)?;
        self.write(&frame)?;
        self.sum = sum;
        self.changes_len += frame.len();
        Ok(())
    }

    /// Whether a rewrite is due.
    pub fn is_long(&self) -> bool {
        self.changes_len > LONG
    }

    /// Starts the file anew with a snapshot.
    pub fn rewrite<M: Memory>(&mut self, memory: &M) -> Result<(), StateError> {
        let (temporary, mut fresh) = Self::beside(&self.path, memory)?;
        std::fs::rename(&temporary, &self.path).map_err(|cause| io(&self.path, cause))?;
        fresh.path.clone_from(&self.path);
        *self = fresh;
        Ok(())
    }

    /// A whole file with a snapshot under a temporary name.
    fn beside<M: Memory>(path: &Path, memory: &M) -> Result<(PathBuf, Self), StateError> {
        let mut name = path.to_owned().into_os_string();
        name.push(".new");
        let temporary = PathBuf::from(name);
        match std::fs::remove_file(&temporary) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(io(&temporary, cause)),
            _ => {}
        }
        let file = options()
            .create_new(true)
            .open(&temporary)
            .map_err(|cause| io(&temporary, cause))?;
        lock(&file, &temporary)?;
        let (snapshot, sum) = frame::frame(Sum::default(), memory)?;
        let mut bytes = Zeroizing::new(frame::header(M::KIND));
        bytes.extend_from_slice(&snapshot);
        let mut journal = Self {
            path: temporary.clone(),
            file,
            sum,
            len: 0,
            changes_len: 0,
        };
        journal.write(&bytes)?;
        Ok((temporary, journal))
    }

    /// Writes all or nothing: what a full disk left behind is cut off again.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        if let Err(cause) = self.file.write_all(bytes) {
            let _ = self.file.set_len(self.len);
            return Err(io(&self.path, cause));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }
}

/// Reads a state file without locking or changing it, whoever uses it.
pub fn peek<M: Memory>(path: &Path) -> Result<M, StateError> {
    let mut file = File::open(path).map_err(|cause| io(path, cause))?;
    let bytes = read_all(&mut file, path)?;
    frame::replay(&bytes, path).map(|read| read.memory)
}

fn read_all(file: &mut File, path: &Path) -> Result<Zeroizing<Vec<u8>>, StateError> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes)
        .map_err(|cause| io(path, cause))?;
    Ok(bytes)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(0o600);
    options
}

fn lock(file: &File, path: &Path) -> Result<(), StateError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse(path.to_owned())),
        Err(TryLockError::Error(cause)) => Err(io(path, cause)),
    }
}
