//! The key table: what the HSM holds, without bytes.

use kms_core::lifecycle::KeyState;
use kms_core::port::HeldKey;
use kms_platform::store::Conn;

use crate::refusal::Result;

/// A row as stored.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// `RK1_DDF1/1`
    pub id: String,
    /// `RK1_DDF1`
    pub name: String,
    /// Version.
    pub version: i64,
    /// Diversifications behind it.
    pub depth: i64,
    /// Three bytes in hex.
    pub check_value: String,
    /// X‖Y in hex.
    pub public_key: Option<String>,
    /// `active`, …
    pub state: String,
    /// When it was born here or arrived, UTC.
    pub born: String,
}

/// Takes a key into the table; one that stands there stays.
///
/// # Errors
/// The store failed.
pub async fn add(conn: &mut Conn, key: &HeldKey, state: KeyState, at: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO held_key (id, name, version, depth, check_value, public_key, state, since)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(&key.spec.id)
    .bind(&key.spec.name)
    .bind(i64::from(key.spec.version))
    .bind(i64::from(key.spec.depth))
    .bind(hex::encode_upper(key.check_value))
    .bind(key.public_key.map(hex::encode_upper))
    .bind(state.as_str())
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a key into the table that is not held here any more, or never was; one that stands there stays.
///
/// # Errors
/// The store failed.
pub async fn add_absent(
    conn: &mut Conn,
    (id, name, version): (&str, &str, u8),
    at: &str,
) -> Result<()> {
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM held_key WHERE id = $1")
        .bind(id)
        .fetch_one(&mut *conn)
        .await?;
    if known > 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO held_key (id, name, version, depth, check_value, state, since) VALUES ($1, $2, $3, 0, '', 'retired', $4)",
    )
    .bind(id)
    .bind(name)
    .bind(i64::from(version))
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// All keys, by name and version.
///
/// # Errors
/// The store failed.
pub async fn all(conn: &mut Conn) -> Result<Vec<KeyRecord>> {
    type Row = (
        String,
        String,
        i64,
        i64,
        String,
        Option<String>,
        String,
        String,
    );
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, name, version, depth, check_value, public_key, state, since FROM held_key ORDER BY name, version",
    )
    .fetch_all(conn)
    .await?;
    let record = |(id, name, version, depth, check_value, public_key, state, born)| KeyRecord {
        id,
        name,
        version,
        depth,
        check_value,
        public_key,
        state,
        born,
    };
    Ok(rows.into_iter().map(record).collect())
}

/// The public key of a key pair held here.
///
/// # Errors
/// The store failed.
pub async fn public_key(conn: &mut Conn, id: &str) -> Result<Option<[u8; 64]>> {
    let text: Option<Option<String>> =
        sqlx::query_scalar("SELECT public_key FROM held_key WHERE id = $1")
            .bind(id)
            .fetch_optional(conn)
            .await?;
    let mut key = [0; 64];
    Ok(text
        .flatten()
        .and_then(|text| hex::decode_to_slice(text, &mut key).ok())
        .map(|()| key))
}

/// Keys in state active.
///
/// # Errors
/// The store failed.
pub async fn count(conn: &mut Conn) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM held_key WHERE state = 'active'")
        .fetch_one(conn)
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}
