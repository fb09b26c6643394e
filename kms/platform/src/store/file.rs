//! The store's file: how it is opened, who may read it.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};

use super::StoreError;

/// One writes at a time, a few read; each connection costs a thread and its cache.
const CONNECTIONS: u32 = 4;
/// Longer than any wait for the write lock.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(30);
/// Waiting for another writer, at most ten seconds; write-ahead log with a commit that survives a power cut; what is
/// deleted is overwritten, and a crafted schema cannot call into the program.
const PRAGMAS: &str =
    "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;";

/// An empty file of mode 0600; refuses when one is there.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.map(drop).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => StoreError::Exists {
            path: path.display().to_string(),
        },
        _ => StoreError::Io {
            path: path.to_owned(),
            source,
        },
    })
}

pub(super) async fn connect(path: &Path) -> Result<AnyPool, StoreError> {
    let absolute = std::path::absolute(path).map_err(|source| StoreError::Io {
        path: path.to_owned(),
        source,
    })?;
    let text = absolute.to_str();
    let text = text.ok_or_else(|| StoreError::Address(path.display().to_string()))?;
    let options = AnyConnectOptions::from_str(&format!("sqlite://{}?mode=rw", escaped(text)))?;
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_WITHIN)
        .after_connect(|conn, _| {
            Box::pin(async move {
                sqlx::raw_sql(PRAGMAS).execute(conn).await?;
                Ok(())
            })
        });
    Ok(pool.connect_with(options).await?)
}

/// As it stands in an address.
fn escaped(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    path.bytes()
        .map(|b| match plain(b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect()
}

pub(super) fn check_mode(path: &Path) -> Result<(), StoreError> {
    let meta = std::fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => StoreError::Missing {
            path: path.to_owned(),
        },
        _ => StoreError::Io {
            path: path.to_owned(),
            source,
        },
    })?;
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(StoreError::TooOpen {
            path: path.to_owned(),
            mode,
        })
    }
}
