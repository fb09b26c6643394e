//! Where a conversation stands: directory, file, challenge, rights (R2, R3, R6, R34–R36, R41, R43).

use cardlib_card::profile::{File, Key, KeyClass};
use cardlib_sim::Stage;
use cardlib_sim::user::memory::{Block, UserMemory};

use super::{Model, Step};
use crate::formulas::proof;
use crate::{Verdict, hold};

/// Which kind of right a key of this class gives (R34).
fn slot(class: KeyClass) -> Option<usize> {
    match class {
        KeyClass::Read => Some(0),
        KeyClass::Update => Some(1),
        KeyClass::Erase => Some(2),
        KeyClass::Lock => Some(3),
        KeyClass::Internal | KeyClass::Maintenance => None,
    }
}

impl Model {
    /// Where the conversation stands afterwards.
    pub(super) fn follow(&mut self, step: &Step<'_>, now: &UserMemory) -> Verdict {
        let cla = step.command.first().copied().unwrap_or(0);
        match (cla, step.ins()) {
            (0, 0xA4) => self.selected(step),
            (0, 0x84) if step.status == 0x9000 => {
                let drawn = step
                    .data
                    .try_into()
                    .map_err(|_| "a challenge has 8 bytes")?;
                self.challenge = Some(drawn);
            }
            (0, 0x82) => self.authenticated(step)?,
            // A MAC that was compared takes the challenge, right or wrong (R36).
            (4 | 0x84, _) if matches!(step.status, 0x9000 | 0x6988 | 0x6A80) => {
                hold(self.challenge.is_some(), || {
                    "without a challenge (R36)".into()
                })?;
                let lock = matches!(step.ins(), 0x1E | 0x16) && step.status == 0x9000;
                let held = self.rights[3].is_some();
                hold(!lock || held, || "blocked without the lock right".into())?;
                self.challenge = None;
            }
            _ => {}
        }
        let (was, is) = (&self.before.dfs[self.df], &now.dfs[self.df]);
        if was.blocked() == Block::None && is.blocked() != Block::None {
            self.rights = [None; 4];
            self.challenge = None;
        }
        Ok(())
    }

    fn authenticated(&mut self, step: &Step<'_>) -> Verdict {
        if step.status != 0x9000 && step.status >> 8 != 0x63 {
            return Ok(());
        }
        let challenge = self.challenge.take().ok_or("without a challenge (R36)")?;
        let body = step.body();
        let (Some(sent), Some(info)) = (body.first_chunk::<8>(), body.get(8..16)) else {
            return Err("a proof of another length was compared".into());
        };
        let key = self
            .key_here(step.p(1))
            .ok_or("a key that is not here (R31)")?;
        let version = body.get(16).copied().unwrap_or_default();
        let bytes = self
            .key(&key.name, version)
            .ok_or("a version that is not loaded (R31)")?;
        let info = info.try_into().map_err(|_| "info")?;
        let right = proof(&bytes, challenge, info) == *sent;
        hold(right == (step.status == 0x9000), || {
            format!("{} said {right} about a proof", key.name)
        })?;
        if right && let Some(slot) = slot(key.class) {
            self.rights[slot] = Some(&key.name);
        }
        Ok(())
    }

    fn key_here(&self, kid: u8) -> Option<&'static Key> {
        let mut here = self
            .profile
            .keys
            .iter()
            .filter(|key| key.df == self.df_name());
        here.find(|key| key.kid == kid && key.class.authenticates())
    }

    /// R2, R3, R6, R35, R41.
    fn selected(&mut self, step: &Step<'_>) {
        let blocked_card = self.before.stage == Stage::Blocked;
        if blocked_card || !(step.done() || step.status == 0x6A81) {
            return;
        }
        let found = if step.p(0) == 4 {
            self.by_name(step.body())
        } else {
            self.by_fid(step.body())
        };
        match found {
            Some((None, Some(ef))) if step.done() => self.ef = Some(ef),
            Some((Some(df), None)) => {
                if df != self.df {
                    self.rights = [None; 4];
                    self.challenge = None;
                }
                (self.df, self.ef) = (df, None);
            }
            _ => {}
        }
    }

    fn by_name(&self, name: &[u8]) -> Option<(Option<usize>, Option<usize>)> {
        let begins = |df: &cardlib_card::profile::Df| {
            df.df_name.as_ref().is_some_and(|n| n.starts_with(name))
        };
        self.profile
            .dfs
            .iter()
            .position(begins)
            .map(|df| (Some(df), None))
    }

    fn by_fid(&self, fid: &[u8]) -> Option<(Option<usize>, Option<usize>)> {
        let fid = u16::from_be_bytes(fid.try_into().ok()?);
        if fid == 0x3F00 {
            return Some((Some(0), None));
        }
        let here = self.df_name();
        let in_df = |file: &File| file.fid == fid && file.path.split('/').next() == Some(here);
        if let Some(ef) = self.profile.files.iter().position(in_df) {
            return Some((None, Some(ef)));
        }
        let parent = self.profile.dfs[self.df].parent.as_deref();
        let near = |at: usize| {
            let df = &self.profile.dfs[at];
            let up = df.parent.as_deref();
            up == Some(here) || at == self.df || Some(df.name.as_str()) == parent || up == parent
        };
        (0..self.profile.dfs.len())
            .find(|&at| self.profile.dfs[at].fid == fid && near(at))
            .map(|df| (Some(df), None))
    }
}
