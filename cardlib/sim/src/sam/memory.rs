//! What a SAM keeps without power: roots and provincial keys, its signature key, PIN, five public files, life cycle.

use cardlib_card::profile::Profile;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::crypto::Key;
use crate::nvm::{Kind, Memory};
use crate::stage::{BaseKey, Chip, Stage};

/// A key that DELIVERY SESSION KEY can take (R51).
#[derive(Clone, Serialize, Deserialize)]
pub struct SamKey {
    /// Levels in the high three bits, kind in the low five.
    pub usage: u8,
    /// Place in the SAM.
    pub index: u8,
    /// Version.
    pub version: u8,
    /// Belongs to the national stage; the provincial stage's WIPE leaves it.
    pub national: bool,
    /// The key.
    pub key: Key,
    /// How often DELIVERY may take it, and has taken it (D45); none: as often as it likes, and nobody counts.
    pub ceiling: Option<Ceiling>,
}

/// A ceiling of uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Uses allowed.
    pub limit: u32,
    /// Uses so far.
    pub used: u32,
}

impl SamKey {
    /// Diversification steps down to the card's key.
    #[must_use]
    pub fn levels(&self) -> usize {
        usize::from(self.usage >> 5)
    }

    /// What session keys made from it may do.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.usage & 0x1F
    }

    fn is_same_place(&self, other: &Self) -> bool {
        (self.index, self.version) == (other.index, other.version)
    }
}

/// The private half of the SAM's signature key.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey(pub [u8; 32]);

/// The PIN and its counter.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Pin {
    /// Six digits, BCD.
    pub digits: [u8; 3],
    /// Wrong ones left (R54).
    pub tries: u8,
}

/// A public file.
#[derive(Clone, Serialize, Deserialize)]
pub struct PublicFile {
    /// Content; as long as the profile says.
    pub bytes: Vec<u8>,
    /// Bytes written from the start without a gap.
    pub filled: usize,
}

/// All of it.
#[derive(Clone, Serialize, Deserialize)]
pub struct SamMemory {
    /// Name of the profile that the COS was made for.
    pub profile: String,
    /// The maker's part; the factor is the chip serial.
    pub chip: Chip,
    /// Life cycle.
    pub stage: Stage,
    /// Locked by its issuer until unlocked (D45).
    pub locked: bool,
    /// Key of the personalisation dialect.
    pub base: BaseKey,
    /// The base key of the provincial stage, until that stage begins.
    pub provincial_master: Option<Key>,
    /// Application keys.
    pub keys: Vec<SamKey>,
    /// Signature key.
    pub private_key: Option<PrivateKey>,
    /// PIN.
    pub pin: Option<Pin>,
    /// Files in the profile's order.
    pub files: Vec<PublicFile>,
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
    /// The base key of the next stage.
    ProvincialMaster(Key),
    /// An application key.
    WriteKey(SamKey),
    /// The signature key.
    KeyPair(PrivateKey),
    /// The PIN.
    Pin(Pin),
    /// Its counter.
    PinTries(u8),
    /// Bytes of a file, at an offset.
    Write(usize, usize, Vec<u8>),
    /// What the provincial stage brought is gone.
    WipeProvincial,
    /// What either stage brought is gone.
    WipeAll,
    /// Index, version, and the ceiling that the key has from now on.
    Ceiling(u8, u8, Option<Ceiling>),
    /// Index and version of a key that is gone.
    Retire(u8, u8),
    /// Locked or not.
    Locked(bool),
    /// Every key is gone, and the chip answers nothing any more.
    Destroy,
}

impl SamMemory {
    /// A blank of this profile.
    #[must_use]
    pub fn blank(profile: &Profile, chip: Chip, transport: Key) -> Self {
        let file = |size| PublicFile {
            bytes: vec![0; size],
            filled: 0,
        };
        Self {
            profile: profile.name.clone(),
            chip,
            stage: Stage::Blank,
            locked: false,
            base: BaseKey::fresh(0, transport),
            provincial_master: None,
            keys: Vec::new(),
            private_key: None,
            pin: None,
            files: profile.sam.files.iter().map(|f| file(f.size)).collect(),
        }
    }

    /// Whether the memory has the shape that the profile asks for.
    #[must_use]
    pub fn fits(&self, profile: &Profile) -> bool {
        let mut files = self.files.iter().zip(&profile.sam.files);
        self.profile == profile.name
            && self.files.len() == profile.sam.files.len()
            && files.all(|(memory, file)| memory.bytes.len() == file.size)
    }

    /// Whether ACTIVATE finds everything: key pair, PIN, and the public files (the serial is in one of them).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.private_key.is_some()
            && self.pin.is_some()
            && self
                .files
                .iter()
                .all(|file| file.filled == file.bytes.len())
    }

    /// The key of this index and version.
    #[must_use]
    pub fn key(&self, index: u8, version: u8) -> Option<&SamKey> {
        self.keys
            .iter()
            .find(|key| (key.index, key.version) == (index, version))
    }
}

impl Memory for SamMemory {
    type Change = Change;
    const KIND: Kind = Kind::Sam;

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Stage(stage) => self.stage = *stage,
            Change::Base(base) => self.base = base.clone(),
            Change::Counter(counter) => self.base.counter = *counter,
            Change::ProvincialMaster(key) => self.provincial_master = Some(key.clone()),
            Change::WriteKey(key) => {
                self.keys.retain(|old| !old.is_same_place(key));
                self.keys.push(key.clone());
            }
            Change::KeyPair(key) => self.private_key = Some(key.clone()),
            Change::Pin(pin) => self.pin = Some(pin.clone()),
            Change::PinTries(tries) => {
                if let Some(pin) = &mut self.pin {
                    pin.tries = *tries;
                }
            }
            Change::Write(at, offset, bytes) => self.write(*at, *offset, bytes),
            Change::WipeProvincial => self.wipe_provincial(),
            Change::WipeAll => {
                self.wipe_provincial();
                self.keys.clear();
                self.provincial_master = None;
            }
            Change::Ceiling(index, version, ceiling) => {
                let named = |key: &&mut SamKey| (key.index, key.version) == (*index, *version);
                if let Some(key) = self.keys.iter_mut().find(named) {
                    key.ceiling = *ceiling;
                }
            }
            Change::Retire(index, version) => self
                .keys
                .retain(|key| (key.index, key.version) != (*index, *version)),
            Change::Locked(locked) => self.locked = *locked,
            Change::Destroy => self.destroy(),
        }
    }
}

impl SamMemory {
    fn write(&mut self, at: usize, offset: usize, bytes: &[u8]) {
        let Some(file) = self.files.get_mut(at) else {
            return;
        };
        let end = offset.saturating_add(bytes.len());
        if let Some(place) = file.bytes.get_mut(offset..end) {
            place.copy_from_slice(bytes);
            if offset <= file.filled {
                file.filled = file.filled.max(end);
            }
        }
    }

    fn destroy(&mut self) {
        self.wipe_provincial();
        self.keys.clear();
        self.provincial_master = None;
        self.base = BaseKey::fresh(0, self.base.key.sibling([0; 16]));
        self.stage = Stage::Blocked;
    }

    fn wipe_provincial(&mut self) {
        self.keys.retain(|key| key.national);
        self.private_key = None;
        self.pin = None;
        for file in &mut self.files {
            file.bytes.fill(0);
            file.filled = 0;
        }
    }
}
