//! A key file under a passphrase: argon2id gives the key, SM4-GCM seals, everything that can be read is bound as additional
//! data, mode 0600. Five wrong passphrases in a row close the file: who holds a copy of it has to reckon with argon2id alone.

use std::path::{Path, PathBuf};

use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, Nonce};
use argon2::{Algorithm, Argon2, Params, Version};
use cardlib_card::gm::sm2::SigningKey;
use cipher::KeyInit;
use cipher::array::Array;
use cipher::consts::U12;
use kms_core::policy::{DeviceError, Signer};
use kms_platform::identity::secret_file;
use kms_platform::passphrase::Passphrase;
use serde::{Deserialize, Serialize};
use sm4::Sm4;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::refusal::{self, Refusal, Result};
use crate::refuse;

const FORMAT: &str = "rhc-sealed-key-1";
/// argon2id for new files; a file may ask for other values, within limits.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;
const SHORTEST: usize = 12;
const TRIES: u8 = 5;

/// An opened key; wiped when dropped.
pub(super) struct SealedKey {
    name: String,
    key: SigningKey,
}

impl Signer for SealedKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn sign_message(&self, message: &[u8]) -> Result<[u8; 64], DeviceError> {
        let signed = self.key.sign_message(message);
        signed.map_err(|e| DeviceError(e.to_string()))
    }
}

/// What the seal binds.
#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Label {
    format: String,
    name: String,
    public_key: String,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
    cipher: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    label: Label,
    nonce: String,
    sealed: String,
    /// Counts wrong passphrases; not sealed, since it changes without one.
    tries_left: u8,
}

/// `None`: the file is no sealed key.
pub(super) fn open(
    path: &Path,
    ask: impl FnOnce() -> Result<Passphrase>,
) -> Result<Option<SealedKey>> {
    let text = secret_file::read(path).map_err(kms_platform::identity::IdentityError::from)?;
    let Ok(mut file) = serde_json::from_slice::<File>(&text) else {
        return Ok(None);
    };
    if file.label.format != FORMAT {
        return Ok(None);
    }
    if file.tries_left == 0 {
        return Err(refuse!(
            &refusal::LOCKED,
            "{} was closed after {TRIES} wrong passphrases: have a new key enrolled",
            "{} 在 {TRIES} 次错误口令后已关闭：请登记新密钥",
            path.display()
        ));
    }
    let passphrase = ask()?;
    // The try is counted before it is made: who pulls the plug has made it all the same.
    file.tries_left -= 1;
    keep(path, &file)?;
    let Some(key) = unseal(&file, &passphrase)? else {
        let left = file.tries_left;
        return Err(refuse!(
            &refusal::PASSPHRASE,
            "{}: {left} tries left",
            "{}：还可尝试 {left} 次",
            path.display()
        ));
    };
    file.tries_left = TRIES;
    keep(path, &file)?;
    Ok(Some(SealedKey {
        name: file.label.name,
        key,
    }))
}

fn keep(path: &Path, file: &File) -> Result<()> {
    let text = serde_json::to_vec_pretty(file)?;
    secret_file::replace(path, &text).map_err(kms_platform::identity::IdentityError::from)?;
    Ok(())
}

pub(super) fn create(
    name: &str,
    out: &Path,
    ask: impl FnOnce() -> Result<Passphrase>,
) -> Result<()> {
    let key = SigningKey::generate(getrandom::fill).map_err(|_| no_random())?;
    seal(name, &key, out, ask)
}

/// The plain file of `rhc-hsm officer-key`, as far as it is needed here.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct Plain {
    name: String,
    private_key: String,
}

pub(super) fn seal_file(
    file: &Path,
    out: &Path,
    ask: impl FnOnce() -> Result<Passphrase>,
) -> Result<()> {
    let text = secret_file::read(file).map_err(kms_platform::identity::IdentityError::from)?;
    let wrong = || {
        refuse!(
            &refusal::INVALID,
            "not an officer's key file",
            "不是管理员密钥文件"
        )
    };
    let plain: Plain = serde_json::from_slice(&text).map_err(|_| wrong())?;
    let mut d = Zeroizing::new([0; 32]);
    hex::decode_to_slice(plain.private_key.as_bytes(), &mut d[..]).map_err(|_| wrong())?;
    let key = SigningKey::from_bytes(&d[..]).map_err(|_| wrong())?;
    seal(&plain.name, &key, out, ask)
}

fn seal(
    name: &str,
    key: &SigningKey,
    out: &Path,
    ask: impl FnOnce() -> Result<Passphrase>,
) -> Result<()> {
    let passphrase = ask()?;
    if passphrase.len() < SHORTEST {
        return Err(refuse!(
            &refusal::PASSPHRASE,
            "at least {SHORTEST} bytes",
            "至少 {SHORTEST} 字节"
        ));
    }
    let (mut salt, mut nonce) = ([0; 16], [0; 12]);
    getrandom::fill(&mut salt).map_err(|_| no_random())?;
    getrandom::fill(&mut nonce).map_err(|_| no_random())?;
    let label = Label {
        format: FORMAT.to_owned(),
        name: name.to_owned(),
        public_key: hex::encode_upper(key.verifying_key().to_bytes()),
        kdf: "argon2id".to_owned(),
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        salt: hex::encode_upper(salt),
        cipher: "SM4-GCM".to_owned(),
    };
    // Room for the tag at once: a vector that grows leaves the key behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(32 + 16));
    buffer.extend_from_slice(&key.to_bytes()[..]);
    sealing_key(&label, &passphrase)?
        .encrypt_in_place(&Nonce::from(nonce), &bound(&label)?, &mut *buffer)
        .map_err(|_| no_random())?;
    let file = File {
        nonce: hex::encode_upper(nonce),
        sealed: hex::encode_upper(&*buffer),
        tries_left: TRIES,
        label,
    };
    let text = serde_json::to_vec_pretty(&file)?;
    secret_file::create(out, &text).map_err(kms_platform::identity::IdentityError::from)?;
    let public = serde_json::json!({
        "name": file.label.name, "algorithm": "SM2", "public_key": file.label.public_key,
    });
    let beside = public_path(out);
    std::fs::write(&beside, public.to_string())
        .map_err(|e| Refusal::about(&refusal::INVALID, format!("{}: {e}", beside.display())))
}

fn public_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn unseal(file: &File, passphrase: &[u8]) -> Result<Option<SigningKey>> {
    let mut nonce = [0; 12];
    let damaged = || {
        refuse!(
            &refusal::INVALID,
            "the sealed key is damaged",
            "封装密钥已损坏"
        )
    };
    hex::decode_to_slice(&file.nonce, &mut nonce).map_err(|_| damaged())?;
    let mut buffer = Zeroizing::new(hex::decode(&file.sealed).map_err(|_| damaged())?);
    let opened = sealing_key(&file.label, passphrase)?.decrypt_in_place(
        &Nonce::from(nonce),
        &bound(&file.label)?,
        &mut *buffer,
    );
    if opened.is_err() {
        return Ok(None);
    }
    let key = SigningKey::from_bytes(&buffer).map_err(|_| damaged())?;
    Ok(Some(key))
}

fn bound(label: &Label) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(label)?)
}

fn sealing_key(label: &Label, passphrase: &[u8]) -> Result<AesGcm<Sm4, U12>> {
    let damaged = || {
        refuse!(
            &refusal::INVALID,
            "the sealed key is damaged",
            "封装密钥已损坏"
        )
    };
    let salt = hex::decode(&label.salt).map_err(|_| damaged())?;
    if label.memory_kib > MOST_MEMORY_KIB || label.passes > MOST_PASSES {
        return Err(damaged());
    }
    let params = Params::new(label.memory_kib, label.passes, 1, Some(16)).map_err(|_| damaged())?;
    let mut block = Zeroizing::new([0; 16]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, &salt, &mut block[..])
        .map_err(|_| refuse!(&refusal::INVALID, "not enough memory", "内存不足"))?;
    Ok(AesGcm::<Sm4, U12>::new(&Array(*block)))
}

fn no_random() -> Refusal {
    refuse!(&refusal::INVALID, "no random numbers", "无法取得随机数")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(text: &str) -> impl FnOnce() -> Result<Passphrase> + use<> {
        let bytes = Zeroizing::new(text.as_bytes().to_vec());
        move || Ok(bytes)
    }

    #[test]
    fn a_key_opens_with_its_passphrase_and_closes_after_five_wrong_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("zhang.sealed");
        assert!(create("zhang", &path, pass("too short")).is_err());
        create("zhang", &path, pass("correct horse battery")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = serde_json::from_str(&text).unwrap();
        let key = open(&path, pass("correct horse battery")).unwrap().unwrap();
        let public = hex::encode_upper(key.key.verifying_key().to_bytes());
        assert_eq!(public, file.label.public_key);
        assert!(!text.contains(&hex::encode_upper(&key.key.to_bytes()[..])));
        // Whoever relabels the file has no key either.
        let mut relabelled = file;
        relabelled.label.name = "li".into();
        assert!(
            unseal(&relabelled, b"correct horse battery")
                .unwrap()
                .is_none()
        );
        for left in (0..5).rev() {
            let refused = open(&path, pass("wrong horse battery")).err().unwrap();
            assert_eq!(refused.slug(), "passphrase-refused", "{left}");
        }
        let closed = open(&path, pass("correct horse battery")).err().unwrap();
        assert_eq!(closed.slug(), "officer-locked");
    }
}
