//! The epoch outside the store: a small file, best on another disk, that says how far the store had come.
//!
//! ```text
//! two slots of 96 bytes, written in turn: "RHCEPOC1" ‖ HSM(32) ‖ epoch(8) ‖ audit records(8) ‖ hash of the last(32) ‖ check(8)
//! ```
//! It is written after each record of the journal, and is on the disk with the first record of an opening; the system
//! brings the others there in its time. So after a power cut it may be behind the store, never ahead of it: a store
//! that is behind, or whose audit has another record where the file knows one, is a copy of before.

use super::{Store, StoreError};
use crate::control::{Control, enforced};
use crate::state::State;
use hsm_wire::Hex;
use hsm_wire::info::AuditHead;
use sm3::{Digest, Sm3};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

const MAGIC: &[u8; 8] = b"RHCEPOC1";
const SLOT: usize = 96;
const CHECKED: usize = SLOT - 8;

/// Where the epoch lies.
#[derive(Clone, Debug)]
pub struct EpochFile {
    pub path: PathBuf,
    /// Make it, or take the store as it is in spite of it: for officers who have compared the audit's head.
    pub accept: bool,
}

/// How far a store had come.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    id: Hex<32>,
    epoch: u64,
    head: AuditHead,
}

impl Mark {
    fn bytes(&self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..40].copy_from_slice(&self.id.0);
        bytes[40..48].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[48..56].copy_from_slice(&self.head.count.to_be_bytes());
        bytes[56..CHECKED].copy_from_slice(&self.head.hash.0);
        let check = Sm3::digest(&bytes[..CHECKED]);
        bytes[CHECKED..].copy_from_slice(&check[..8]);
        bytes
    }

    /// `None`: a slot that was never written, or not to its end.
    fn read(bytes: &[u8; SLOT]) -> Option<Self> {
        let part = |from: usize| <[u8; 8]>::try_from(&bytes[from..from + 8]).ok();
        let (mut id, mut hash) = ([0; 32], [0; 32]);
        id.copy_from_slice(&bytes[8..40]);
        hash.copy_from_slice(&bytes[56..CHECKED]);
        let mark = Self {
            id: Hex(id),
            epoch: u64::from_be_bytes(part(40)?),
            head: AuditHead {
                count: u64::from_be_bytes(part(48)?),
                hash: Hex(hash),
            },
        };
        (mark.bytes() == *bytes).then_some(mark)
    }
}

/// The open file.
pub(super) struct Keeper {
    path: PathBuf,
    file: File,
    /// Slot to write next.
    next: u64,
    /// Epoch whose first mark is on the disk.
    synced: Option<u64>,
}

impl Keeper {
    /// Opens the file, or makes it where that is accepted.
    fn open(place: &EpochFile) -> Result<(Self, Option<Mark>), StoreError> {
        let path = &place.path;
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(place.accept)
            .truncate(false)
            .mode(0o600)
            .open(path);
        let file = opened.map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => StoreError::NoEpochFile(path.clone()),
            _ => StoreError::io(path)(e),
        })?;
        if place.accept {
            // From here on the file knows nothing of what came before.
            file.set_len(0).map_err(StoreError::io(path))?;
        }
        let mut slots = [[0; SLOT]; 2];
        for (at, slot) in (0..).step_by(SLOT).zip(&mut slots) {
            // A file that is too short has a slot that was never written.
            let _ = file.read_exact_at(slot, at);
        }
        let [first, second] = slots.map(|slot| Mark::read(&slot));
        let count = |mark: &Option<Mark>| mark.map(|m| (m.epoch, m.head.count));
        let (known, next) = if count(&first) >= count(&second) {
            (first, 1)
        } else {
            (second, 0)
        };
        if known.is_none() && !place.accept {
            return Err(StoreError::damaged(path, "is no epoch file"));
        }
        let keeper = Self {
            path: path.clone(),
            file,
            next,
            synced: None,
        };
        Ok((keeper, known))
    }

    fn write(&mut self, mark: &Mark) -> Result<(), StoreError> {
        let offset = self.next * SLOT as u64;
        let written = self.file.write_all_at(&mark.bytes(), offset);
        let written = written.and_then(|()| {
            if self.synced == Some(mark.epoch) {
                return Ok(());
            }
            self.file.sync_all()
        });
        written.map_err(StoreError::io(&self.path))?;
        self.synced = Some(mark.epoch);
        self.next = 1 - self.next;
        Ok(())
    }
}

impl Store {
    /// Compares the store with its epoch file, and keeps the file from now on.
    pub(crate) fn keep_epoch(
        &mut self,
        place: &EpochFile,
        state: &State,
    ) -> Result<(), StoreError> {
        let (keeper, known) = Keeper::open(place)?;
        if let Some(known) = known
            && !self.follows(&known, state)?
            && enforced(Control::Epoch)
        {
            return Err(StoreError::RolledBack(place.path.clone()));
        }
        self.keeper = Some(keeper);
        Ok(())
    }

    /// Whether the state is what the mark says, or came after it.
    fn follows(&self, mark: &Mark, state: &State) -> Result<bool, StoreError> {
        let behind = state.epoch < mark.epoch || state.audit.count < mark.head.count;
        if mark.id != state.id() || behind {
            return Ok(false);
        }
        let Some(last) = mark.head.count.checked_sub(1) else {
            return Ok(true);
        };
        let recent = state.audit_recent.iter().find(|r| r.number == last);
        let record = match recent {
            Some(record) => Some(record.clone()),
            None => self.archived_audit(last, 1)?.into_iter().next(),
        };
        Ok(record.is_some_and(|record| record.number == last && record.hash == mark.head.hash))
    }

    /// Notes outside how far the store has come.
    pub(crate) fn mark_epoch(
        &mut self,
        id: Hex<32>,
        epoch: u64,
        head: AuditHead,
    ) -> Result<(), StoreError> {
        match &mut self.keeper {
            Some(keeper) => keeper.write(&Mark { id, epoch, head }),
            None => Ok(()),
        }
    }
}
