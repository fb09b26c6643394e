//! What a user card may do, written from the rules and not from the simulator: the model follows a conversation from outside
//! and says after each step whether the answer and the card's memory are what the rules allow.

use std::collections::HashSet;

use cardlib_card::profile::{Access, File, Key, KeyClass, Profile};
use cardlib_sim::user::memory::{Block, UserMemory};
use cardlib_sim::{Stage, UserCard, VirtualCard};

use crate::formulas::{Block as KeyBytes, proof};
use crate::{Verdict, hold};

/// A conversation as an observer sees it.
pub struct Model {
    pub profile: &'static Profile,
    /// Directory and file that are current, by their place in the profile.
    pub df: usize,
    pub ef: Option<usize>,
    pub challenge: Option<[u8; 8]>,
    /// Names of keys whose right is held: read, update, erase, lock.
    rights: [Option<&'static str>; 4],
    keys: Vec<KeyBytes>,
    secret: HashSet<[u8; 8]>,
    before: UserMemory,
}

/// A command and its answer.
struct Step<'a> {
    command: &'a [u8],
    data: &'a [u8],
    status: u16,
}

impl Step<'_> {
    fn ins(&self) -> u8 {
        self.command.get(1).copied().unwrap_or(0)
    }
    fn p(&self, n: usize) -> u8 {
        self.command.get(2 + n).copied().unwrap_or(0)
    }
    fn body(&self) -> &[u8] {
        let len = self.command.get(4).map_or(0, |lc| usize::from(*lc));
        self.command.get(5..5 + len).unwrap_or_default()
    }
    fn done(&self) -> bool {
        self.status == 0x9000 || self.status >> 8 == 0x61
    }
}

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
    /// A model of this card; `keys` in the order of the profile's key instances.
    #[must_use]
    pub fn new(profile: &'static Profile, keys: Vec<KeyBytes>, card: &UserCard) -> Self {
        let windows = keys.iter().flat_map(|key| key.windows(8));
        let secret = windows.filter_map(|w| w.try_into().ok()).collect();
        Self {
            profile,
            df: 0,
            ef: None,
            challenge: None,
            rights: [None; 4],
            keys,
            secret,
            before: card.inspect().clone(),
        }
    }

    /// The card was reset.
    pub fn reset(&mut self) {
        (self.df, self.ef, self.challenge, self.rights) = (0, None, None, [None; 4]);
    }

    /// Bytes of a key version, by its place.
    #[must_use]
    pub fn key(&self, name: &str, version: u8) -> Option<KeyBytes> {
        let named =
            |i: &cardlib_card::profile::KeyInstance<'_>| i.key.name == name && i.version == version;
        let at = self.profile.key_instances().position(|i| named(&i))?;
        self.keys.get(at).copied()
    }

    #[must_use]
    pub fn df_name(&self) -> &'static str {
        &self.profile.dfs[self.df].name
    }

    #[must_use]
    pub fn file(&self) -> Option<&'static File> {
        self.ef.map(|at| &self.profile.files[at])
    }

    /// Sends a command and checks what came of it.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn step(&mut self, card: &mut UserCard, command: &[u8]) -> Verdict {
        let answer = card.handle(command);
        let said = || {
            format!(
                "{} -> {}: ",
                hex::encode_upper(command),
                hex::encode_upper(&answer)
            )
        };
        let Some(at) = answer.len().checked_sub(2).filter(|at| *at <= 256) else {
            return Err(format!("{}an answer has 2 to 258 bytes", said()));
        };
        let step = Step {
            command,
            data: &answer[..at],
            status: u16::from_be_bytes([answer[at], answer[at + 1]]),
        };
        self.check(&step, card.inspect())
            .map_err(|what| format!("{}{what}", said()))
    }

    fn check(&mut self, step: &Step<'_>, now: &UserMemory) -> Verdict {
        let leaked = step.data.windows(8).any(|w| self.secret.contains(w));
        hold(!leaked, || "key bytes in an answer".into())?;
        self.access(step)?;
        self.counters(step, now)?;
        self.content(step, now)?;
        self.follow(step, now)?;
        self.before = now.clone();
        Ok(())
    }

    fn holds(&self, access: &Access) -> bool {
        match access {
            Access::Free => true,
            Access::Never => false,
            Access::Key(name) => self.rights.contains(&Some(name.as_str())),
        }
    }

    /// No reading and writing without the right, nor in a blocked application or card.
    fn access(&self, step: &Step<'_>) -> Verdict {
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
    fn counters(&self, step: &Step<'_>, now: &UserMemory) -> Verdict {
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
    fn content(&self, step: &Step<'_>, now: &UserMemory) -> Verdict {
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

    /// Where the conversation stands afterwards.
    fn follow(&mut self, step: &Step<'_>, now: &UserMemory) -> Verdict {
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
