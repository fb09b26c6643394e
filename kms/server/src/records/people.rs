//! Officers and card makers: public keys.

use kms_core::approval::Officer;
use kms_platform::store::Conn;

use crate::refusal::{self, Result};
use crate::refuse;

/// Enrols an officer.
///
/// # Errors
/// Name or key are enrolled, or the store failed.
pub async fn add_officer(conn: &mut Conn, officer: &Officer, at: &str) -> Result<()> {
    let done = sqlx::query(
        "INSERT INTO officer (name, public_key, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(&officer.name)
    .bind(hex::encode_upper(officer.public_key))
    .bind(at)
    .execute(conn)
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(refuse!(
            &refusal::EXISTS,
            "officer {} or their key",
            "管理员 {} 或其公钥",
            officer.name
        )),
    }
}

/// All officers.
///
/// # Errors
/// The store failed.
pub async fn officers(conn: &mut Conn) -> Result<Vec<Officer>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, public_key FROM officer ORDER BY name")
            .fetch_all(conn)
            .await?;
    rows.into_iter()
        .map(|(name, key)| {
            Ok(Officer {
                name,
                public_key: public_key(&key)?,
            })
        })
        .collect()
}

/// The public key of a maker, by vendor code.
///
/// # Errors
/// The store failed.
pub async fn maker(conn: &mut Conn, vendor: &str) -> Result<Option<[u8; 64]>> {
    let key: Option<String> = sqlx::query_scalar("SELECT public_key FROM maker WHERE vendor = $1")
        .bind(vendor)
        .fetch_optional(conn)
        .await?;
    key.map(|key| public_key(&key)).transpose()
}

/// Takes a maker's key.
///
/// # Errors
/// The store failed.
pub async fn add_maker(
    conn: &mut Conn,
    vendor: &str,
    key: &[u8; 64],
    approvers: &str,
) -> Result<()> {
    sqlx::query("INSERT INTO maker (vendor, public_key, approvers) VALUES ($1, $2, $3)")
        .bind(vendor)
        .bind(hex::encode_upper(key))
        .bind(approvers)
        .execute(conn)
        .await?;
    Ok(())
}

fn public_key(text: &str) -> Result<[u8; 64]> {
    let mut key = [0; 64];
    hex::decode_to_slice(text, &mut key).map_err(|_| {
        refuse!(
            &refusal::STORE,
            "a public key cannot be read",
            "公钥无法读取"
        )
    })?;
    Ok(key)
}
