//! What a user card keeps without power: keys with their counters, files, blocks, life cycle.
//!
//! Everything is found by its place in the profile: directories, files and key versions in the profile's order.

use cardlib_card::element;
use cardlib_card::profile::{File, FileKind, Profile};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::crypto::Key;
use crate::nvm::{Kind, Memory};
use crate::stage::{BaseKey, Chip, Stage};

/// Whether an application is blocked (R41, R42).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Block {
    /// Open.
    None,
    /// Until APPLICATION UNBLOCK.
    Temporary,
    /// For ever.
    Permanent,
}

/// A directory.
#[derive(Clone, Serialize, Deserialize)]
pub struct DfMemory {
    /// Created already.
    pub exists: bool,
    /// Blocked by a command, or by the last of the wrong MACs.
    pub block: Block,
    /// Wrong MACs left (D10, R45).
    pub mac_tries: u8,
}

impl DfMemory {
    /// Whether it is blocked: also when the power went after the last try was spent and before its MAC was found wrong,
    /// or else tearing would give a forger as many tries as they like (R70).
    #[must_use]
    pub fn blocked(&self) -> Block {
        match self.block {
            Block::None if self.mac_tries == 0 => Block::Temporary,
            block => block,
        }
    }
}

/// A file: its bytes, records one after another (cyclic: newest first).
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct FileMemory {
    /// Content.
    pub bytes: Vec<u8>,
    /// Records of a cyclic file that have been written (R19).
    pub used: usize,
}

/// One version of one key.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeyMemory {
    /// The key.
    pub key: Key,
    /// Wrong authentications left (D11, R33).
    pub tries: u8,
}

/// All of it.
#[derive(Clone, Serialize, Deserialize)]
pub struct UserMemory {
    /// Name of the profile that the COS was made for.
    pub profile: String,
    /// The maker's part.
    pub chip: Chip,
    /// Life cycle.
    pub stage: Stage,
    /// Key of the personalisation dialect.
    pub base: BaseKey,
    /// Directories.
    pub dfs: Vec<DfMemory>,
    /// Files; none until created.
    pub files: Vec<Option<FileMemory>>,
    /// Key versions; none until written.
    pub keys: Vec<Option<KeyMemory>>,
}

/// One change.
#[derive(Clone, Serialize, Deserialize)]
pub enum Change {
    /// Life cycle.
    Stage(Stage),
    /// Another base key.
    Base(BaseKey),
    /// The base key's sequence counter.
    Counter(u32),
    /// A directory now exists.
    CreateDf(usize),
    /// A file now exists: length and the byte that fills it.
    CreateFile(usize, usize, u8),
    /// Bytes of a file, at an offset.
    Write(usize, usize, Vec<u8>),
    /// A record before the first of a cyclic file; the oldest is lost.
    Append(usize, Vec<u8>),
    /// A key version.
    WriteKey(usize, KeyMemory),
    /// Its counter.
    KeyTries(usize, u8),
    /// A directory's MAC counter.
    MacTries(usize, u8),
    /// A directory's block.
    Block(usize, Block),
    /// No files, directories and application keys any more.
    Wipe(u8),
}

impl UserMemory {
    /// A blank of this profile.
    #[must_use]
    pub fn blank(profile: &Profile, chip: Chip, transport: Key) -> Self {
        let mut memory = Self {
            profile: profile.name.clone(),
            chip,
            stage: Stage::Blank,
            base: BaseKey::fresh(0, transport),
            dfs: vec![
                DfMemory {
                    exists: false,
                    block: Block::None,
                    mac_tries: 0
                };
                profile.dfs.len()
            ],
            files: vec![None; profile.files.len()],
            keys: vec![None; profile.key_instances().count()],
        };
        memory.apply(&Change::Wipe(profile.assumed.mac_error_limit.value));
        memory
    }

    /// Whether the memory has the shape that the profile asks for: a state file may come from anywhere.
    #[must_use]
    pub fn fits(&self, profile: &Profile) -> bool {
        let files = self.files.iter().zip(&profile.files);
        self.profile == profile.name
            && self.dfs.len() == profile.dfs.len()
            && self.files.len() == profile.files.len()
            && self.keys.len() == profile.key_instances().count()
            && files
                .flat_map(|(memory, file)| memory.as_ref().map(|m| (m, file)))
                .all(|(memory, file)| memory.bytes.len() == file_len(file))
    }

    /// Whether every directory, file and key version is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.dfs.iter().all(|df| df.exists)
            && self.files.iter().all(Option::is_some)
            && self.keys.iter().all(Option::is_some)
    }
}

impl Memory for UserMemory {
    type Change = Change;
    const KIND: Kind = Kind::User;

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Stage(stage) => self.stage = *stage,
            Change::Base(base) => self.base = base.clone(),
            Change::Counter(counter) => self.base.counter = *counter,
            Change::CreateDf(df) => self.df(*df, |df| df.exists = true),
            Change::CreateFile(at, len, fill) => {
                // Nothing on a card is longer; a forged file must not ask for all the memory there is.
                let fits = *len <= usize::from(u16::MAX);
                if let Some(file) = self.files.get_mut(*at).filter(|_| fits) {
                    *file = Some(FileMemory {
                        bytes: vec![*fill; *len],
                        used: 0,
                    });
                }
            }
            Change::Write(at, offset, bytes) => self.file(*at, |file| {
                let end = offset.saturating_add(bytes.len());
                if let Some(place) = file.bytes.get_mut(*offset..end) {
                    place.copy_from_slice(bytes);
                }
            }),
            Change::Append(at, record) => self.file(*at, |file| {
                if let Some(keep) = file.bytes.len().checked_sub(record.len()) {
                    file.bytes.copy_within(..keep, record.len());
                    file.bytes[..record.len()].copy_from_slice(record);
                    file.used = file.used.saturating_add(1);
                }
            }),
            Change::WriteKey(at, key) => {
                if let Some(place) = self.keys.get_mut(*at) {
                    *place = Some(key.clone());
                }
            }
            Change::KeyTries(at, tries) => {
                if let Some(Some(key)) = self.keys.get_mut(*at) {
                    key.tries = *tries;
                }
            }
            Change::MacTries(at, tries) => self.df(*at, |df| df.mac_tries = *tries),
            Change::Block(at, block) => self.df(*at, |df| df.block = *block),
            Change::Wipe(mac_tries) => self.wipe(*mac_tries),
        }
    }
}

impl UserMemory {
    fn df(&mut self, at: usize, change: impl FnOnce(&mut DfMemory)) {
        if let Some(df) = self.dfs.get_mut(at) {
            change(df);
        }
    }

    fn file(&mut self, at: usize, change: impl FnOnce(&mut FileMemory)) {
        if let Some(Some(file)) = self.files.get_mut(at) {
            change(file);
        }
    }

    fn wipe(&mut self, mac_tries: u8) {
        for (at, df) in self.dfs.iter_mut().enumerate() {
            *df = DfMemory {
                exists: at == 0,
                block: Block::None,
                mac_tries,
            };
        }
        self.files.fill(None);
        self.keys.fill(None);
    }
}

/// Bytes that a file takes.
#[must_use]
pub fn file_len(file: &File) -> usize {
    match file.kind {
        FileKind::Binary => file.size,
        FileKind::Fixed | FileKind::Cyclic => file.size * file.records,
        FileKind::Variable => file.elements.iter().map(|e| e.len + 2).sum(),
    }
}

/// Where record `number` (from 1) of a file begins and how long it is.
#[must_use]
pub fn record_place(file: &File, number: u8) -> Option<(usize, usize)> {
    let len = file.record_len(number)?;
    let before = (1..number).filter_map(|n| file.record_len(n)).sum();
    Some((before, len))
}

/// The changes that make a file as it is before anything is written: R20 for elements, R25 for the rest.
#[must_use]
pub fn creation(at: usize, file: &File) -> Vec<Change> {
    let mut changes = vec![Change::CreateFile(
        at,
        file_len(file),
        file.fill.unwrap_or(0),
    )];
    if file.kind == FileKind::Variable {
        let records = file.elements.iter().flat_map(|e| {
            // Tags and lengths of variable files are one byte each; the profile's loader checked them.
            let head = [e.tag.unwrap_or(0), e.len.to_le_bytes()[0]];
            [&head[..], &element::blank(e.kind, e.len)].concat()
        });
        changes.push(Change::Write(at, 0, records.collect()));
    }
    changes
}
