//! The journal: one sealed record per operation, chained.

use super::seal::{open, seal};
use super::version::{Version, decode_events};
use super::{StoreError, place};
use crate::cipher::Sm4Key;
use crate::state::Event;
use crate::world::{NextWrite, World};
use sm3::{Digest, Sm3};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// length(4) ‖ number(8) ‖ check(4).
const RECORD_HEADER: usize = 16;
/// Longest record that can have been written.
const MAX_RECORD: usize = 64 << 20;

/// One record, and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    number: u64,
    /// Tag of the record before.
    previous: [u8; 16],
    /// Place of this journal, to which number and previous tag are added.
    place: Vec<u8>,
}

impl Journal {
    /// A new, empty one; durable when it returns.
    pub(super) fn create(path: &Path, generation: u64, header: &[u8]) -> Result<Self, StoreError> {
        let make = || {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path)?;
            file.sync_all()?;
            Ok(file)
        };
        let file = make().map_err(StoreError::io(path))?;
        Ok(Self::at_start(path, file, generation, header))
    }

    fn at_start(path: &Path, file: File, generation: u64, header: &[u8]) -> Self {
        let place = place(header, b"journal", generation);
        Self {
            path: path.to_owned(),
            file,
            length: 0,
            number: 0,
            previous: [0; 16],
            place,
        }
    }

    /// Reads a journal to its end, record by record into `apply`. Returns it, and how many bytes of a broken-off write it
    /// dropped.
    pub(super) fn open(
        path: &Path,
        generation: u64,
        header: &[u8],
        (key, version): (&Sm4Key, Version),
        mut apply: impl FnMut(Event),
    ) -> Result<(Self, u64), StoreError> {
        let mut bytes = Vec::new();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(StoreError::io(path))?;
        file.read_to_end(&mut bytes).map_err(StoreError::io(path))?;
        let mut journal = Self::at_start(path, file, generation, header);
        let mut rest = bytes.as_slice();
        while let Some((record, after)) = journal.next_record(rest)? {
            let events = journal.read_record((key, version), record)?;
            events.into_iter().for_each(&mut apply);
            rest = after;
        }
        let dropped = rest.len() as u64;
        journal.length = bytes.len() as u64 - dropped;
        if dropped > 0 {
            journal
                .file
                .set_len(journal.length)
                .and_then(|()| journal.file.sync_all())
                .map_err(StoreError::io(path))?;
        }
        journal
            .file
            .seek(SeekFrom::Start(journal.length))
            .map_err(StoreError::io(path))?;
        Ok((journal, dropped))
    }

    /// Splits one whole record off; `None` at the end or at a record that was cut off.
    fn next_record<'a>(&self, rest: &'a [u8]) -> Result<Option<Split<'a>>, StoreError> {
        // What a power cut leaves is shorter than a header, or zeros that the file system had reserved.
        if rest.len() < RECORD_HEADER || rest.iter().all(|&b| b == 0) {
            return Ok(None);
        }
        let damaged = || StoreError::damaged(&self.path, "a record was changed, moved or left out");
        let (header, after) = rest
            .split_first_chunk::<RECORD_HEADER>()
            .ok_or_else(damaged)?;
        let [a, b, c, d, ..] = *header;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > MAX_RECORD || *header != record_header(length, self.number) {
            return Err(damaged());
        }
        Ok(after.split_at_checked(length))
    }

    fn read_record(
        &mut self,
        (key, version): (&Sm4Key, Version),
        record: &[u8],
    ) -> Result<Vec<Event>, StoreError> {
        let damaged = || StoreError::damaged(&self.path, "a record was changed, moved or left out");
        let plain = open(key, &self.record_place(), record).ok_or_else(damaged)?;
        let tag = record.last_chunk::<16>().ok_or_else(damaged)?;
        let events = decode_events(version, &plain).ok_or_else(|| {
            StoreError::damaged(&self.path, "is of another version of this program")
        })?;
        self.previous = *tag;
        self.number += 1;
        Ok(events)
    }

    /// Appends one record; it is on the disk when this returns.
    pub(super) fn append(
        &mut self,
        key: &Sm4Key,
        plain: &[u8],
        world: &mut World,
    ) -> Result<(), StoreError> {
        let sealed = seal(key, world, &self.record_place(), plain)?;
        let tag = sealed.last_chunk::<16>().ok_or(StoreError::Seal)?;
        let mut record = Vec::with_capacity(RECORD_HEADER + sealed.len());
        record.extend_from_slice(&record_header(sealed.len(), self.number));
        record.extend_from_slice(&sealed);
        let written = match world.disk.next_write() {
            NextWrite::Whole => self.file.write_all(&record),
            NextWrite::Full => Err(io::ErrorKind::StorageFull.into()),
            NextWrite::Half => self
                .file
                .write_all(&record[..record.len() / 2])
                .and_then(|()| self.file.sync_data())
                .and(Err(io::ErrorKind::Interrupted.into())),
        };
        written
            .and_then(|()| self.file.sync_data())
            .map_err(StoreError::io(&self.path))?;
        self.length += record.len() as u64;
        self.previous = *tag;
        self.number += 1;
        Ok(())
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    fn record_place(&self) -> Vec<u8> {
        let mut place = self.place.clone();
        place.extend_from_slice(&self.number.to_be_bytes());
        place.extend_from_slice(&self.previous);
        place
    }
}

/// The check tells a changed length from a record that was cut off.
fn record_header(length: usize, number: u64) -> [u8; RECORD_HEADER] {
    let mut header = [0; RECORD_HEADER];
    header[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    header[4..12].copy_from_slice(&number.to_be_bytes());
    let check = Sm3::digest(&header[..12]);
    header[12..].copy_from_slice(&check[..4]);
    header
}
