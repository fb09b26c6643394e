//! The laboratory's SM2 key: 64 hexadecimal digits in a file that nobody else may read.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use cardlib_card::gm::sm2::SigningKey;
use zeroize::Zeroizing;

/// Label of the public test key with which rehearsals are signed. It proves nothing about who signed.
const REHEARSAL: &[u8] = b"RHC-TEST-SM2-LAB";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    #[error("{0}: others may read this key file (mode {1:03o}); chmod 600 it")]
    Open(String, u32),
    #[error("{0}: 64 hexadecimal digits of an SM2 private key are wanted")]
    Form(String),
    #[error("no random numbers can be had: {0}")]
    Random(String),
}

/// The public key of rehearsals.
///
/// # Errors
/// Never in practice: the label gives a key.
pub fn rehearsal() -> Result<SigningKey, KeyError> {
    SigningKey::from_label(REHEARSAL).map_err(|e| KeyError::Random(e.to_string()))
}

/// Reads a key file.
///
/// # Errors
/// [`KeyError`]; a file that others may read is refused.
pub fn read(path: &Path) -> Result<SigningKey, KeyError> {
    let name = path.display().to_string();
    let mut file = fs::File::open(path).map_err(|e| KeyError::Io(name.clone(), e))?;
    let mode = file
        .metadata()
        .map_err(|e| KeyError::Io(name.clone(), e))?
        .mode()
        & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open(name, mode));
    }
    let mut text = Zeroizing::new(String::new());
    Read::by_ref(&mut file)
        .take(200)
        .read_to_string(&mut text)
        .map_err(|e| KeyError::Io(name.clone(), e))?;
    let mut bytes = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
        .map_err(|_| KeyError::Form(name.clone()))?;
    SigningKey::from_bytes(bytes.as_slice()).map_err(|_| KeyError::Form(name))
}

/// Draws a key into a new file of mode 0600.
///
/// # Errors
/// [`KeyError`]; an existing file is not touched.
pub fn create(path: &Path) -> Result<SigningKey, KeyError> {
    let name = path.display().to_string();
    let key = SigningKey::generate(getrandom::fill).map_err(|e| KeyError::Random(e.to_string()))?;
    let text = Zeroizing::new(hex::encode(key.to_bytes()) + "\n");
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    written.map_err(|e| KeyError::Io(name, e))?;
    Ok(key)
}
