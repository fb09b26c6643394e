//! A service's store, in SQLite or PostgreSQL: durable, private, and with a mark from birth.
//!
//! One interface, one text of SQL, one suite of tests for both. A write transaction takes the one write lock at its
//! beginning ([`Store::begin`]), over all instances of a service: what is read inside stays true until the commit, so that
//! counting and the order of the audit record need no further thought. A commit is on the disk (`synchronous = FULL`,
//! `synchronous_commit = on`).
//!
//! A file has mode 0600 and its triggers; in a database the tables belong to a role of their own ([`server`]). Which
//! service a store belongs to, at which tier, and its mark are written once when it is created, bound into the audit's first
//! row, and compared at every opening.

mod birth;
mod copy;
mod dialect;
mod file;
mod place;
mod server;

use std::path::PathBuf;

use sqlx::{Any, AnyPool, AssertSqlSafe, Transaction};

use crate::audit::{self, AuditError};
use crate::clock::{SharedClock, stamp};
use crate::mark::{Mark, MarkMismatch};
pub use copy::CopyError;
pub use dialect::Engine;
pub use place::{Place, path_of};
pub use server::Server;

/// A connection of either engine.
pub type Conn = sqlx::AnyConnection;
/// A transaction of either engine.
pub type Tx = Transaction<'static, Any>;

/// All writers of a database take turns by this lock; it ends with the transaction, also when its instance dies.
const BEGIN_AND_LOCK: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(x'7268632d73746f72'::bigint)";

/// One step of a store's schema, in SQLite's words; versions count up from 1.
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
    #[error("{path} exists already")]
    Exists { path: String },
    #[error("{path} does not exist: create the store first", path = path.display())]
    Missing { path: PathBuf },
    #[error(
        "`{0}` is no store address: write sqlite:PATH or postgres://ROLE@HOST/DATABASE (host=, port=, passfile=, sslmode=, sslrootcert=, sslcert=, sslkey=)"
    )]
    Address(String),
    #[error(
        "{0}: a password belongs into a file of mode 0600, named by ?passfile=FILE, one line HOST:PORT:DATABASE:ROLE:PASSWORD"
    )]
    Password(String),
    #[error("{path} has no line for this host, port, database and role", path = .0.display())]
    Passfile(PathBuf),
    #[error(transparent)]
    Secret(#[from] crate::identity::IdentityError),
    #[error(
        "only the owner of the schema can make or upgrade the tables: give the owner's address too"
    )]
    NoOwner,
    #[error(
        "this database role could change the audit record: the service needs a role that owns no table (see docs/operations)"
    )]
    Rights,
    #[error("this store belongs to {found}, not to {wanted}")]
    Foreign { found: String, wanted: String },
    #[error("this is a database, but none of ours")]
    NotOurs,
    #[error("the store has schema {found}, this program knows {known}: use the newer program")]
    Newer { found: i64, known: i64 },
    #[error("the store has schema {found}, this program needs {known}: let the owner upgrade it")]
    Older { found: i64, known: i64 },
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
    pool: AnyPool,
    engine: Engine,
    birth: Birth,
    clock: SharedClock,
}

impl Store {
    /// Makes a new store; refuses when there is one.
    pub async fn create(
        place: impl Into<Place>,
        birth: Birth,
        migrations: &[Migration],
        clock: SharedClock,
    ) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let place = place.into();
        match &place {
            Place::File(path) => {
                file::make(path)?;
                let pool = file::connect(path).await?;
                fill(&pool, Engine::Sqlite, &birth, "", migrations, &clock).await?;
                pool.close().await;
            }
            Place::Server(server) => {
                let pool = server.owner()?.connect(&birth.service).await?;
                let (engine, role) = (Engine::Postgres, server.role());
                let made = fill(&pool, engine, &birth, role, migrations, &clock).await;
                pool.close().await;
                made.map_err(|error| match error {
                    StoreError::Exists { .. } => StoreError::Exists {
                        path: place.to_string(),
                    },
                    other => other,
                })?;
            }
        }
        let service = birth.service;
        Self::open(place, &service, migrations, clock).await
    }

    /// Opens a store of this service; its mark is what it was born with. A file is brought to the present schema, a
    /// database by its owner only ([`Store::upgrade`]).
    pub async fn open(
        place: impl Into<Place>,
        service: &str,
        migrations: &[Migration],
        clock: SharedClock,
    ) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (pool, engine) = match &place.into() {
            Place::File(path) => {
                file::check_mode(path)?;
                (file::connect(path).await?, Engine::Sqlite)
            }
            Place::Server(server) => (server.connect(service).await?, Engine::Postgres),
        };
        let mut conn = pool.acquire().await?;
        let birth = birth::read(&mut conn).await?;
        if engine == Engine::Postgres {
            server::check_rights(&mut conn).await?;
        }
        drop(conn);
        if birth.service != service {
            return Err(StoreError::Foreign {
                found: birth.service,
                wanted: service.to_owned(),
            });
        }
        let store = Self {
            pool,
            engine,
            birth,
            clock,
        };
        store.bring_up(migrations).await?;
        Ok(store)
    }

    /// Opens the store, or makes it when there is none; tier and mark must agree with an existing one.
    pub async fn open_or_create(
        place: impl Into<Place>,
        birth: Birth,
        migrations: &[Migration],
        clock: SharedClock,
    ) -> Result<Self, StoreError> {
        let place = place.into();
        if place.is_no_file_yet() {
            return Self::create(place, birth, migrations, clock).await;
        }
        let opened = Self::open(&place, &birth.service, migrations, clock.clone()).await;
        let store = match opened {
            Err(StoreError::NotOurs) if matches!(place, Place::Server(_)) => {
                return Self::create(place, birth, migrations, clock).await;
            }
            other => other?,
        };
        store.birth.mark.admit(birth.mark)?;
        if store.birth.tier != birth.tier {
            return Err(StoreError::Foreign {
                found: store.birth.tier,
                wanted: birth.tier,
            });
        }
        Ok(store)
    }

    /// As the owner of a database: the present schema, and the service's rights anew.
    ///
    /// # Errors
    /// The place is no database with an owner, or the schema is newer than this program.
    pub async fn upgrade(
        place: &Place,
        service: &str,
        migrations: &[Migration],
        clock: &SharedClock,
    ) -> Result<(), StoreError> {
        sqlx::any::install_default_drivers();
        let Place::Server(server) = place else {
            return Err(StoreError::NoOwner);
        };
        let pool = server.owner()?.connect(service).await?;
        let mut tx = begin(&pool, Engine::Postgres).await?;
        birth::read(&mut tx).await?;
        migrate(&mut tx, Engine::Postgres, migrations, clock).await?;
        let role = birth::fact(&mut tx, "role").await?;
        server::grant(&mut tx, service, &role.unwrap_or_default()).await?;
        tx.commit().await?;
        pool.close().await;
        Ok(())
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
    pub fn engine(&self) -> Engine {
        self.engine
    }

    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// For reading.
    #[must_use]
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// For writing: takes the write lock at once, so that what is read inside stays true until the commit.
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        begin(&self.pool, self.engine).await
    }

    /// Writes the log back and closes all connections.
    pub async fn close(self) {
        self.pool.close().await;
    }

    async fn bring_up(&self, migrations: &[Migration]) -> Result<(), StoreError> {
        if self.engine == Engine::Sqlite {
            let mut tx = self.begin().await?;
            migrate(&mut tx, self.engine, migrations, &self.clock).await?;
            return Ok(tx.commit().await?);
        }
        let mut conn = self.pool.acquire().await?;
        match state(&mut conn, migrations).await? {
            (found, known) if found < known => Err(StoreError::Older { found, known }),
            _ => Ok(()),
        }
    }
}

async fn begin(pool: &AnyPool, engine: Engine) -> Result<Tx, sqlx::Error> {
    match engine {
        Engine::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await,
        Engine::Postgres => {
            // The snapshot is of each statement, so those after the lock see what the holder before committed.
            pool.begin_with(BEGIN_AND_LOCK).await
        }
    }
}

/// Tables, birth, first audit row, rights: all or nothing.
async fn fill(
    pool: &AnyPool,
    engine: Engine,
    birth: &Birth,
    role: &str,
    migrations: &[Migration],
    clock: &SharedClock,
) -> Result<(), StoreError> {
    let mut tx = begin(pool, engine).await?;
    let now = clock.now();
    if engine == Engine::Postgres {
        if server::has_store(&mut tx).await? {
            return Err(StoreError::Exists {
                path: String::new(),
            });
        }
        server::make_schema(&mut tx, &birth.service, role).await?;
    }
    sqlx::raw_sql(AssertSqlSafe(engine.schema(birth::META)))
        .execute(&mut *tx)
        .await?;
    birth::write(&mut tx, birth, role, now).await?;
    audit::create(&mut tx, engine, now, birth).await?;
    migrate(&mut tx, engine, migrations, clock).await?;
    if engine == Engine::Postgres {
        server::grant(&mut tx, &birth.service, role).await?;
    }
    Ok(tx.commit().await?)
}

/// The schema's version, and the newest that this program knows.
async fn state(conn: &mut Conn, migrations: &[Migration]) -> Result<(i64, i64), StoreError> {
    let found: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM migrations")
        .fetch_one(conn)
        .await?;
    let known = migrations.iter().map(|step| step.version).max();
    let known = known.unwrap_or(0);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok((found, known))
}

async fn migrate(
    conn: &mut Conn,
    engine: Engine,
    migrations: &[Migration],
    clock: &SharedClock,
) -> Result<(), StoreError> {
    let (found, _) = state(conn, migrations).await?;
    for step in migrations.iter().filter(|step| step.version > found) {
        sqlx::raw_sql(AssertSqlSafe(engine.schema(step.sql)))
            .execute(&mut *conn)
            .await?;
        sqlx::query("INSERT INTO migrations (version, applied) VALUES ($1, $2)")
            .bind(step.version)
            .bind(stamp(clock.now()))
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}
