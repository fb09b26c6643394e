//! Where the suite's stores lie: in files, or in databases of a PostgreSQL of the tests' own.

use std::sync::{Arc, Mutex};

use kms_platform::sqlx::{self, Connection, SqliteConnection};
use kms_platform::store::Place;
use tests_stand::postgres::{Database, Postgres};

/// One of the two.
pub enum Home {
    Files(tempfile::TempDir),
    Databases {
        cluster: Arc<Postgres>,
        made: Mutex<Vec<Database>>,
    },
}

/// Each test once on either engine.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(&super::Home::files()).await; })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() { super::$name(&super::Home::databases()).await; })*
        }
    };
}
pub(crate) use on_both;

impl Home {
    pub fn files() -> Self {
        Self::Files(tempfile::tempdir().unwrap())
    }

    pub fn databases() -> Self {
        Self::Databases {
            cluster: Postgres::shared().unwrap(),
            made: Mutex::default(),
        }
    }

    pub fn is_file(&self) -> bool {
        matches!(self, Self::Files(_))
    }

    /// Where no store is yet.
    pub fn place(&self) -> Place {
        match self {
            Self::Files(dir) => {
                let path = tempfile::NamedTempFile::new_in(dir)
                    .unwrap()
                    .into_temp_path();
                Place::from(path.to_path_buf())
            }
            Self::Databases { cluster, made } => {
                let database = cluster.fresh().unwrap();
                let place: Place = database.address().parse().unwrap();
                let owner = database.owner_address().parse().unwrap();
                made.lock().unwrap().push(database);
                place.owned_by(owner).unwrap()
            }
        }
    }

    /// Somebody with all rights and an SQL shell: triggers off, then the given change. `{zero}` is 32 bytes of nothing.
    pub async fn meddle(&self, place: &Place, sql: &str) {
        match self {
            Self::Files(_) => {
                let mut conn = SqliteConnection::connect(&format!("sqlite:{place}"))
                    .await
                    .unwrap();
                let change = format!(
                    "PRAGMA foreign_keys = OFF; DROP TRIGGER audit_never_changes; DROP TRIGGER audit_never_goes;
                     DROP TRIGGER audit_without_gaps; DROP TRIGGER meta_never_changes; {}",
                    sql.replace("{zero}", "zeroblob(32)")
                );
                let change = sqlx::raw_sql(sqlx::AssertSqlSafe(change));
                change.execute(&mut conn).await.unwrap();
                conn.close().await.unwrap();
            }
            Self::Databases { made, .. } => {
                let change = format!(
                    "SET search_path = registry; ALTER TABLE audit DISABLE TRIGGER ALL; ALTER TABLE meta DISABLE TRIGGER ALL; {}",
                    sql.replace("{zero}", "decode(repeat('00', 32), 'hex')")
                );
                let told = made.lock().unwrap().last().unwrap().psql_as_admin(&change);
                let told = told.unwrap();
                assert_eq!(told.code, 0, "{}", told.err);
            }
        }
    }
}
