//! TLS identities that this tier's authority issued, and those it took back.

use jiff::Timestamp;
use kms_platform::ca::TakenBack;
use kms_platform::store::Conn;
use serde::Serialize;

use crate::refusal::{self, Result};
use crate::refuse;

/// One certificate.
#[derive(Debug, Serialize)]
pub struct Issued {
    /// Serial number, hexadecimal.
    pub serial: String,
    /// `rhc://4101/station/st1`.
    pub name: String,
    /// When it was issued.
    pub issued: String,
    /// Since when it is not believed any more.
    pub revoked: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Serial, name, issued, revoked, reason.
type Row = (String, String, String, Option<String>, Option<String>);

/// Notes a certificate.
///
/// # Errors
/// The store failed.
pub async fn add(conn: &mut Conn, serial: &str, name: &str, at: &str) -> Result<()> {
    sqlx::query("INSERT INTO identity (serial, name, issued) VALUES ($1, $2, $3)")
        .bind(serial)
        .bind(name)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// All, in the order of issue.
///
/// # Errors
/// The store failed.
pub async fn all(conn: &mut Conn) -> Result<Vec<Issued>> {
    let sql = "SELECT serial, name, issued, revoked, reason FROM identity ORDER BY number";
    let rows: Vec<Row> = sqlx::query_as(sql).fetch_all(conn).await?;
    let issued = rows
        .into_iter()
        .map(|(serial, name, issued, revoked, reason)| Issued {
            serial,
            name,
            issued,
            revoked,
            reason,
        });
    Ok(issued.collect())
}

/// Takes back every certificate of a name that is not taken back yet; how many.
///
/// # Errors
/// The store failed.
pub async fn revoke_name(conn: &mut Conn, name: &str, at: &str, reason: &str) -> Result<u64> {
    let sql = "UPDATE identity SET revoked = $1, reason = $2 WHERE name = $3 AND revoked IS NULL";
    let done = sqlx::query(sql).bind(at).bind(reason).bind(name);
    Ok(done.execute(conn).await?.rows_affected())
}

/// Takes back one certificate by its serial number, also one of which nothing is known but that.
///
/// # Errors
/// The store failed.
pub async fn revoke_serial(conn: &mut Conn, serial: &str, at: &str, reason: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO identity (serial, name, issued, revoked, reason) VALUES ($1, '', $2, $2, $3)
         ON CONFLICT (serial) DO UPDATE SET revoked = coalesce(identity.revoked, $2), reason = coalesce(identity.reason, $3)",
    )
    .bind(serial)
    .bind(at)
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(())
}

/// What stands on the list.
///
/// # Errors
/// The store failed, or holds a time that is none.
pub async fn taken_back(conn: &mut Conn) -> Result<Vec<TakenBack>> {
    let revoked = all(conn)
        .await?
        .into_iter()
        .filter_map(|one| Some((one.serial, one.revoked?)));
    revoked
        .map(|(serial, at)| {
            let at: Timestamp = at
                .parse()
                .map_err(|_| refuse!(&refusal::STORE, "a stored time is none", "存储的时间无效"))?;
            Ok(TakenBack { serial, at })
        })
        .collect()
}
