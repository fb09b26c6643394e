//! What must hold of an answer and of the card's memory after it.

use cardlib_card::profile::Access;
use cardlib_sim::Stage;
use cardlib_sim::user::memory::{Block, UserMemory};

use super::{Model, Step};
use crate::{Verdict, hold};

impl Model {
    fn holds(&self, access: &Access) -> bool {
        match access {
            Access::Free => true,
            Access::Never => false,
            Access::Key(name) => self.rights.contains(&Some(name.as_str())),
        }
    }

    /// No reading and writing without the right, nor in a blocked application or card.
    pub(super) fn access(&self, step: &Step<'_>) -> Verdict {
        if !step.done() {
            return Ok(());
        }
        hold(self.before.stage != Stage::Blocked, || {
            "a blocked card answers".into()
        })?;
        let blocked = self.before.dfs[self.df].blocked() != Block::None;
        let files_command = matches!(step.ins(), 0xB0 | 0xB2 | 0xD6 | 0xDC | 0xD2 | 0x0C);
        hold(!blocked || !(files_command || step.ins() == 0x88), || {
            "in a blocked application (R41)".into()
        })?;
        if !files_command {
            return Ok(());
        }
        let file = self.file().ok_or("without a current file (R6)")?;
        let access = match step.ins() {
            0xB0 | 0xB2 => &file.read,
            0x0C => &file.erase,
            _ => &file.update,
        };
        hold(self.holds(access), || {
            format!("{} without its right", file.path)
        })?;
        if matches!(step.ins(), 0xB0 | 0xB2) {
            let at = self.ef.unwrap_or_default();
            let bytes = self.before.files[at].as_ref().map_or(&[][..], |f| &f.bytes);
            let there =
                step.data.is_empty() || bytes.windows(step.data.len()).any(|w| w == step.data);
            return hold(there, || format!("not what {} holds", file.path));
        }
        Ok(())
    }

    /// Tries: one less for each wrong proof or MAC, whole again after a right one, else untouched.
    pub(super) fn counters(&self, step: &Step<'_>, now: &UserMemory) -> Verdict {
        for ((was, is), instance) in self
            .before
            .keys
            .iter()
            .zip(&now.keys)
            .zip(self.profile.key_instances())
        {
            let (Some(was), Some(is)) = (was, is) else {
                continue;
            };
            let name = &instance.key.name;
            hold(was.key.is_same(&is.key), || {
                format!("{name} is another key now")
            })?;
            let named = step.ins() == 0x82
                && instance.key.df == self.df_name()
                && instance.key.kid == step.p(1)
                && step.body().last() == Some(&instance.version)
                && instance.key.class.authenticates();
            let right = match step.status {
                0x9000 if named => is.tries == instance.key.error_limit,
                status if named && status >> 8 == 0x63 => {
                    is.tries + 1 == was.tries && status & 0x0F == u16::from(is.tries)
                }
                _ => is.tries == was.tries,
            };
            hold(right, || {
                format!("{name}: {} tries after {}", is.tries, was.tries)
            })?;
        }
        let limit = self.profile.assumed.mac_error_limit.value;
        for (at, (was, is)) in self.before.dfs.iter().zip(&now.dfs).enumerate() {
            let name = &self.profile.dfs[at].name;
            let here = at == self.df;
            let right = match step.status {
                0x6988 if here && !matches!(step.ins(), 0x18 | 0x16) => {
                    is.mac_tries + 1 == was.mac_tries
                }
                0x9000 | 0x6A80 if here && step.command.first().is_some_and(|cla| cla & 4 != 0) => {
                    is.mac_tries == was.mac_tries || is.mac_tries == limit
                }
                _ => is.mac_tries == was.mac_tries,
            };
            hold(right, || {
                format!("{name}: {} MAC tries after {}", is.mac_tries, was.mac_tries)
            })?;
            let may = here
                && (step.status == 0x9000 && matches!(step.ins(), 0x1E | 0x18)
                    || is.mac_tries == 0);
            hold(was.block == is.block || may, || {
                format!("{name}: its block changed")
            })?;
        }
        let stage = self.before.stage == now.stage || step.ins() == 0x16 && step.status == 0x9000;
        hold(stage, || "life cycle".into())
    }

    /// Content changes only by a command that was done, in the current file, with the right.
    pub(super) fn content(&self, step: &Step<'_>, now: &UserMemory) -> Verdict {
        for (at, (was, is)) in self.before.files.iter().zip(&now.files).enumerate() {
            let (Some(was), Some(is)) = (was, is) else {
                continue;
            };
            if was.bytes == is.bytes && was.used == is.used {
                continue;
            }
            let file = &self.profile.files[at];
            let writes = matches!(step.ins(), 0xD6 | 0xDC | 0xD2 | 0x0C) && step.status == 0x9000;
            hold(writes && self.ef == Some(at), || {
                format!("{} changed", file.path)
            })?;
            hold(!file.write_once, || {
                format!("{} is write-once (D25)", file.path)
            })?;
        }
        Ok(())
    }
}
