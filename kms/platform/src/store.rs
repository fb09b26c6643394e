//! A service's SQLite store: durable, private, and with a mark from birth.
//!
//! Write-ahead log with `synchronous = FULL` (a commit survives a power cut), foreign keys on, file mode 0600,
//! `STRICT` tables, migrations as a plain list. Which service it belongs to, at which tier, and its mark are
//! written once when it is created, bound into the audit's first row, and compared at every opening.

mod file;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::audit::{self, AuditError};
use crate::clock::{SharedClock, stamp};
use crate::mark::{Mark, MarkMismatch};
use file::{check_mode, connect, read_birth};

/// One step of a store's schema; versions count up from 1.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub version: i64,
    pub sql: &'static str,
}

/// What a store is from birth to destruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Birth {
    /// `kms`, `registry`, …
    pub service: String,
    /// `ministry`, `province 41`, …
    pub tier: String,
    pub mark: Mark,
}

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {source}", path = path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} may be read by others (mode {mode:04o}): run `chmod 600 {path}`", path = path.display())]
    TooOpen { path: PathBuf, mode: u32 },
    #[error("{path} exists already", path = path.display())]
    Exists { path: PathBuf },
    #[error("{path} does not exist: create the store first", path = path.display())]
    Missing { path: PathBuf },
    #[error("`{0}` is no store address: write sqlite:PATH")]
    Address(String),
    #[error("this store belongs to {found}, not to {wanted}")]
    Foreign { found: String, wanted: String },
    #[error("this file is a database, but none of ours")]
    NotOurs,
    #[error("the store has schema {found}, this program knows {known}: use the newer program")]
    Newer { found: i64, known: i64 },
    #[error(transparent)]
    Mark(#[from] MarkMismatch),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("store: {0}")]
    Sql(#[from] sqlx::Error),
}

/// An open store.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
    birth: Birth,
    clock: SharedClock,
}

const META: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied TEXT NOT NULL) STRICT;
CREATE TRIGGER meta_never_changes BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'fixed at birth'); END;
CREATE TRIGGER meta_never_goes BEFORE DELETE ON meta BEGIN SELECT RAISE(ABORT, 'fixed at birth'); END;
";

/// Takes the path out of `sqlite:PATH` (a bare path is fine too).
pub fn path_of(address: &str) -> Result<PathBuf, StoreError> {
    let path = address
        .strip_prefix("sqlite://")
        .or_else(|| address.strip_prefix("sqlite:"))
        .unwrap_or(address);
    if path.is_empty() || path.contains(['?', '\0']) || path.contains("://") {
        return Err(StoreError::Address(address.to_owned()));
    }
    Ok(PathBuf::from(path))
}

impl Store {
    /// Makes a new store; refuses when the file exists.
    pub async fn create(
        path: &Path,
        birth: Birth,
        migrations: &[Migration],
        clock: SharedClock,
    ) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        file.map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::Exists {
                path: path.to_owned(),
            },
            _ => StoreError::Io {
                path: path.to_owned(),
                source,
            },
        })?;
        let pool = connect(path).await?;
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(META).execute(&mut *tx).await?;
        let now = clock.now();
        let facts = [
            ("service", birth.service.clone()),
            ("tier", birth.tier.clone()),
            ("mark", birth.mark.to_string()),
            ("created", stamp(now)),
        ];
        for (key, value) in facts {
            sqlx::query("INSERT INTO meta (key, value) VALUES (?, ?)")
                .bind(key)
                .bind(value)
                .execute(&mut *tx)
                .await?;
        }
        audit::create(&mut tx, now, &birth).await?;
        tx.commit().await?;
        let store = Self { pool, birth, clock };
        store.migrate(migrations).await?;
        Ok(store)
    }

    /// Opens a store of this service; its mark is what it was born with.
    pub async fn open(
        path: &Path,
        service: &str,
        migrations: &[Migration],
        clock: SharedClock,
    ) -> Result<Self, StoreError> {
        check_mode(path)?;
        let pool = connect(path).await?;
        let birth = read_birth(&pool).await?;
        if birth.service != service {
            return Err(StoreError::Foreign {
                found: birth.service,
                wanted: service.to_owned(),
            });
        }
        let store = Self { pool, birth, clock };
        store.migrate(migrations).await?;
        Ok(store)
    }

    /// Opens the store, or makes it when there is none; tier and mark must agree with an existing one.
    pub async fn open_or_create(
        path: &Path,
        birth: Birth,
        migrations: &[Migration],
        clock: SharedClock,
    ) -> Result<Self, StoreError> {
        if !path.exists() {
            return Self::create(path, birth, migrations, clock).await;
        }
        let store = Self::open(path, &birth.service, migrations, clock).await?;
        store.birth.mark.admit(birth.mark)?;
        if store.birth.tier != birth.tier {
            return Err(StoreError::Foreign {
                found: store.birth.tier,
                wanted: birth.tier,
            });
        }
        Ok(store)
    }

    #[must_use]
    pub fn birth(&self) -> &Birth {
        &self.birth
    }

    #[must_use]
    pub fn mark(&self) -> Mark {
        self.birth.mark
    }

    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// For reading.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// For writing: takes the write lock at once, so that what is read inside stays true until the commit.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// Writes the log back and closes all connections.
    pub async fn close(self) {
        self.pool.close().await;
    }

    async fn migrate(&self, migrations: &[Migration]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let found: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM migrations")
            .fetch_one(&mut *tx)
            .await?;
        let known = migrations
            .iter()
            .map(|step| step.version)
            .max()
            .unwrap_or(0);
        if found > known {
            return Err(StoreError::Newer { found, known });
        }
        for step in migrations.iter().filter(|step| step.version > found) {
            apply(&mut tx, step, &stamp(self.clock.now())).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

async fn apply(conn: &mut SqliteConnection, step: &Migration, at: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(step.sql).execute(&mut *conn).await?;
    sqlx::query("INSERT INTO migrations (version, applied) VALUES (?, ?)")
        .bind(step.version)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}
