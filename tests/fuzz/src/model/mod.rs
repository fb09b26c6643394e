//! What a user card may do, written from the rules and not from the simulator: the model follows a conversation from outside
//! and says after each step whether the answer and the card's memory are what the rules allow.

mod checks;
mod follow;

use std::collections::HashSet;

use cardlib_card::profile::{File, Profile};
use cardlib_sim::user::memory::UserMemory;
use cardlib_sim::{UserCard, VirtualCard};

use crate::formulas::Block as KeyBytes;
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
        self.remember(now);
        Ok(())
    }

    /// What the next step is compared with; files are copied only when they changed.
    fn remember(&mut self, now: &UserMemory) {
        for (was, is) in self.before.files.iter_mut().zip(&now.files) {
            let same = match (&was, is) {
                (Some(was), Some(is)) => was.bytes == is.bytes && was.used == is.used,
                (None, None) => true,
                _ => false,
            };
            if !same {
                was.clone_from(is);
            }
        }
        self.before.keys.clone_from(&now.keys);
        self.before.dfs.clone_from(&now.dfs);
        self.before.stage = now.stage;
        self.before.base = now.base.clone();
    }
}
