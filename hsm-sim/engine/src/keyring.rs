//! The keys of a store in little memory: each lies packed as it lies in the snapshot, about a hundred bytes, and is opened when it
//! is first asked for. A store of 100,000 keys of which a card needs 60 stays small.

use crate::keys::Key;
use hsm_wire::attributes::{Hold, KeyInfo};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// Keys by id. Serialised as a map from id to [`Key`].
#[derive(Default)]
pub(crate) struct Keyring(BTreeMap<Box<str>, Slot>);

struct Slot {
    packed: Zeroizing<Box<[u8]>>,
    open: OnceCell<Box<Key>>,
    hold: Hold,
}

impl Slot {
    fn of(key: Key) -> Self {
        let hold = key.hold;
        match pack(&key) {
            Some(packed) => Self {
                packed,
                open: OnceCell::new(),
                hold,
            },
            // What cannot be packed stays open.
            None => Self {
                packed: Zeroizing::default(),
                open: OnceCell::from(Box::new(key)),
                hold,
            },
        }
    }

    fn unpacked(&self) -> Option<Key> {
        let mut key = unpack(&self.packed)?;
        key.hold = self.hold;
        Some(key)
    }

    fn key(&self) -> Option<&Key> {
        if self.open.get().is_none() {
            let key = Box::new(self.unpacked()?);
            return Some(self.open.get_or_init(|| key));
        }
        self.open.get().map(Box::as_ref)
    }

    /// The key for a moment, without leaving it open.
    fn with<A>(&self, look: impl FnOnce(&Key) -> A) -> Option<A> {
        match self.open.get() {
            Some(key) => Some(look(key)),
            None => self.unpacked().map(|key| look(&key)),
        }
    }
}

/// In a buffer of its full size at once: a growing one would leave copies behind.
fn pack(key: &Key) -> Option<Zeroizing<Box<[u8]>>> {
    let length = postcard::experimental::serialized_size(key).ok()?;
    let mut packed = Zeroizing::new(vec![0; length].into_boxed_slice());
    postcard::to_slice(key, &mut packed).ok()?;
    Some(packed)
}

fn unpack(packed: &[u8]) -> Option<Key> {
    postcard::from_bytes(packed).ok()
}

impl Keyring {
    pub(crate) fn get(&self, id: &str) -> Option<&Key> {
        self.0.get(id)?.key()
    }

    pub(crate) fn contains_key(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn insert(&mut self, key: Key) {
        self.0.insert(key.info.id.as_str().into(), Slot::of(key));
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Counts a use of a key.
    pub(crate) fn used(&mut self, id: &str) {
        if let Some(slot) = self.0.get_mut(id)
            && let Some(mut key) = slot.with(Key::clone)
        {
            key.info.used += 1;
            *slot = Slot::of(key);
        }
    }

    /// Takes a key out of use, or back.
    pub(crate) fn hold(&mut self, id: &str, hold: Hold) {
        if let Some(slot) = self.0.get_mut(id)
            && let Some(mut key) = slot.with(Key::clone)
        {
            key.hold = hold;
            *slot = Slot::of(key);
        }
    }

    /// Keys out of use.
    pub(crate) fn holds(&self) -> Vec<(String, Hold)> {
        let held = self.0.iter().filter(|(_, slot)| slot.hold != Hold::Free);
        held.map(|(id, slot)| (id.to_string(), slot.hold)).collect()
    }

    /// What is known of every key.
    pub(crate) fn infos(&self) -> Vec<KeyInfo> {
        let infos = self
            .0
            .values()
            .filter_map(|slot| slot.with(|key| key.info.clone()));
        infos.collect()
    }
}

impl FromIterator<Key> for Keyring {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let mut ring = Self::default();
        for key in keys {
            ring.insert(key);
        }
        ring
    }
}

impl Serialize for Keyring {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, slot) in &self.0 {
            let written = slot.with(|key| map.serialize_entry(&**id, key));
            written.unwrap_or_else(|| Err(serde::ser::Error::custom("a key does not unpack")))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Keyring {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeyringVisitor)
    }
}

struct KeyringVisitor;

impl<'de> Visitor<'de> for KeyringVisitor {
    type Value = Keyring;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys by id")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keyring, A::Error> {
        let mut ring = Keyring::default();
        while let Some((_, key)) = map.next_entry::<String, Key>()? {
            ring.insert(key);
        }
        Ok(ring)
    }
}
