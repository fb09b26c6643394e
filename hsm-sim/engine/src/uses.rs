//! Uses of keys that have a quota.

use crate::keys::Key;
use crate::state::Event;
use hsm_wire::HsmError;
use std::collections::BTreeMap;

/// Uses of keys that one operation, or one batch, makes: counted before they are durable.
#[derive(Clone, Default)]
pub(crate) struct Uses(BTreeMap<String, u64>);

impl Uses {
    /// One use of a key, if it may be used.
    pub(crate) fn take(&mut self, key: &Key, now: u64) -> Result<(), HsmError> {
        key.check_usable(now, self.of(&key.info.id))?;
        if key.info.attributes.quota.is_some() {
            *self.0.entry(key.info.id.clone()).or_default() += 1;
        }
        Ok(())
    }

    /// Uses of a key so far.
    pub(crate) fn of(&self, id: &str) -> u64 {
        self.0.get(id).copied().unwrap_or(0)
    }

    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut new = self.clone();
        for (id, count) in &mut new.0 {
            *count -= before.of(id);
        }
        new
    }

    pub(crate) fn into_events(self) -> Vec<Event> {
        let events = self
            .0
            .into_iter()
            .flat_map(|(id, count)| (0..count).map(move |_| Event::KeyUsed(id.clone())));
        events.collect()
    }
}
