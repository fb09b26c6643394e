//! Files of a directory, copied with their modes; nothing of it may be read by others.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A copy that met a compaction begins anew, so many times at most.
const TRIES: usize = 20;

/// A new directory that only its owner may enter.
pub(super) fn new_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// The same, in place of what an earlier try left there.
pub(super) fn begin_anew(path: &Path) -> io::Result<()> {
    discard(path)?;
    new_directory(path)
}

/// Removes a directory, if it is there.
pub(super) fn discard(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Every regular file below, by its path from there, in order.
pub(super) fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(dir.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies those files that `wanted` takes.
pub(super) fn copy(from: &Path, to: &Path, wanted: impl Fn(&Path) -> bool) -> io::Result<()> {
    for path in list(from)?.into_iter().filter(|path| wanted(path)) {
        let target = to.join(&path);
        if let Some(parent) = target.parent()
            && !parent.exists()
        {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)?;
        }
        fs::copy(from.join(&path), &target)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600))?;
        fs::File::open(&target)?.sync_all()?;
    }
    Ok(())
}

/// Copies the store of an HSM that may be running: its journal only grows, so a copy is good unless files came or went
/// meanwhile. What is cut off at the journal's end was given to nobody whom the copy knows.
pub(super) fn copy_hsm(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 0..TRIES {
        let before = list(from)?;
        new_directory(to)?;
        let copied = copy(from, to, |_| true);
        if copied.is_ok() && list(from)? == before {
            return Ok(());
        }
        fs::remove_dir_all(to)?;
    }
    Err(io::Error::other(
        "the HSM's store changes too fast: stop the HSM first",
    ))
}
