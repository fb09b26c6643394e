//! The store's file: how it is opened, who may read it, what it says it was born as.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Birth, StoreError};

/// Waiting for another writer, at most.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// One writes at a time, a few read; each connection costs a thread and its cache.
const CONNECTIONS: u32 = 4;

pub(super) async fn connect(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // What is deleted is overwritten, and a crafted schema cannot call into the program.
        .pragma("secure_delete", "ON")
        .pragma("trusted_schema", "OFF");
    SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .connect_with(options)
        .await
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

pub(super) async fn read_birth(pool: &SqlitePool) -> Result<Birth, StoreError> {
    let fact = async |key: &'static str| {
        let value: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_optional(pool)
            .await?;
        Ok::<_, sqlx::Error>(value)
    };
    // A database without our table, or half made, is none of ours.
    let read = async {
        Ok::<_, sqlx::Error>((
            fact("service").await?,
            fact("tier").await?,
            fact("mark").await?,
        ))
    };
    match read.await {
        Ok((Some(service), Some(tier), Some(mark))) => Ok(Birth {
            service,
            tier,
            mark: mark.parse().map_err(|_| StoreError::NotOurs)?,
        }),
        Ok(_) => Err(StoreError::NotOurs),
        Err(sqlx::Error::Database(error)) if error.message().contains("no such table") => {
            Err(StoreError::NotOurs)
        }
        Err(error) => Err(error.into()),
    }
}
