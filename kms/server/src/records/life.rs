//! States of keys and every step between them.

use std::collections::BTreeMap;

use kms_core::lifecycle::KeyState;
use kms_platform::store::Conn;

use crate::refusal::{self, Result};
use crate::refuse;

/// One step in the life of a key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeyEvent {
    /// Key id.
    pub key: String,
    /// State before.
    pub from: String,
    /// State after.
    pub to: String,
    /// When, UTC.
    pub at: String,
    /// The two officers.
    pub approvers: String,
    /// Why.
    pub reason: String,
}

/// Keys that are not simply active, with their states.
///
/// # Errors
/// The store failed.
pub async fn not_active(conn: &mut Conn) -> Result<BTreeMap<String, KeyState>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT id, state FROM held_key WHERE state <> 'active'")
            .fetch_all(conn)
            .await?;
    rows.into_iter()
        .map(|(id, word)| Ok((id, state_of(&word)?)))
        .collect()
}

/// Where a key stands.
///
/// # Errors
/// Not known here, or the store failed.
pub async fn state(conn: &mut Conn, id: &str) -> Result<KeyState> {
    let word: Option<String> = sqlx::query_scalar("SELECT state FROM held_key WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    let word = word.ok_or_else(|| refuse!(&refusal::UNKNOWN, "key {id}", "密钥 {id}"))?;
    state_of(&word)
}

fn state_of(word: &str) -> Result<KeyState> {
    KeyState::parse(word).ok_or_else(|| {
        refuse!(
            &refusal::STORE,
            "`{word}` is no state of a key",
            "`{word}` 不是密钥状态"
        )
    })
}

/// Takes a step.
///
/// # Errors
/// The store failed.
pub async fn step(conn: &mut Conn, event: &KeyEvent) -> Result<()> {
    sqlx::query("UPDATE held_key SET state = $1 WHERE id = $2")
        .bind(&event.to)
        .bind(&event.key)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO key_event (key, from_state, to_state, at, approvers, reason) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&event.key)
    .bind(&event.from)
    .bind(&event.to)
    .bind(&event.at)
    .bind(&event.approvers)
    .bind(&event.reason)
    .execute(conn)
    .await?;
    Ok(())
}

/// Every step, oldest first.
///
/// # Errors
/// The store failed.
pub async fn events(conn: &mut Conn) -> Result<Vec<KeyEvent>> {
    type Row = (String, String, String, String, String, String);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT key, from_state, to_state, at, approvers, reason FROM key_event ORDER BY number",
    )
    .fetch_all(conn)
    .await?;
    let event = |(key, from, to, at, approvers, reason)| KeyEvent {
        key,
        from,
        to,
        at,
        approvers,
        reason,
    };
    Ok(rows.into_iter().map(event).collect())
}
