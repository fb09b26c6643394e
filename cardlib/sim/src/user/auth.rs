//! INTERNAL and EXTERNAL AUTHENTICATE and the rights that the latter gives (R31–R38, D14, R70).

#[cfg(feature = "faults")]
pub mod tamper;

use cardlib_card::profile::{Access, Key as KeyInfo, KeyClass};
use cardlib_card::status::Status;

use super::UserCard;
use super::memory::{Change, KeyMemory};
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::crypto::same;
use crate::flaw::Flaw;

/// Bytes of `authenticator or random 8 ‖ info 8 ‖ version 1`.
const PROOF_LEN: usize = 17;

/// For each kind of right (R34) the key that gave it last.
#[derive(Clone, Default)]
pub(super) struct Rights {
    read: Option<&'static str>,
    update: Option<&'static str>,
    erase: Option<&'static str>,
    lock: Option<&'static str>,
}

impl Rights {
    fn slot(&mut self, class: KeyClass) -> Option<&mut Option<&'static str>> {
        match class {
            KeyClass::Read => Some(&mut self.read),
            KeyClass::Update => Some(&mut self.update),
            KeyClass::Erase => Some(&mut self.erase),
            KeyClass::Lock => Some(&mut self.lock),
            KeyClass::Internal | KeyClass::Maintenance => None,
        }
    }

    fn holds(&self, key: &str) -> bool {
        [self.read, self.update, self.erase, self.lock].contains(&Some(key))
    }
}

impl UserCard {
    pub(super) fn internal_authenticate(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, _| p1 == 0)?;
        command.lc_is(|lc| lc == PROOF_LEN)?;
        require(!self.is_blocked(), Status::FUNCTION)?;
        let (random, info, version) = take_apart(command.data)?;
        let named = |key: &KeyInfo| {
            key.class == KeyClass::Internal && (command.p2 == 0 || command.p2 == key.kid)
        };
        let (_, _, memory) = self.find_key(named, version).ok_or(Status::NO_KEY)?;
        let proof = memory.key.session(&random).authenticator(&info);
        Ok(Outcome::Waiting(proof.to_vec()))
    }

    pub(super) fn external_authenticate(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, _| p1 == 0)?;
        command.lc_is(|lc| lc == PROOF_LEN)?;
        let (proof, info, version) = take_apart(command.data)?;
        let named = |key: &KeyInfo| key.class.authenticates() && key.kid == command.p2;
        self.only_lock_key_when_blocked(named)?;
        let (at, info_of_key, memory) = self.find_key(named, version).ok_or(Status::NO_KEY)?;
        let (left, key) = (memory.tries, memory.key.clone());
        require(left > 0, Status::BLOCKED)?;
        let challenge = self.volatile.challenge.take().ok_or(Status::NO_CHALLENGE)?;

        if !self.has(Flaw::GuessesAreFree) {
            self.commit(&[Change::KeyTries(at, left - 1)])?;
        }
        if !same(&key.session(&challenge).authenticator(&info), &proof) {
            return Err(Status::tries_left(left - 1));
        }
        self.commit(&[Change::KeyTries(at, info_of_key.error_limit)])?;
        if let Some(slot) = self.volatile.rights.slot(info_of_key.class) {
            *slot = Some(&info_of_key.name);
        }
        Ok(Outcome::Done)
    }

    /// In a blocked application only the lock key may authenticate (R41, R44).
    fn only_lock_key_when_blocked(&self, named: impl Fn(&KeyInfo) -> bool) -> Result<(), Status> {
        let mut here = self.profile.keys_of(self.df_name());
        let lock = here.any(|key| named(key) && key.class == KeyClass::Lock);
        require(lock || !self.is_blocked(), Status::FUNCTION)
    }

    /// [`Flaw::ChallengeIsKey`].
    pub(super) fn leak_into(&self, challenge: &mut [u8; 8]) {
        let single = self.profile.assumed.single_version.value;
        let found = self.find_key(|key| key.class == KeyClass::Maintenance, single);
        if let Some((_, _, memory)) = found {
            *challenge = memory.key.first_half();
        }
    }

    /// Whether the access condition of a file is met.
    pub(super) fn check_right(&self, access: &Access) -> Result<(), Status> {
        match access {
            Access::Free => Ok(()),
            Access::Never => Err(Status::SECURITY),
            Access::Key(name) => require(self.volatile.rights.holds(name), Status::SECURITY),
        }
    }

    /// Whether the lock right of the current directory is held (R43).
    pub(super) fn check_lock_right(&self) -> Result<(), Status> {
        require(self.volatile.rights.lock.is_some(), Status::SECURITY)
    }

    pub(super) fn df_name(&self) -> &'static str {
        &self.profile.dfs[self.volatile.df].name
    }

    /// A loaded key version of the current directory (R31).
    pub(super) fn find_key(
        &self,
        named: impl Fn(&KeyInfo) -> bool,
        version: u8,
    ) -> Option<(usize, &'static KeyInfo, &KeyMemory)> {
        let df = self.df_name();
        self.profile
            .key_instances()
            .enumerate()
            .filter(|(_, instance)| instance.version == version && instance.key.df == df)
            .find(|(_, instance)| named(instance.key))
            .and_then(|(at, instance)| {
                let memory = self.memory().keys.get(at)?.as_ref()?;
                Some((at, instance.key, memory))
            })
    }
}

fn take_apart(data: &[u8]) -> Result<([u8; 8], [u8; 8], u8), Status> {
    let (first, rest) = data.split_first_chunk::<8>().ok_or(Status::LENGTH)?;
    let (second, rest) = rest.split_first_chunk::<8>().ok_or(Status::LENGTH)?;
    let version = rest.first().ok_or(Status::LENGTH)?;
    Ok((*first, *second, *version))
}
