//! The sealed store: a snapshot and a journal of what came after it.
//!
//! ```text
//! DIR/hsm.json             format, mark, salt, check of the secret, generation at birth; bound into everything sealed
//! DIR/snapshot-G.sealed    nonce ‖ SM4-GCM(State)
//! DIR/journal-G.sealed     records: length(4) ‖ number(8) ‖ check(4) ‖ nonce ‖ SM4-GCM(events)
//! DIR/audit-N.sealed       audit records from number N on, moved out of the state by compaction
//! DIR/lock                 held by the one process that has the store open
//! ```
//! Each journal record is bound to its number and to the tag of the record before, so that none can be changed,
//! moved or left out. A tail that ends in the middle of a record is a write that power cut off: nothing was given out
//! for it, and it is dropped. Anything else that does not fit is refused. Cutting whole records off the end is what a
//! copy of yesterday's disk looks like: the epoch outside the store (`epoch.rs`) tells, and whoever uses the HSM and
//! remembers its audit's head (`hsm_wire::info::Remembered`). Stores of older versions are read and written anew
//! (`version.rs`).

mod archive;
mod epoch;
mod files;
mod journal;
mod seal;
mod version;

pub use epoch::EpochFile;
pub use seal::UnsealSecret;

use crate::cipher::Sm4Key;
use crate::state::{Event, State};
use crate::world::World;
use files::{decode, encode_secret, lock, newest_snapshot, write_durably};
use hsm_wire::{Hex, Mark};
use journal::Journal;
use serde::{Deserialize, Serialize};
use sm3::{Digest, Sm3};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use version::{Version, decode_state, encode_state};
use zeroize::Zeroizing;

/// Journal length that starts a compaction.
const COMPACT_BYTES: u64 = 32 << 20;
const FORMAT: &str = "rhc-hsm-store-1";

/// A store that cannot be made, opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{0} is no HSM store; make one with: rhc-hsm init --store {0}")]
    NoStore(PathBuf),
    #[error("{0} exists already; choose another directory")]
    Exists(PathBuf),
    #[error("{0} is open in another process; stop that rhc-hsm first")]
    InUse(PathBuf),
    #[error("the unsealing secret is not this store's; give serve the file that init wrote for it")]
    WrongSecret,
    #[error("{path}: {what}; restore the store from a backup")]
    Damaged { path: PathBuf, what: &'static str },
    #[error(
        "{0}: the epoch file is not there. If this store never had one, or its officers have compared the audit's head, \
         make it with --accept-epoch"
    )]
    NoEpochFile(PathBuf),
    #[error(
        "the store is older than its epoch file {0} says: a copy of before was put back. Restore the newest copy; what \
         the HSM gave out since then is lost to its counts. Officers who have compared the audit's head start it with \
         --accept-epoch"
    )]
    RolledBack(PathBuf),
    #[error("the random generator failed")]
    Entropy,
    #[error("the store cannot be sealed")]
    Seal,
}

impl StoreError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    fn damaged(path: &Path, what: &'static str) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            what,
        }
    }
}

/// The public header. A change to any field makes the snapshot unreadable.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    mark: Mark,
    salt: Hex<16>,
    check: Hex<8>,
    notice: String,
}

/// An open store.
pub(crate) struct Store {
    dir: PathBuf,
    header: Vec<u8>,
    key: Sm4Key,
    generation: u64,
    journal: Journal,
    keeper: Option<epoch::Keeper>,
    _lock: File,
}

/// What opening a store found.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) state: State,
    /// Bytes of a write that power cut off.
    pub(crate) dropped: u64,
}

impl Store {
    /// Makes a new store with this state.
    pub(crate) fn create(
        dir: &Path,
        secret: &UnsealSecret,
        state: &State,
        world: &mut World,
    ) -> Result<Self, StoreError> {
        if dir.join("hsm.json").exists() {
            return Err(StoreError::Exists(dir.to_owned()));
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(StoreError::io(dir))?;
        let lock = lock(dir)?;
        let salt = Hex(world.random::<16>().map_err(|_| StoreError::Entropy)?);
        let header = Header {
            format: FORMAT.to_owned(),
            mark: state.mark,
            salt,
            check: secret.check(&salt),
            notice: "a simulator in software: NOT FOR PRODUCTION KEYS".to_owned(),
        };
        let header = serde_json::to_vec(&header).map_err(|_| StoreError::Seal)?;
        let key = secret.store_key(&salt);
        let journal = Journal::create(&journal_path(dir, 0), 0, &header)?;
        let store = Self {
            dir: dir.to_owned(),
            header,
            key,
            generation: 0,
            journal,
            keeper: None,
            _lock: lock,
        };
        store.write_snapshot(0, state, world)?;
        // The header comes last: a directory without it is no store.
        write_durably(dir, "hsm.json", &store.header)?;
        Ok(store)
    }

    /// Opens a store and replays its journal.
    pub(crate) fn open(
        dir: &Path,
        secret: &UnsealSecret,
        world: &mut World,
    ) -> Result<Opened, StoreError> {
        let (header_bytes, header) = read_header(dir)?;
        let lock = lock(dir)?;
        if secret.check(&header.salt) != header.check {
            return Err(StoreError::WrongSecret);
        }
        let key = secret.store_key(&header.salt);
        let generation = newest_snapshot(dir)?;
        let (mut state, version) = read_snapshot(dir, generation, &header_bytes, &key)?;
        let (journal, dropped) = Journal::open(
            &journal_path(dir, generation),
            generation,
            &header_bytes,
            (&key, version),
            |event| state.apply(event),
        )?;
        let mut store = Self {
            dir: dir.to_owned(),
            header: header_bytes,
            key,
            generation,
            journal,
            keeper: None,
            _lock: lock,
        };
        store.remove_other_generations();
        if version != Version::Two {
            tracing::info!("a store of an older version is written anew");
            store.compact(&mut state, world)?;
        }
        Ok(Opened {
            store,
            state,
            dropped,
        })
    }

    /// Makes events durable. After an error the store must not be used any more.
    pub(crate) fn append(&mut self, events: &[Event], world: &mut World) -> Result<(), StoreError> {
        let plain = encode_secret(&events)?;
        self.journal.append(&self.key, &plain, world)
    }

    /// Whether the journal has grown so long that a snapshot is due.
    pub(crate) fn wants_compaction(&self) -> bool {
        self.journal.length() > COMPACT_BYTES
    }

    /// Moves audit records into an archive, writes a new snapshot, and starts a new journal. Order matters: until the
    /// new snapshot has its name, snapshot and journal of before are complete.
    pub(crate) fn compact(
        &mut self,
        state: &mut State,
        world: &mut World,
    ) -> Result<(), StoreError> {
        archive::write(self, state, world)?;
        let recent = std::mem::take(&mut state.audit_recent);
        let next = self.generation + 1;
        let written = Journal::create(&journal_path(&self.dir, next), next, &self.header)
            .and_then(|journal| self.write_snapshot(next, state, world).map(|()| journal));
        match written {
            Ok(journal) => {
                self.journal = journal;
                self.generation = next;
                self.remove_other_generations();
                Ok(())
            }
            Err(error) => {
                state.audit_recent = recent;
                Err(error)
            }
        }
    }

    /// Audit records from number `from` on, out of the archives, at most `limit`.
    pub(crate) fn archived_audit(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<Vec<hsm_wire::info::AuditRecord>, StoreError> {
        archive::read(self, from, limit)
    }

    fn write_snapshot(
        &self,
        generation: u64,
        state: &State,
        world: &mut World,
    ) -> Result<(), StoreError> {
        let plain = encode_state(state)?;
        let place = place(&self.header, b"snapshot", generation);
        let sealed = seal::seal(&self.key, world, &place, &plain)?;
        write_durably(&self.dir, &format!("snapshot-{generation}.sealed"), &sealed)
    }

    /// Removes what a finished, or a broken-off, compaction left. Failing to is no harm.
    fn remove_other_generations(&self) {
        let keep = [
            format!("snapshot-{}.sealed", self.generation),
            format!("journal-{}.sealed", self.generation),
        ];
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let ours = name.starts_with("snapshot-")
                || name.starts_with("journal-")
                || name.ends_with(".new");
            if ours && !keep.contains(&name) && fs::remove_file(entry.path()).is_err() {
                tracing::warn!(file = name, "an old file of the store could not be removed");
            }
        }
    }
}

/// SM3 of the store's public header, if the secret is this store's.
pub(crate) fn secret_fits(
    dir: &Path,
    secret: &UnsealSecret,
) -> Result<Option<Hex<32>>, StoreError> {
    let (bytes, header) = read_header(dir)?;
    let fits = secret.check(&header.salt) == header.check;
    Ok(fits.then(|| Hex(Sm3::digest(&bytes).into())))
}

fn read_header(dir: &Path) -> Result<(Vec<u8>, Header), StoreError> {
    let path = dir.join("hsm.json");
    let bytes = fs::read(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => StoreError::NoStore(dir.to_owned()),
        _ => StoreError::io(&path)(e),
    })?;
    let header: Header =
        serde_json::from_slice(&bytes).map_err(|_| StoreError::damaged(&path, "cannot be read"))?;
    if header.format != FORMAT {
        return Err(StoreError::damaged(
            &path,
            "is of another version of this program",
        ));
    }
    Ok((bytes, header))
}

fn journal_path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("journal-{generation}.sealed"))
}

/// Additional data that binds a sealed piece to its store and place.
fn place(header: &[u8], kind: &[u8], number: u64) -> Vec<u8> {
    let mut place = Vec::with_capacity(header.len() + kind.len() + 16);
    place.extend_from_slice(header);
    place.push(0);
    place.extend_from_slice(kind);
    place.extend_from_slice(&number.to_be_bytes());
    place
}

fn read_snapshot(
    dir: &Path,
    generation: u64,
    header: &[u8],
    key: &Sm4Key,
) -> Result<(State, Version), StoreError> {
    let path = dir.join(format!("snapshot-{generation}.sealed"));
    let sealed = fs::read(&path).map_err(StoreError::io(&path))?;
    let plain = seal::open(key, &place(header, b"snapshot", generation), &sealed)
        .ok_or_else(|| StoreError::damaged(&path, "was changed, or is another store's"))?;
    decode_state(&plain)
        .ok_or_else(|| StoreError::damaged(&path, "is of another version of this program"))
}
