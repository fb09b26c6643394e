//! Which reader a logical unit number means: pcscd numbers readers in the upper half and slots in the lower.

use std::array;
use std::sync::{Arc, PoisonError, RwLock};

use crate::codes::{Dword, MAX_READERS};
use crate::reader::Reader;

type Place = RwLock<Option<Arc<Reader>>>;

/// The readers of this loaded library.
pub struct Registry {
    places: [Place; MAX_READERS as usize],
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            places: array::from_fn(|_| RwLock::new(None)),
        }
    }
}

impl Registry {
    /// The reader of this number.
    #[must_use]
    pub fn get(&self, lun: Dword) -> Option<Arc<Reader>> {
        let place = self.place(lun)?;
        place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a reader in; false if the number is none of ours or taken.
    #[must_use]
    pub fn put(&self, lun: Dword, reader: Arc<Reader>) -> bool {
        let Some(place) = self.place(lun) else {
            return false;
        };
        let mut place = place.write().unwrap_or_else(PoisonError::into_inner);
        if place.is_some() {
            return false;
        }
        *place = Some(reader);
        true
    }

    /// Takes a reader out.
    #[must_use]
    pub fn take(&self, lun: Dword) -> Option<Arc<Reader>> {
        let place = self.place(lun)?;
        place.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Readers have one slot, number 0.
    fn place(&self, lun: Dword) -> Option<&Place> {
        if lun & 0xFFFF != 0 {
            return None;
        }
        self.places.get(usize::try_from(lun >> 16).ok()?)
    }
}
