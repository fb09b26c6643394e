//! Files of a store: the lock, whole files that appear at once, and serialisation that leaves no copies.

use super::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long to try for a store's lock.
const LOCK_PATIENCE: Duration = Duration::from_millis(200);

/// Serialises into a buffer of its full size at once (a growing one leaves copies behind) that is wiped.
pub(super) fn encode_secret<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let length = postcard::experimental::serialized_size(value).map_err(|_| StoreError::Seal)?;
    let mut buffer = Zeroizing::new(vec![0; length]);
    postcard::to_slice(value, &mut buffer).map_err(|_| StoreError::Seal)?;
    Ok(buffer)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}

pub(super) fn newest_snapshot(dir: &Path) -> Result<u64, StoreError> {
    let mut newest = None;
    for entry in fs::read_dir(dir).map_err(StoreError::io(dir))? {
        let name = entry.map_err(StoreError::io(dir))?.file_name();
        let generation = name.to_str().and_then(|n| {
            n.strip_prefix("snapshot-")?
                .strip_suffix(".sealed")?
                .parse()
                .ok()
        });
        newest = newest.max(generation);
    }
    newest.ok_or_else(|| StoreError::damaged(dir, "has no snapshot"))
}

/// One process at a time; the kernel frees the lock when it ends.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(StoreError::io(&path))?;
    // A child between fork and exec holds a lock of its parent for a moment: try a little longer.
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(LOCK_PATIENCE / 10);
            }
            Err(fs::TryLockError::WouldBlock) => return Err(StoreError::InUse(dir.to_owned())),
            Err(fs::TryLockError::Error(e)) => return Err(StoreError::io(&path)(e)),
        }
    }
}

/// Writes a whole file so that its name stands for the old content or the new, and nothing else.
pub(super) fn write_durably(dir: &Path, name: &str, content: &[u8]) -> Result<(), StoreError> {
    let (path, temporary) = (dir.join(name), dir.join(format!("{name}.new")));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(StoreError::io(&path))
}
