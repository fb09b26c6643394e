//! M of N custodians unseal a store, or give a back-up of keys back (`custody`): the secret is split by Shamir's scheme
//! (crate `blahaj`), and each share is sealed with SM4-GCM under its custodian's passphrase (argon2id). Fewer than M
//! shares say nothing about the secret.
//!
//! A share file is JSON. Store, custodian, number, threshold and the cost of the passphrase are bound into the seal, so
//! a file that was changed in any of them does not open. The secret that comes out is compared with the store's own
//! check before it is given to anybody.

use crate::cipher::Sm4Key;
use crate::control::{Control, enforced};
use crate::store::{StoreError, UnsealSecret, secret_fits};
use crate::world::World;
use argon2::{Algorithm, Argon2, Params, Version};
use blahaj::{Share, Sharks};
use hsm_wire::{Hex, MAX_NAME};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;
use zeroize::Zeroizing;

/// Most custodians.
pub const MAX_SHARES: u8 = 16;
/// Shortest passphrase, in bytes.
pub const MIN_PASSPHRASE: usize = 12;

const FORMAT: &str = "rhc-hsm-share-1";
/// Of shares of a back-up's key.
pub(crate) const BACKUP_FORMAT: &str = "rhc-hsm-backup-share-1";
/// argon2id: 64 MiB, 3 passes, for new files. A file may ask for less or for more, within limits.
pub(crate) const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
pub(crate) const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 16;

/// Shares that cannot be made or joined.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    #[error("2 to {MAX_SHARES} custodians, and a threshold of at least 2 that they can reach")]
    Numbers,
    #[error(
        "custodians have different names of A-Z a-z 0-9 _ -, and passphrases of at least {MIN_PASSPHRASE} bytes"
    )]
    Custodian,
    #[error("{0} is no share file, or one of another version")]
    Format(String),
    #[error(
        "the share of {0} belongs to another store, or to another splitting than the first share given"
    )]
    Foreign(String),
    #[error("the share of {0} was given twice; each counts once")]
    Twice(String),
    #[error("{given} shares were given, {needed} are needed")]
    TooFew { given: usize, needed: u8 },
    #[error("the share of {0} does not open: wrong passphrase, or the file was changed")]
    WrongPassphrase(String),
    #[error("the shares give a secret that is not this store's; take the files of one splitting")]
    WrongSecret,
    #[error("the random generator failed")]
    Entropy,
    #[error("there is not enough memory for the passphrase's check")]
    Memory,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is bound into a share's seal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    format: String,
    /// What it is a share of: SM3 of a store's public header, or the ceremony that made a back-up.
    store: Hex<32>,
    /// The same in all shares of one splitting.
    splitting: Hex<16>,
    threshold: u8,
    shares: u8,
    number: u8,
    custodian: String,
    salt: Hex<16>,
    memory_kib: u32,
    passes: u32,
}

/// A custodian's file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareFile {
    label: Label,
    nonce: Hex<12>,
    /// Ciphertext ‖ tag, hexadecimal.
    sealed: String,
}

impl ShareFile {
    /// The custodian whose passphrase opens it.
    #[must_use]
    pub fn custodian(&self) -> &str {
        &self.label.custodian
    }

    /// The same in all shares of one splitting.
    pub(crate) fn splitting(&self) -> Hex<16> {
        self.label.splitting
    }

    /// How many are needed.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.label.threshold
    }

    /// # Errors
    /// It is no share file of this version. `name` is for the message.
    pub fn from_json(name: &str, text: &[u8]) -> Result<Self, ShareError> {
        let file: Self =
            serde_json::from_slice(text).map_err(|_| ShareError::Format(name.to_owned()))?;
        let label = &file.label;
        let sane = [FORMAT, BACKUP_FORMAT].contains(&label.format.as_str())
            && valid_custodian(&label.custodian)
            && (1..=MOST_MEMORY_KIB).contains(&label.memory_kib)
            && (1..=MOST_PASSES).contains(&label.passes);
        if sane {
            Ok(file)
        } else {
            Err(ShareError::Format(name.to_owned()))
        }
    }

    /// # Errors
    /// It cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, ShareError> {
        serde_json::to_vec_pretty(self).map_err(|_| ShareError::Format(FORMAT.to_owned()))
    }
}

/// A custodian's name and passphrase.
pub type Custodian = (String, Zeroizing<Vec<u8>>);

/// A secret to be split.
pub(crate) struct Secret<'a> {
    pub(crate) format: &'static str,
    /// What it belongs to, in every share's label.
    pub(crate) of: Hex<32>,
    pub(crate) bytes: &'a [u8],
    pub(crate) memory_kib: u32,
}

/// Splits a store's secret among custodians; `threshold` of them join it again.
///
/// # Errors
/// The secret is not the store's, or numbers or custodians make no sense.
pub fn split(
    dir: &Path,
    secret: &UnsealSecret,
    threshold: u8,
    custodians: &[Custodian],
    world: &mut World,
) -> Result<Vec<ShareFile>, ShareError> {
    check_custody(threshold, custodians)?;
    let of = secret_fits(dir, secret)?.ok_or(ShareError::WrongSecret)?;
    let secret = Secret {
        format: FORMAT,
        of,
        bytes: secret.expose(),
        memory_kib: MEMORY_KIB,
    };
    deal(&secret, threshold, custodians, world)
}

fn check_custody(threshold: u8, custodians: &[Custodian]) -> Result<u8, ShareError> {
    let shares = u8::try_from(custodians.len()).map_err(|_| ShareError::Numbers)?;
    if shares > MAX_SHARES || threshold < 2 || threshold > shares {
        return Err(ShareError::Numbers);
    }
    let names: BTreeSet<_> = custodians.iter().map(|(name, _)| name).collect();
    let usable = |(name, passphrase): &Custodian| {
        valid_custodian(name) && passphrase.len() >= MIN_PASSPHRASE
    };
    if names.len() != custodians.len() || !custodians.iter().all(usable) {
        return Err(ShareError::Custodian);
    }
    Ok(shares)
}

/// A share file for each custodian.
pub(crate) fn deal(
    secret: &Secret<'_>,
    threshold: u8,
    custodians: &[Custodian],
    world: &mut World,
) -> Result<Vec<ShareFile>, ShareError> {
    let shares = check_custody(threshold, custodians)?;
    let splitting = Hex(world.random().map_err(|_| ShareError::Entropy)?);
    let seed = world.secret::<32>().map_err(|_| ShareError::Entropy)?;
    let mut dealer = StdRng::from_seed(*seed);
    let dealt = Sharks(threshold).dealer_rng(secret.bytes, &mut dealer);
    let mut files = Vec::with_capacity(custodians.len());
    for ((number, (custodian, passphrase)), share) in (1..).zip(custodians).zip(dealt) {
        let label = Label {
            format: secret.format.to_owned(),
            store: secret.of,
            splitting,
            threshold,
            shares,
            number,
            custodian: custodian.clone(),
            salt: Hex(world.random().map_err(|_| ShareError::Entropy)?),
            memory_kib: secret.memory_kib,
            passes: PASSES,
        };
        let nonce = world.random().map_err(|_| ShareError::Entropy)?;
        let plain = Zeroizing::new(Vec::from(&share));
        let sealed = key(&label, passphrase)?
            .seal(&nonce, &bound(&label)?, &plain)
            .ok_or(ShareError::Entropy)?;
        files.push(ShareFile {
            label,
            nonce: Hex(nonce),
            sealed: hex::encode_upper(sealed),
        });
    }
    Ok(files)
}

/// A custodian's name becomes a file's name: no dots, no slashes.
fn valid_custodian(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

/// Joins shares, each with its custodian's passphrase, into the secret of this store.
///
/// # Errors
/// Too few, one twice, a wrong passphrase, shares of another store or splitting.
pub fn join(
    dir: &Path,
    parts: &[(ShareFile, Zeroizing<Vec<u8>>)],
) -> Result<UnsealSecret, ShareError> {
    let (of, bytes) = gather(FORMAT, parts)?;
    let mut whole = Zeroizing::new([0; 32]);
    if bytes.len() != whole.len() {
        return Err(ShareError::WrongSecret);
    }
    whole.copy_from_slice(&bytes);
    let secret = UnsealSecret::from_bytes(whole);
    match secret_fits(dir, &secret)? {
        Some(store) if store == of => Ok(secret),
        _ => Err(ShareError::WrongSecret),
    }
}

/// What the shares are of, and the secret they give; whether it is the right one is the caller's to see.
pub(crate) fn gather(
    format: &str,
    parts: &[(ShareFile, Zeroizing<Vec<u8>>)],
) -> Result<(Hex<32>, Zeroizing<Vec<u8>>), ShareError> {
    let Some((first, _)) = parts.first() else {
        return Err(ShareError::TooFew {
            given: 0,
            needed: 2,
        });
    };
    let needed = first.label.threshold;
    let mut numbers = BTreeSet::new();
    for (ShareFile { label, .. }, _) in parts {
        if label.format != format {
            return Err(ShareError::Format(label.custodian.clone()));
        }
        let same = |l: &Label| (l.store, l.splitting, l.threshold, l.shares);
        if same(label) != same(&first.label) {
            return Err(ShareError::Foreign(label.custodian.clone()));
        }
        if !numbers.insert(label.number) {
            return Err(ShareError::Twice(label.custodian.clone()));
        }
    }
    if parts.len() < usize::from(needed) && enforced(Control::ShareThreshold) {
        return Err(ShareError::TooFew {
            given: parts.len(),
            needed,
        });
    }
    let mut opened = Vec::with_capacity(parts.len());
    for (file, passphrase) in parts {
        opened.push(open(file, passphrase)?);
    }
    let sharks = Sharks(needed);
    let bytes = sharks.recover(&opened);
    let bytes = bytes.map_err(|_| ShareError::WrongSecret)?;
    Ok((first.label.store, Zeroizing::new(bytes)))
}

fn open(file: &ShareFile, passphrase: &[u8]) -> Result<Share, ShareError> {
    let label = &file.label;
    let wrong = || ShareError::WrongPassphrase(label.custodian.clone());
    let sealed = hex::decode(&file.sealed).map_err(|_| wrong())?;
    let plain = key(label, passphrase)?
        .open(&file.nonce.0, &bound(label)?, &sealed)
        .ok_or_else(wrong)?;
    Share::try_from(plain.as_slice()).map_err(|_| wrong())
}

/// The label as additional data.
fn bound(label: &Label) -> Result<Vec<u8>, ShareError> {
    serde_json::to_vec(label).map_err(|_| ShareError::Format(FORMAT.to_owned()))
}

fn key(label: &Label, passphrase: &[u8]) -> Result<Sm4Key, ShareError> {
    let format = || ShareError::Format(label.custodian.clone());
    let params = Params::new(label.memory_kib, label.passes, 1, Some(16)).map_err(|_| format())?;
    let mut block = Zeroizing::new([0; 16]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, &label.salt.0, &mut block[..])
        .map_err(|_| ShareError::Memory)?;
    Ok(Sm4Key::new(*block))
}
