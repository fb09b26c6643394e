//! What of the device lasts: user files and the passwords of indexes; and the events that change it.

use crate::state::State;
use hsm_wire::Hex;
use hsm_wire::fill::Factor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// In the store's state.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct DeviceState {
    files: BTreeMap<Vec<u8>, Vec<u8>>,
    passwords: BTreeMap<u32, Password>,
}

/// How an index's password is known again.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Password {
    pub(super) verifier: Hex<48>,
    /// Wrong ones in a row.
    pub(super) wrong: u32,
}

/// One change.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum DeviceEvent {
    PasswordSet {
        index: u32,
        verifier: Hex<48>,
    },
    PasswordTried {
        index: u32,
        right: bool,
    },
    FileCreated {
        name: Vec<u8>,
        size: u32,
    },
    FileWritten {
        name: Vec<u8>,
        offset: u32,
        data: Vec<u8>,
    },
    FileDeleted {
        name: Vec<u8>,
    },
    /// Keys were derived for these chips.
    Derived {
        ticket: String,
        factors: Vec<Factor>,
    },
}

impl DeviceState {
    pub(super) fn password(&self, index: u32) -> Option<&Password> {
        self.passwords.get(&index)
    }

    pub(super) fn file(&self, name: &[u8]) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    pub(super) fn file_count(&self) -> usize {
        self.files.len()
    }

    fn write(&mut self, name: &[u8], offset: u32, data: &[u8]) {
        let (Some(file), Ok(offset)) = (self.files.get_mut(name), usize::try_from(offset)) else {
            return;
        };
        let end = offset.saturating_add(data.len());
        if let Some(place) = file.get_mut(offset..end) {
            place.copy_from_slice(data);
        }
    }
}

/// Applies a change that is durable.
pub(crate) fn apply(state: &mut State, event: DeviceEvent) {
    let device = &mut state.device;
    match event {
        DeviceEvent::PasswordSet { index, verifier } => {
            device
                .passwords
                .insert(index, Password { verifier, wrong: 0 });
        }
        DeviceEvent::PasswordTried { index, right } => {
            if let Some(password) = device.passwords.get_mut(&index) {
                password.wrong = if right { 0 } else { password.wrong + 1 };
            }
        }
        DeviceEvent::FileCreated { name, size } => {
            let size = usize::try_from(size).unwrap_or(0);
            device.files.insert(name, vec![0; size]);
        }
        DeviceEvent::FileWritten { name, offset, data } => device.write(&name, offset, &data),
        DeviceEvent::FileDeleted { name } => drop(device.files.remove(&name)),
        DeviceEvent::Derived { ticket, factors } => {
            if let Some(ticket) = state.tickets.get_mut(&ticket) {
                for factor in factors {
                    let attempts = ticket.factors.entry(factor).or_insert(0);
                    ticket.used += u64::from(*attempts == 0);
                    state.leases.spend(u64::from(*attempts == 0));
                    *attempts += 1;
                    ticket.answers += 1;
                }
            }
        }
    }
}
