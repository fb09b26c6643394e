//! What a store says it was born as.

use super::{Birth, Conn, StoreError};
use crate::clock::stamp;
use jiff::Timestamp;

pub(super) const META: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied TEXT NOT NULL) STRICT;
CREATE TRIGGER meta_never_changes BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'fixed at birth'); END;
CREATE TRIGGER meta_never_goes BEFORE DELETE ON meta BEGIN SELECT RAISE(ABORT, 'fixed at birth'); END;
";

/// Writes the facts of a birth; `role` is that of a database's service.
pub(super) async fn write(
    conn: &mut Conn,
    birth: &Birth,
    role: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let facts = [
        ("service", birth.service.clone()),
        ("tier", birth.tier.clone()),
        ("mark", birth.mark.to_string()),
        ("created", stamp(now)),
        ("role", role.to_owned()),
    ];
    for (key, value) in facts {
        sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2)")
            .bind(key)
            .bind(value)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// One of the facts.
pub(super) async fn fact(conn: &mut Conn, key: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM meta WHERE key = $1")
        .bind(key)
        .fetch_optional(conn)
        .await
}

pub(super) async fn read(conn: &mut Conn) -> Result<Birth, StoreError> {
    // A database without our table, or half made, is none of ours.
    let read = async {
        let service = fact(conn, "service").await?;
        let tier = fact(conn, "tier").await?;
        Ok::<_, sqlx::Error>((service, tier, fact(conn, "mark").await?))
    };
    match read.await {
        Ok((Some(service), Some(tier), Some(mark))) => Ok(Birth {
            service,
            tier,
            mark: mark.parse().map_err(|_| StoreError::NotOurs)?,
        }),
        Ok(_) => Err(StoreError::NotOurs),
        Err(sqlx::Error::Database(error)) if no_such_table(&*error) => Err(StoreError::NotOurs),
        Err(error) => Err(error.into()),
    }
}

fn no_such_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().as_deref() == Some("42P01") || error.message().contains("no such table")
}
