//! Making and opening an HSM.

use super::Engine;
use crate::sm2key::Sm2Key;
use crate::state::{Event, State};
use crate::store::{EpochFile, Store, StoreError, UnsealSecret};
use crate::world::World;
use hsm_wire::info::HsmInfo;
use hsm_wire::order::OfficerPublic;
use hsm_wire::{Hex, HsmError, Mark, gm, valid_name};
use std::collections::BTreeMap;
use std::path::Path;

/// A file of this name in the store says that it was put back from a backup.
const RESTORED: &str = "restored";

/// An HSM that cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Refused(#[from] HsmError),
    #[error("at least two officers with different names and keys are needed")]
    Officers,
}

/// What a new HSM starts with.
pub struct Birth {
    pub mark: Mark,
    pub officers: Vec<OfficerPublic>,
    /// SM3 of the operator's secret.
    pub operator_hash: Hex<32>,
    /// SM3 of the auditor's secret; `None`: nobody is the auditor.
    pub auditor_hash: Option<Hex<32>>,
}

impl Engine {
    /// Makes a new HSM in a directory that does not hold one. It is left closed; open it to use it.
    ///
    /// # Errors
    /// Fewer than two officers, or the store cannot be written.
    pub fn create(
        dir: &Path,
        birth: &Birth,
        secret: &UnsealSecret,
        mut world: World,
    ) -> Result<HsmInfo, OpenError> {
        let officers = check_officers(&birth.officers)?;
        let keys = (Sm2Key::random(&mut world)?, Sm2Key::random(&mut world)?);
        let mut state = State::new(birth.mark, keys, officers, birth.operator_hash)?;
        state.auditor_hash = birth.auditor_hash;
        let genesis = state.next_audit(
            world.clock.now(),
            "hsm",
            "init",
            &birth.mark.to_string(),
            "done",
        );
        state.apply(Event::Audit(genesis));
        Store::create(dir, secret, &state, &mut world)?;
        Ok(state.info())
    }

    /// Opens an HSM.
    ///
    /// # Errors
    /// Wrong secret, a store that was changed, or one that another process has open.
    pub fn open(dir: &Path, secret: &UnsealSecret, world: World) -> Result<Self, OpenError> {
        Self::open_at(dir, secret, world, None)
    }

    /// Opens an HSM whose epoch lies outside its store: a store that is older than its epoch file is refused.
    ///
    /// # Errors
    /// As [`Engine::open`]; or the store was rolled back, or there is no epoch file yet and none may be made.
    pub fn open_at(
        dir: &Path,
        secret: &UnsealSecret,
        mut world: World,
        epoch_file: Option<&EpochFile>,
    ) -> Result<Self, OpenError> {
        let mut opened = Store::open(dir, secret, &mut world)?;
        if let Some(file) = epoch_file {
            opened.store.keep_epoch(file, &opened.state)?;
        }
        let mut engine = Self {
            state: opened.state,
            store: opened.store,
            world,
            closed: false,
        };
        if opened.dropped > 0 {
            tracing::warn!(
                bytes = opened.dropped,
                "dropped a write that was cut off; nothing was given out for it"
            );
        }
        let mut events = vec![Event::Opened];
        let marker = dir.join(RESTORED);
        let restored = marker.exists();
        if restored {
            // A copy of before counts less than was spent: what it says is left is worth nothing.
            let open = engine
                .state
                .tickets
                .iter()
                .filter(|(_, ticket)| !ticket.closed);
            events.extend(open.map(|(id, _)| Event::TicketClosed(id.clone())));
        }
        engine.commit(
            events,
            "hsm",
            "open",
            &format!("dropped {} bytes", opened.dropped),
            "done",
        )?;
        if restored {
            std::fs::remove_file(&marker).map_err(|source| StoreError::Io {
                path: marker.clone(),
                source,
            })?;
        }
        Ok(engine)
    }
}

fn check_officers(officers: &[OfficerPublic]) -> Result<BTreeMap<String, Hex<64>>, OpenError> {
    let mut found: BTreeMap<String, Hex<64>> = BTreeMap::new();
    for officer in officers {
        let usable = valid_name(&officer.name) && gm::check_public_key(&officer.public_key).is_ok();
        let new = !found.contains_key(&officer.name)
            && !found.values().any(|key| *key == officer.public_key);
        if !usable || !new {
            return Err(OpenError::Officers);
        }
        found.insert(officer.name.clone(), officer.public_key);
    }
    if found.len() < 2 {
        return Err(OpenError::Officers);
    }
    Ok(found)
}
