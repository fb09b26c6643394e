//! Cards that no personalisation made, **for tests only**: active ones with keys and content of the caller's choice, and
//! forged ones, which carry the data of a real card and not one of its keys.

use std::path::Path;

use cardlib_card::content::{CardContent, ContentError, FileData};
use cardlib_card::profile::{FileKind, KeyInstance, Profile};
use thiserror::Error;
use zeroize::Zeroizing;

use super::memory::{Change, KeyMemory, UserMemory, creation, record_place};
use super::{OpenError, UserCard};
use crate::crypto::Key;
use crate::nvm::{Memory, Nvm, StateError};
use crate::random::{NoRandom, Random};
use crate::stage::{Chip, Stage};

/// Why no forged card came out.
#[derive(Debug, Error)]
pub enum ForgeError {
    /// The card to copy from.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file to write to.
    #[error(transparent)]
    State(#[from] StateError),
    /// No random keys.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

impl ForgeError {
    /// The same text for a Chinese reader.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::Open(cause) => cause.chinese(),
            Self::State(cause) => cause.chinese(),
            Self::Random(_) => "无法取得随机数".to_owned(),
        }
    }
}

impl UserCard {
    /// An active card with this content, whose key versions are what `key_of` says. In process, without state file.
    ///
    /// # Errors
    /// The content does not fit the profile.
    pub fn minted(
        profile: &'static Profile,
        chip: Chip,
        content: &CardContent,
        key_of: impl Fn(KeyInstance<'_>) -> [u8; 16],
        random: Random,
    ) -> Result<Self, ContentError> {
        content.check(profile)?;
        let cipher = profile.crypto.cipher;
        let unused = Key::of(cipher, [0; 16]);
        let mut memory = UserMemory::blank(profile, chip, unused);
        for at in 0..profile.dfs.len() {
            memory.apply(&Change::CreateDf(at));
        }
        for (at, file) in profile.files.iter().enumerate() {
            let mut changes = creation(at, file);
            let given = content.files.iter().find(|c| c.path == file.path);
            match given.map(|c| &c.data) {
                Some(FileData::Binary(bytes)) => changes.push(Change::Write(at, 0, bytes.clone())),
                Some(FileData::Records(records)) => {
                    for (number, record) in (1..).zip(records) {
                        let number = match file.kind {
                            FileKind::Variable => record
                                .first()
                                .and_then(|tag| file.position(*tag))
                                .map(|p| p.0),
                            _ => Some(number),
                        };
                        let place = number.and_then(|number| record_place(file, number));
                        changes.push(match (file.kind, place) {
                            (FileKind::Cyclic, _) | (_, None) => Change::Append(at, record.clone()),
                            (_, Some((start, _))) => Change::Write(at, start, record.clone()),
                        });
                    }
                }
                None => {}
            }
            changes.iter().for_each(|change| memory.apply(change));
        }
        for (at, instance) in profile.key_instances().enumerate() {
            let key = Key::of(cipher, key_of(instance));
            let tries = instance.key.error_limit;
            memory.apply(&Change::WriteKey(at, KeyMemory { key, tries }));
        }
        memory.apply(&Change::Stage(Stage::Active));
        Ok(Self::with(profile, Nvm::volatile(memory), random))
    }

    /// Copies everything readable of the card in `from` and gives it random keys: what a forger without keys can make.
    /// Written to `to` if given, else kept in memory. `from` itself is only read.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn forged(
        from: &Path,
        to: Option<&Path>,
        profile: &'static Profile,
        mut random: Random,
    ) -> Result<Self, ForgeError> {
        let mut memory = Nvm::<UserMemory>::peek(from)?;
        if !memory.fits(profile) {
            return Err(OpenError::Profile(memory.profile).into());
        }
        let mut draw = || -> Result<Key, NoRandom> {
            let bytes = Zeroizing::new(random.draw::<16>()?);
            Ok(Key::of(profile.crypto.cipher, *bytes))
        };
        memory.base.key = draw()?;
        for place in memory.keys.iter_mut().flatten() {
            place.key = draw()?;
        }
        let nvm = match to {
            Some(path) => Nvm::create(path, memory)?,
            None => Nvm::volatile(memory),
        };
        Ok(Self::with(profile, nvm, random))
    }
}
