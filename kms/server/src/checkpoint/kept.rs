//! The tables: own checkpoints, what witnesses said of them, what this service said of others. All of them only grow.

use kms_platform::store::Conn;

use super::text::{Checkpoint, Seen, Signed};
use crate::refusal::Result;

type Row = (String, String);

fn signed((text, signature): Row) -> Signed {
    Signed { text, signature }
}

pub(super) async fn add(conn: &mut Conn, number: i64, made: &Signed) -> Result<()> {
    sqlx::query("INSERT INTO checkpoint (number, text, signature) VALUES ($1, $2, $3)")
        .bind(number)
        .bind(&made.text)
        .bind(&made.signature)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn all(conn: &mut Conn) -> Result<Vec<Signed>> {
    let rows: Vec<Row> = sqlx::query_as("SELECT text, signature FROM checkpoint ORDER BY number")
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(signed).collect())
}

pub(super) async fn last(conn: &mut Conn) -> Result<Option<(Signed, Checkpoint)>> {
    let row: Option<Row> =
        sqlx::query_as("SELECT text, signature FROM checkpoint ORDER BY number DESC LIMIT 1")
            .fetch_optional(conn)
            .await?;
    row.map(|row| {
        let read = serde_json::from_str(&row.0)?;
        Ok((signed(row), read))
    })
    .transpose()
}

/// A witness's word; the same again changes nothing.
pub(super) async fn add_seen(conn: &mut Conn, seen: &Seen, word: &Signed) -> Result<()> {
    sqlx::query(
        "INSERT INTO countersignature (number, epoch, witness, text, signature) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(seen.number)
    .bind(seen.epoch)
    .bind(&seen.witness)
    .bind(&word.text)
    .bind(&word.signature)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn all_seen(conn: &mut Conn) -> Result<Vec<Signed>> {
    let sql = "SELECT text, signature FROM countersignature ORDER BY epoch, number, witness";
    let rows: Vec<Row> = sqlx::query_as(sql).fetch_all(conn).await?;
    Ok(rows.into_iter().map(signed).collect())
}

/// What this service saw last of another's record.
pub(super) async fn witnessed(conn: &mut Conn, tier: &str) -> Result<Option<Signed>> {
    let sql = "SELECT text, signature FROM witnessed WHERE tier = $1 ORDER BY id DESC LIMIT 1";
    let row: Option<Row> = sqlx::query_as(sql).bind(tier).fetch_optional(conn).await?;
    Ok(row.map(signed))
}

pub(super) async fn add_witnessed(conn: &mut Conn, tier: &str, word: &Signed) -> Result<()> {
    sqlx::query("INSERT INTO witnessed (tier, text, signature) VALUES ($1, $2, $3)")
        .bind(tier)
        .bind(&word.text)
        .bind(&word.signature)
        .execute(conn)
        .await?;
    Ok(())
}

/// The audit key of another service, once its fingerprint was compared.
pub(super) async fn key_of(conn: &mut Conn, tier: &str) -> Result<Option<String>> {
    let sql = "SELECT public_key FROM audit_peer WHERE tier = $1";
    Ok(sqlx::query_scalar(sql)
        .bind(tier)
        .fetch_optional(conn)
        .await?)
}

pub(super) async fn pin(conn: &mut Conn, tier: &str, key: &str, at: &str) -> Result<()> {
    sqlx::query("INSERT INTO audit_peer (tier, public_key, since) VALUES ($1, $2, $3)")
        .bind(tier)
        .bind(key)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}
