//! An open state file: frames are added at its end, one write for all changes of a commit, and then its generation.
//!
//! A long journal is rewritten as a snapshot in a temporary file that then takes the old one's name; a new file comes to
//! its name whole in the same way. The file holds keys: it is made with mode 0600, and it is locked while a virtual
//! card uses it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

use super::Memory;
use super::error::{StateError, io};
use super::frame::{self, Sum};
use super::medium::{Medium, Mount};

/// A rewrite is due beyond this many bytes of changes.
pub(super) const LONG: usize = 1 << 20;

/// An open state file, ready for the next frame.
pub struct Journal {
    path: PathBuf,
    mount: Mount,
    medium: Box<dyn Medium>,
    snapshot: Sum,
    sum: Sum,
    generation: u64,
    len: u64,
    changes_len: usize,
}

impl Journal {
    /// A new file; one that exists is not touched.
    pub fn create<M: Memory>(path: &Path, memory: &M, mount: Mount) -> Result<Self, StateError> {
        let (temporary, mut journal) = Self::beside(path, memory, mount)?;
        // Unlike a rename, a link does not replace what is there.
        let linked = std::fs::hard_link(&temporary, path);
        let _ = std::fs::remove_file(&temporary);
        linked.map_err(|cause| io(path, cause))?;
        path.clone_into(&mut journal.path);
        Ok(journal)
    }

    /// An existing file, locked; what a power cut left undone is undone or done.
    pub fn open<M: Memory>(path: &Path, mount: Mount) -> Result<(M, Self), StateError> {
        let mut file = options().open(path).map_err(|cause| io(path, cause))?;
        lock(&file, path)?;
        let bytes = read_all(&mut file, path)?;
        let read = frame::replay::<M>(&bytes, path)?;
        let mut journal = Self {
            path: path.to_owned(),
            medium: mount(file),
            mount,
            snapshot: read.snapshot,
            sum: read.sum,
            generation: read.generation,
            len: read.end as u64,
            changes_len: read.end - read.changes_from,
        };
        if read.end < bytes.len() {
            tracing::warn!(
                "the last command of this card was cut off by a power failure; it is undone"
            );
            let cut = journal.medium.cut(journal.len);
            cut.map_err(|cause| io(path, cause))?;
        }
        if read.slot_is_due {
            let slot = journal.write_slot(journal.generation);
            slot.map_err(|cause| io(path, cause))?;
        }
        Ok((read.memory, journal))
    }

    /// Adds the changes of one commit: they count once the frame is whole.
    pub fn append<C: Serialize>(&mut self, changes: &[C]) -> Result<(), StateError> {
        let (frame, sum) = frame::frame(self.sum, changes)?;
        let written = self
            .medium
            .write_at(self.len, &frame)
            .and_then(|()| self.write_slot(self.generation + 1));
        if let Err(cause) = written {
            // What a full disk left behind is cut off again. Should that fail too, the file is read as after a power cut.
            let _ = self.medium.cut(self.len);
            let _ = self.write_slot(self.generation);
            return Err(io(&self.path, cause));
        }
        self.generation += 1;
        self.len += frame.len() as u64;
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
        let (temporary, mut fresh) = Self::beside(&self.path, memory, self.mount.clone())?;
        std::fs::rename(&temporary, &self.path).map_err(|cause| io(&self.path, cause))?;
        fresh.path.clone_from(&self.path);
        *self = fresh;
        Ok(())
    }

    /// A whole file with a snapshot under a temporary name.
    fn beside<M: Memory>(
        path: &Path,
        memory: &M,
        mount: Mount,
    ) -> Result<(PathBuf, Self), StateError> {
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
        let mut bytes = Zeroizing::new(frame::header(M::KIND, sum));
        bytes.extend_from_slice(&snapshot);
        let mut medium = mount(file);
        medium
            .write_at(0, &bytes)
            .map_err(|cause| io(&temporary, cause))?;
        let journal = Self {
            path: temporary.clone(),
            mount,
            medium,
            snapshot: sum,
            sum,
            generation: 0,
            len: bytes.len() as u64,
            changes_len: 0,
        };
        Ok((temporary, journal))
    }

    fn write_slot(&mut self, generation: u64) -> std::io::Result<()> {
        let (at, slot) = frame::slot_of(self.snapshot, generation);
        self.medium.write_at(at, &slot)
    }
}

/// Reads a state file without locking or changing it, whoever uses it.
pub fn peek<M: Memory>(path: &Path) -> Result<M, StateError> {
    let mut file = File::open(path).map_err(|cause| io(path, cause))?;
    let bytes = read_all(&mut file, path)?;
    frame::peek(&bytes, path)
}

fn read_all(file: &mut File, path: &Path) -> Result<Zeroizing<Vec<u8>>, StateError> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes)
        .map_err(|cause| io(path, cause))?;
    Ok(bytes)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn lock(file: &File, path: &Path) -> Result<(), StateError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse(path.to_owned())),
        Err(TryLockError::Error(cause)) => Err(io(path, cause)),
    }
}
