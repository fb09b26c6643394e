//! SAMs that no personalisation made, **for tests only**.

use cardlib_card::profile::{KeyInstance, Profile};
use thiserror::Error;

use super::SamCard;
use super::memory::{Change, Pin, PrivateKey, SamKey, SamMemory};
use crate::crypto::Key;
use crate::nvm::{Memory, Nvm};
use crate::random::Random;
use crate::stage::{Chip, Stage};

/// What a minted SAM holds beside its keys.
pub struct MintedSam<'a> {
    /// 1–5: which keys.
    pub sam_type: u8,
    /// PIN in BCD.
    pub pin: [u8; 3],
    /// Private SM2 key.
    pub private_key: [u8; 32],
    /// Content of the public files, by path (`MF/0015`); the rest stays 00.
    pub files: &'a [(&'a str, Vec<u8>)],
}

/// What does not fit the profile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MintError {
    /// No such SAM type.
    #[error("the profile has no SAM type {0}")]
    Type(u8),
    /// No such file, or too much content for it.
    #[error("the profile's SAM has no file {0} of this size")]
    File(String),
}

impl SamCard {
    /// An active SAM whose roots are what `root_of` says, every version of each (R56).
    ///
    /// # Errors
    /// [`MintError`].
    pub fn minted(
        profile: &'static Profile,
        chip: Chip,
        sam: &MintedSam<'_>,
        root_of: impl Fn(KeyInstance<'_>) -> [u8; 16],
        random: Random,
    ) -> Result<Self, MintError> {
        let sam_type = profile
            .sam_type(sam.sam_type)
            .ok_or(MintError::Type(sam.sam_type))?;
        let cipher = profile.crypto.cipher;
        let mut memory = SamMemory::blank(profile, chip, Key::of(cipher, [0; 16]));
        let instances = profile
            .key_instances()
            .filter(|instance| sam_type.keys.contains(&instance.key.name));
        for instance in instances {
            memory.apply(&Change::WriteKey(SamKey {
                usage: instance.key.sam_usage,
                index: instance.key.sam_index,
                version: instance.version,
                national: false,
                key: Key::of(cipher, root_of(instance)),
                ceiling: None,
            }));
        }
        for (path, bytes) in sam.files {
            let at = profile
                .sam
                .files
                .iter()
                .position(|file| file.path == *path && bytes.len() <= file.size)
                .ok_or_else(|| MintError::File((*path).to_owned()))?;
            memory.apply(&Change::Write(at, 0, bytes.clone()));
        }
        let tries = profile.assumed.sam_pin_tries.value;
        memory.apply(&Change::Pin(Pin {
            digits: sam.pin,
            tries,
        }));
        memory.apply(&Change::KeyPair(PrivateKey(sam.private_key)));
        memory.apply(&Change::Stage(Stage::Active));
        Ok(Self::with(profile, Nvm::volatile(memory), random))
    }
}
