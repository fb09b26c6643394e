//! Files that hold a secret: mode 0600, checked on every read, written whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Larger than any identity; a wrong path shall not fill the memory.
const MAX_BYTES: u64 = 256 * 1024;

/// Why a secret file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    #[error("{path}: {source}", path = path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} may be read by others (mode {mode:04o}): run `chmod 600 {path}` and think about who saw it", path = path.display())]
    TooOpen { path: PathBuf, mode: u32 },
    #[error("{path} exists already and is not overwritten: move it away first", path = path.display())]
    Exists { path: PathBuf },
    #[error("{path} is too large to be such a file", path = path.display())]
    TooLarge { path: PathBuf },
}

/// Reads a file that only its owner may touch.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let io = |source| SecretFileError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretFileError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    if meta.len() > MAX_BYTES {
        return Err(SecretFileError::TooLarge {
            path: path.to_owned(),
        });
    }
    // Full size at once: a growing buffer would leave copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(meta.len()).unwrap_or(0) + 1,
    ));
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Writes a new file; refuses when one is there.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), SecretFileError> {
    let temporary = write_beside(path, bytes)?;
    // A hard link fails when the name is taken, a rename would replace it.
    let linked = std::fs::hard_link(&temporary, path);
    let _ = std::fs::remove_file(&temporary);
    match linked {
        Ok(()) => sync_directory(path),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(SecretFileError::Exists {
                path: path.to_owned(),
            })
        }
        Err(source) => Err(SecretFileError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Replaces a file in one step.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), SecretFileError> {
    let temporary = write_beside(path, bytes)?;
    std::fs::rename(&temporary, path).map_err(|source| {
        let _ = std::fs::remove_file(&temporary);
        SecretFileError::Io {
            path: path.to_owned(),
            source,
        }
    })?;
    sync_directory(path)
}

fn write_beside(path: &Path, bytes: &[u8]) -> Result<PathBuf, SecretFileError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = PathBuf::from(name);
    let io = |source| SecretFileError::Io {
        path: temporary.clone(),
        source,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(io)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|source| {
            let _ = std::fs::remove_file(&temporary);
            io(source)
        })?;
    Ok(temporary)
}

fn sync_directory(path: &Path) -> Result<(), SecretFileError> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|file| file.sync_all())
        .map_err(|source| SecretFileError::Io {
            path: directory.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        create(&path, b"key").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap().as_slice(), b"key");
        for mode in [0o640, 0o604, 0o620, 0o610] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(read(&path), Err(SecretFileError::TooOpen { .. })),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn nothing_is_overwritten_unless_meant() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        create(&path, b"one").unwrap();
        assert!(matches!(
            create(&path, b"two"),
            Err(SecretFileError::Exists { .. })
        ));
        assert_eq!(read(&path).unwrap().as_slice(), b"one");
        replace(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().as_slice(), b"two");
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }
}
