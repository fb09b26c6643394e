//! Keys and custodians: keys combined from components, back-ups under shares, restored and shared anew.
//!
//! A custodian's component and passphrase come in an envelope that only this HSM opens, bound to one ceremony and one
//! person (`hsm_wire::custody`). Nothing here leaves but under a custodian's passphrase, or under a key that only enough
//! custodians give. Each operation is an order of two officers and does all or nothing.

mod backup;
mod components;

use crate::orders::Planned;
use crate::shares::{self, Custodian, ShareError, ShareFile};
use crate::state::{State, shown};
use crate::world::World;
use hsm_wire::custody::{Confided, Custody, ENTRY_FORMAT, Entry, GivenShare};
use hsm_wire::officer::OrderDone;
use hsm_wire::{ErrorCode, Hex, HsmError, Mark};
use zeroize::Zeroizing;

pub(crate) use components::combine;

/// Most bytes of an entry's envelope, in hexadecimal digits.
const MAX_ENTRY: usize = 128 << 10;
/// Least memory for a passphrase's check, in a TEST store.
const LEAST_MEMORY_KIB: u32 = 1 << 10;

/// What a custodian confided for this ceremony.
fn open_entry(state: &State, ceremony: Hex<32>, entry: &Entry) -> Result<Confided, HsmError> {
    let bad = || HsmError::about(ErrorCode::BadEntry, &shown(&entry.custodian));
    if entry.sealed.len() > MAX_ENTRY {
        return Err(HsmError::about(ErrorCode::TooLarge, "entry"));
    }
    let sealed = hex::decode(&entry.sealed).map_err(|_| bad())?;
    let plain = state.encryption.decrypt(&sealed).ok_or_else(bad)?;
    let confided: Confided = serde_json::from_slice(&plain).map_err(|_| bad())?;
    let ours = confided.format == ENTRY_FORMAT
        && confided.ceremony == ceremony
        && confided.custodian == entry.custodian;
    if ours { Ok(confided) } else { Err(bad()) }
}

fn passphrase(confided: &Confided) -> Result<Zeroizing<Vec<u8>>, HsmError> {
    let text = confided.passphrase.as_ref().ok_or_else(|| {
        let name = shown(&confided.custodian);
        HsmError::about(ErrorCode::BadCustody, &format!("{name} gave no passphrase"))
    })?;
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

/// Custodians with their passphrases, and the memory for checking these.
fn custodians(
    state: &State,
    ceremony: Hex<32>,
    custody: &Custody,
) -> Result<(Vec<Custodian>, u32), HsmError> {
    let memory = custody.memory_kib.unwrap_or(shares::MEMORY_KIB);
    let least = match state.mark {
        Mark::Test => LEAST_MEMORY_KIB,
        Mark::Demo | Mark::Production => shares::MEMORY_KIB,
    };
    if !(least..=shares::MOST_MEMORY_KIB).contains(&memory) {
        return Err(HsmError::about(ErrorCode::BadCustody, "memory_kib"));
    }
    if custody.custodians.len() > usize::from(shares::MAX_SHARES) {
        return Err(ErrorCode::BadCustody.into());
    }
    let mut named = Vec::with_capacity(custody.custodians.len());
    for entry in &custody.custodians {
        let confided = open_entry(state, ceremony, entry)?;
        named.push((entry.custodian.clone(), passphrase(&confided)?));
    }
    Ok((named, memory))
}

/// A share file with the passphrase that opens it.
type Opening = (ShareFile, Zeroizing<Vec<u8>>);

/// Share files with the passphrases that open them.
fn given(
    state: &State,
    ceremony: Hex<32>,
    shares: &[GivenShare],
) -> Result<Vec<Opening>, HsmError> {
    if shares.len() > usize::from(shares::MAX_SHARES) {
        return Err(ErrorCode::BadCustody.into());
    }
    let mut parts = Vec::with_capacity(shares.len());
    for GivenShare { share, entry } in shares {
        let name = shown(&entry.custodian);
        let file = ShareFile::from_json(&name, share.as_bytes()).map_err(refusal)?;
        if file.custodian() != entry.custodian {
            return Err(HsmError::about(ErrorCode::BadEntry, &name));
        }
        let confided = open_entry(state, ceremony, entry)?;
        parts.push((file, passphrase(&confided)?));
    }
    Ok(parts)
}

/// A share's error by its name on the wire.
fn refusal(error: ShareError) -> HsmError {
    let about = |code, name: &str| HsmError::about(code, &shown(name));
    match error {
        ShareError::Numbers | ShareError::Custodian => ErrorCode::BadCustody.into(),
        ShareError::Format(name) => about(ErrorCode::BadShare, &name),
        ShareError::Foreign(name) => about(ErrorCode::ForeignShare, &name),
        ShareError::Twice(name) => about(ErrorCode::ShareTwice, &name),
        ShareError::TooFew { given, needed } => {
            HsmError::about(ErrorCode::TooFewShares, &format!("{given} of {needed}"))
        }
        ShareError::WrongPassphrase(name) => about(ErrorCode::WrongPassphrase, &name),
        ShareError::WrongSecret => ErrorCode::BackupAltered.into(),
        ShareError::Entropy => ErrorCode::EntropyFailed.into(),
        ShareError::Memory | ShareError::Store(_) => ErrorCode::Internal.into(),
    }
}

/// Puts keys under a fresh key, and this among custodians.
pub(crate) fn back_up(
    state: &State,
    world: &mut World,
    ceremony: Hex<32>,
    ids: &[String],
    custody: &Custody,
) -> Planned {
    let keys = backup::chosen(state, ids)?;
    let made = backup::seal(state, world, ceremony, keys, custody)?;
    Ok((Vec::new(), OrderDone::BackedUp(Box::new(made))))
}

/// Takes the keys of a back-up in: all of it, or nothing.
pub(crate) fn restore(
    state: &State,
    now: u64,
    ceremony: Hex<32>,
    text: &str,
    shares: &[GivenShare],
) -> Planned {
    let parts = given(state, ceremony, shares)?;
    backup::restore(state, now, ceremony, text, &parts)
}

/// The same keys under another key among other custodians.
pub(crate) fn reshare(
    state: &State,
    world: &mut World,
    ceremony: Hex<32>,
    text: &str,
    shares: &[GivenShare],
    custody: &Custody,
) -> Planned {
    let parts = given(state, ceremony, shares)?;
    let keys = backup::open(state, text, &parts)?;
    let made = backup::seal(state, world, ceremony, keys, custody)?;
    Ok((Vec::new(), OrderDone::BackedUp(Box::new(made))))
}
