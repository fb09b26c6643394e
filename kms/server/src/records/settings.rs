//! Facts about this service, as JSON values by name.

use kms_platform::store::Conn;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::{self, Result};
use crate::refuse;

/// Sets a fact.
///
/// # Errors
/// The store failed.
pub async fn put(conn: &mut Conn, key: &str, value: &impl Serialize) -> Result<()> {
    let value = serde_json::to_string(value)?;
    sqlx::query("INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(key)
        .bind(value)
        .execute(conn)
        .await?;
    Ok(())
}

/// A fact that may be missing.
///
/// # Errors
/// The store failed.
pub async fn find<T: DeserializeOwned>(conn: &mut Conn, key: &str) -> Result<Option<T>> {
    let value: Option<String> = sqlx::query_scalar("SELECT value FROM setting WHERE key = $1")
        .bind(key)
        .fetch_optional(conn)
        .await?;
    Ok(value.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// A fact.
///
/// # Errors
/// It is missing, or the store failed.
pub async fn get<T: DeserializeOwned>(conn: &mut Conn, key: &str) -> Result<T> {
    find(conn, key).await?.ok_or_else(|| {
        refuse!(
            &refusal::STORE,
            "the store lacks `{key}`",
            "库中缺少 `{key}`"
        )
    })
}
