//! Files that hold a secret: mode 0600, refused when anybody else may read them.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

/// A secret file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("{path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
    #[error("{0}: group or others may open it; run chmod 600 on it, and consider the secret known")]
    Mode(String),
    #[error("{path}: {reason}")]
    Content { path: String, reason: &'static str },
}

impl SecretError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.display().to_string(),
            source,
        }
    }

    pub(crate) fn content(path: &Path, reason: &'static str) -> Self {
        Self::Content {
            path: path.display().to_string(),
            reason,
        }
    }
}

/// Reads at most 64 KiB of a file that nobody but its owner may open.
///
/// # Errors
/// It cannot be read, is too wide open, or too long.
pub fn read_secret_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut file = File::open(path).map_err(|e| SecretError::io(path, e))?;
    let mode = file
        .metadata()
        .map_err(|e| SecretError::io(path, e))?
        .mode();
    if mode & 0o077 != 0 {
        return Err(SecretError::Mode(path.display().to_string()));
    }
    let mut bytes = Zeroizing::new(vec![0; 65_536]);
    let mut length = 0;
    while length < bytes.len() {
        match file
            .read(&mut bytes[length..])
            .map_err(|e| SecretError::io(path, e))?
        {
            0 => {
                bytes.truncate(length);
                return Ok(bytes);
            }
            n => length += n,
        }
    }
    Err(SecretError::content(path, "longer than any secret file"))
}

/// Writes a new file of mode 0600, durably; an existing one is not touched.
///
/// # Errors
/// It exists or cannot be written.
pub fn write_secret_file(path: &Path, content: &[u8]) -> Result<(), SecretError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| SecretError::io(path, e))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(|e| SecretError::io(path, e))
}

/// The operator's secret: 32 random bytes, as 64 hexadecimal digits in a file.
///
/// ```compile_fail
/// fn shows<T: std::fmt::Debug>() {}
/// shows::<hsm_wire::secret::OperatorSecret>();
/// ```
pub struct OperatorSecret(Zeroizing<[u8; 32]>);

impl OperatorSecret {
    /// A fresh one.
    ///
    /// # Errors
    /// The system's generator failed.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut bytes[..])?;
        Ok(Self(bytes))
    }

    /// From its file.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn load(path: &Path) -> Result<Self, SecretError> {
        let text = read_secret_file(path)?;
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim_ascii(), &mut bytes[..])
            .map_err(|_| SecretError::content(path, "not 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }

    /// Into a new file.
    ///
    /// # Errors
    /// It exists or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), SecretError> {
        let mut text = Zeroizing::new(hex::encode(&self.0[..]));
        text.push('\n');
        let written = write_secret_file(path, text.as_bytes());
        text.zeroize();
        written
    }

    /// The bytes, to be sent in `Hello`.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// SM3, which is all that the HSM keeps.
    #[must_use]
    pub fn hash(&self) -> crate::Hex<32> {
        use sm3::{Digest, Sm3};
        crate::Hex(Sm3::digest(&self.0[..]).into())
    }
}
