//! The state file: a header, one snapshot, then the changes since, each a frame with a chained checksum.
//!
//! ```text
//! header  "RHC-SIM-STATE" ‖ format version(1) ‖ kind(1)
//! frame   len(4, LE) ‖ ~len(4) ‖ sum(8) ‖ payload(len)      sum = left 8 of SM3(previous sum ‖ payload), first previous 0
//! ```
//!
//! The first payload is the snapshot, every further one a list of changes, in postcard's encoding. A last frame that is
//! cut short is a command whose answer never left the card: it is dropped. Anything else that does not fit is damage,
//! and the file is refused by name rather than half believed. A long journal is rewritten as a snapshot in a temporary
//! file that then takes the old one's name. The file holds keys: it is made with mode 0600, and it is locked while
//! a virtual card uses it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cardlib_card::gm::sm3;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use zeroize::Zeroizing;

use super::Memory;

const MAGIC: &[u8; 13] = b"RHC-SIM-STATE";
const FORMAT: u8 = 1;
const HEADER_LEN: usize = 15;
const FRAME_HEAD: usize = 16;
/// A rewrite is due beyond this many bytes of changes.
const LONG: usize = 1 << 20;

/// Whose memory a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A user card.
    User,
    /// A SAM.
    Sam,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::User => b'U',
            Self::Sam => b'S',
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::User, Self::Sam]
            .into_iter()
            .find(|k| k.byte() == byte)
    }
}

/// Why a state file was refused or could not be written.
#[derive(Debug, Error)]
pub enum StateError {
    /// The system said no.
    #[error("state file {path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// Not made by this program.
    #[error("{0} is not a state file of a virtual card")]
    Foreign(PathBuf),
    /// Made by another version of it.
    #[error("state file {path} has format {found}; this program reads format {FORMAT}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u8,
    },
    /// A SAM's file for a user card or the reverse.
    #[error("state file {path} holds the other kind of card: use `rhc-card virtual {wanted}`")]
    Kind {
        /// The file.
        path: PathBuf,
        /// The command that would fit.
        wanted: &'static str,
    },
    /// Bytes were changed or lost.
    #[error(
        "state file {path} is damaged at byte {at}: restore a copy, or start a new card with another file"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        at: usize,
    },
    /// Another process has it.
    #[error("state file {0} is in use by another virtual card")]
    InUse(PathBuf),
    /// A change that cannot be encoded.
    #[error("the card's state cannot be encoded: {0}")]
    Encode(postcard::Error),
}

/// An open state file, ready for the next frame.
pub struct Journal {
    path: PathBuf,
    file: File,
    sum: [u8; 8],
    len: u64,
    changes_len: usize,
}

impl Journal {
    pub fn create<M: Memory>(path: &Path, memory: &M) -> Result<Self, StateError> {
        let file = options()
            .create_new(true)
            .open(path)
            .map_err(|cause| io(path, cause))?;
        lock(&file, path)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            sum: [0; 8],
            len: 0,
            changes_len: 0,
        };
        journal.begin(memory)?;
        Ok(journal)
    }

    pub fn open<M: Memory>(path: &Path) -> Result<(M, Self), StateError> {
        let mut file = options().open(path).map_err(|cause| io(path, cause))?;
        lock(&file, path)?;
        let bytes = read_all(&mut file, path)?;
        let read = replay::<M>(&bytes, path)?;
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

    pub fn append<C: Serialize>(&mut self, changes: &[C]) -> Result<(), StateError> {
        let payload = encode(&changes)?;
        let (frame, sum) = self.frame(&payload);
        self.write(&frame)?;
        self.sum = sum;
        self.changes_len += frame.len();
        Ok(())
    }

    pub fn is_long(&self) -> bool {
        self.changes_len > LONG
    }

    /// Starts the file anew with a snapshot.
    pub fn rewrite<M: Memory>(&mut self, memory: &M) -> Result<(), StateError> {
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        match std::fs::remove_file(&temporary) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(io(&temporary, cause));
            }
            _ => {}
        }
        let mut fresh = Self::create(&temporary, memory)?;
        std::fs::rename(&temporary, &self.path).map_err(|cause| io(&self.path, cause))?;
        fresh.path.clone_from(&self.path);
        *self = fresh;
        Ok(())
    }

    fn begin<M: Memory>(&mut self, memory: &M) -> Result<(), StateError> {
        let mut bytes = Zeroizing::new(MAGIC.to_vec());
        bytes.extend([FORMAT, M::KIND.byte()]);
        let snapshot = encode(memory)?;
        let (frame, sum) = self.frame(&snapshot);
        bytes.extend_from_slice(&frame);
        self.write(&bytes)?;
        self.sum = sum;
        Ok(())
    }

    /// A frame and the sum that the chain then stands at.
    fn frame(&self, payload: &[u8]) -> (Zeroizing<Vec<u8>>, [u8; 8]) {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let sum = chain(self.sum, payload);
        let mut frame = Zeroizing::new(Vec::with_capacity(FRAME_HEAD + payload.len()));
        frame.extend_from_slice(&len.to_le_bytes());
        frame.extend_from_slice(&(!len).to_le_bytes());
        frame.extend_from_slice(&sum);
        frame.extend_from_slice(payload);
        (frame, sum)
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

/// Which kind of card a state file belongs to, for commands that take either.
///
/// # Errors
/// [`StateError`] when it is no state file of this version.
pub fn kind_of(path: &Path) -> Result<Kind, StateError> {
    let mut head = [0u8; HEADER_LEN];
    let mut file = File::open(path).map_err(|cause| io(path, cause))?;
    file.read_exact(&mut head)
        .map_err(|_| StateError::Foreign(path.to_owned()))?;
    parse_header(&head, path)
}

/// Reads a state file without locking or changing it, whoever uses it.
pub fn peek<M: Memory>(path: &Path) -> Result<M, StateError> {
    let mut file = File::open(path).map_err(|cause| io(path, cause))?;
    let bytes = read_all(&mut file, path)?;
    replay(&bytes, path).map(|read| read.memory)
}

struct Replayed<M> {
    memory: M,
    /// Where the changes begin, and where the last whole frame ends.
    changes_from: usize,
    end: usize,
    sum: [u8; 8],
}

fn replay<M: Memory>(bytes: &[u8], path: &Path) -> Result<Replayed<M>, StateError> {
    check_header(bytes, path, M::KIND)?;
    let mut reader = Reader {
        bytes,
        at: HEADER_LEN,
        sum: [0; 8],
        path,
    };
    let mut memory: M = reader.next()?.ok_or(StateError::Damaged {
        path: path.to_owned(),
        at: HEADER_LEN,
    })?;
    let changes_from = reader.at;
    while let Some(changes) = reader.next::<Vec<M::Change>>()? {
        for change in &changes {
            memory.apply(change);
        }
    }
    Ok(Replayed {
        memory,
        changes_from,
        end: reader.at,
        sum: reader.sum,
    })
}

fn read_all(file: &mut File, path: &Path) -> Result<Zeroizing<Vec<u8>>, StateError> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes)
        .map_err(|cause| io(path, cause))?;
    Ok(bytes)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    sum: [u8; 8],
    path: &'a Path,
}

impl Reader<'_> {
    /// The next whole frame; `None` at the end or at a frame that is cut short.
    fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StateError> {
        let damaged = || StateError::Damaged {
            path: self.path.to_owned(),
            at: self.at,
        };
        let rest = &self.bytes[self.at..];
        let Some((head, body)) = rest.split_first_chunk::<FRAME_HEAD>() else {
            return Ok(None);
        };
        let [len, inverse] =
            [0, 4].map(|i| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]));
        if len != !inverse {
            return Err(damaged());
        }
        let Some(payload) = usize::try_from(len).ok().and_then(|len| body.get(..len)) else {
            return Ok(None);
        };
        let sum = chain(self.sum, payload);
        if sum != head[8..] {
            return Err(damaged());
        }
        let value = postcard::from_bytes(payload).map_err(|_| damaged())?;
        self.sum = sum;
        self.at += FRAME_HEAD + payload.len();
        Ok(Some(value))
    }
}

fn chain(previous: [u8; 8], payload: &[u8]) -> [u8; 8] {
    let mut hash = sm3::Sm3::new();
    hash.update(&previous);
    hash.update(payload);
    let digest = hash.finish();
    std::array::from_fn(|i| digest[i])
}

fn encode<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, StateError> {
    postcard::to_stdvec(value)
        .map(Zeroizing::new)
        .map_err(StateError::Encode)
}

fn check_header(bytes: &[u8], path: &Path, wanted: Kind) -> Result<(), StateError> {
    let head = bytes
        .first_chunk::<HEADER_LEN>()
        .ok_or_else(|| StateError::Foreign(path.to_owned()))?;
    let found = parse_header(head, path)?;
    if found == wanted {
        return Ok(());
    }
    Err(StateError::Kind {
        path: path.to_owned(),
        wanted: match found {
            Kind::User => "user",
            Kind::Sam => "sam",
        },
    })
}

fn parse_header(head: &[u8; HEADER_LEN], path: &Path) -> Result<Kind, StateError> {
    if head[..13] != *MAGIC {
        return Err(StateError::Foreign(path.to_owned()));
    }
    if head[13] != FORMAT {
        return Err(StateError::Format {
            path: path.to_owned(),
            found: head[13],
        });
    }
    Kind::from_byte(head[14]).ok_or_else(|| StateError::Foreign(path.to_owned()))
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

fn io(path: &Path, cause: std::io::Error) -> StateError {
    StateError::Io {
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Nvm;
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize, Debug, PartialEq, Default)]
    struct Counters(Vec<u8>);

    impl Memory for Counters {
        type Change = u8;
        const KIND: Kind = Kind::User;
        fn apply(&mut self, change: &u8) {
            self.0.push(*change);
        }
    }

    fn filled(dir: &tempfile::TempDir) -> PathBuf {
        let path = dir.path().join("state");
        let mut nvm = Nvm::create(&path, Counters(vec![9])).unwrap();
        nvm.commit(&[1, 2]).unwrap();
        nvm.commit(&[3]).unwrap();
        path
    }

    #[test]
    fn changes_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = filled(&dir);
        let nvm = Nvm::<Counters>::open(&path).unwrap();
        assert_eq!(nvm.get().0, [9, 1, 2, 3]);
        assert!(matches!(
            Nvm::<Counters>::open(&path),
            Err(StateError::InUse(_))
        ));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&path).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_cut_frame_is_undone_and_the_card_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = filled(&dir);
        let whole = std::fs::read(&path).unwrap();
        let last_frame = FRAME_HEAD + 2;
        for lost in 1..last_frame {
            std::fs::write(&path, &whole[..whole.len() - lost]).unwrap();
            let mut nvm = Nvm::<Counters>::open(&path).unwrap();
            assert_eq!(nvm.get().0, [9, 1, 2]);
            nvm.commit(&[7]).unwrap();
            drop(nvm);
            let nvm = Nvm::<Counters>::open(&path).unwrap();
            assert_eq!(nvm.get().0, [9, 1, 2, 7]);
        }
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = filled(&dir);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x41;
            std::fs::write(&path, &bad).unwrap();
            assert!(Nvm::<Counters>::open(&path).is_err(), "byte {at}");
        }
        std::fs::write(&path, &whole[..HEADER_LEN + 5]).unwrap();
        assert!(matches!(
            Nvm::<Counters>::open(&path),
            Err(StateError::Damaged { .. })
        ));
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(
            Nvm::<Counters>::open(&path),
            Err(StateError::Foreign(_))
        ));
    }

    #[test]
    fn a_long_journal_becomes_a_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let mut nvm = Nvm::create(&path, Counters::default()).unwrap();
        for _ in 0..40 {
            nvm.commit(&vec![5; 30_000]).unwrap();
        }
        drop(nvm);
        let len = std::fs::metadata(&path).unwrap().len();
        assert!(len < 40 * 30_000 + LONG as u64 / 2, "{len}");
        let nvm = Nvm::<Counters>::open(&path).unwrap();
        assert_eq!(nvm.get().0.len(), 40 * 30_000);
        assert!(!dir.path().join("state.new").exists());
    }
}
