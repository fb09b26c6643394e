//! Persons with their roles and lock-outs, and card makers: public keys.

use std::collections::BTreeSet;

use kms_core::approval::Officer;
use kms_core::policy::{Person, Role, same_person};
use kms_platform::store::Conn;

use crate::refusal::{self, Result};
use crate::refuse;

/// Refused signatures in a row that shut a person out.
pub const TRIES: i64 = 5;

/// Enrols a person with a role, or gives a known one a further role.
///
/// # Errors
/// The name, however it is spelled, or the key is another's; or the store failed.
pub async fn add(conn: &mut Conn, officer: &Officer, role: Role, at: &str) -> Result<()> {
    let taken = persons(conn).await?.into_iter().find(|person| {
        same_person(&person.name, &officer.name) || person.public_key == officer.public_key
    });
    match taken {
        Some(known) if known.name == officer.name && known.public_key == officer.public_key => {}
        Some(_) => {
            return Err(refuse!(
                &refusal::EXISTS,
                "officer {} or their key",
                "管理员 {} 或其公钥",
                officer.name
            ));
        }
        None => {
            sqlx::query("INSERT INTO officer (name, public_key, since) VALUES ($1, $2, $3)")
                .bind(&officer.name)
                .bind(hex::encode_upper(officer.public_key))
                .bind(at)
                .execute(&mut *conn)
                .await?;
        }
    }
    sqlx::query(
        "INSERT INTO person_role (name, role, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(&officer.name)
    .bind(role.as_str())
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Strikes a person out; what they did stays on record.
///
/// # Errors
/// The store failed.
pub async fn remove(conn: &mut Conn, name: &str) -> Result<()> {
    for sql in [
        "DELETE FROM person_role WHERE name = $1",
        "DELETE FROM lock_out WHERE name = $1",
        "DELETE FROM officer WHERE name = $1",
    ] {
        sqlx::query(sql).bind(name).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Everybody, with roles and lock-outs.
///
/// # Errors
/// The store failed.
pub async fn persons(conn: &mut Conn) -> Result<Vec<Person>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, public_key FROM officer ORDER BY name")
            .fetch_all(&mut *conn)
            .await?;
    let roles: Vec<(String, String)> =
        sqlx::query_as("SELECT name, role FROM person_role ORDER BY name, role")
            .fetch_all(&mut *conn)
            .await?;
    let locked: Vec<(String,)> =
        sqlx::query_as("SELECT name FROM lock_out WHERE locked IS NOT NULL")
            .fetch_all(&mut *conn)
            .await?;
    rows.into_iter()
        .map(|(name, key)| {
            let mut own: BTreeSet<Role> = roles
                .iter()
                .filter(|(of, _)| *of == name)
                .filter_map(|(_, role)| Role::parse(role))
                .collect();
            if own.is_empty() {
                // Enrolled before there were roles.
                own.insert(Role::KeyOfficer);
            }
            Ok(Person {
                public_key: public_key(&key)?,
                roles: own,
                locked: locked.iter().any(|(of,)| *of == name),
                name,
            })
        })
        .collect()
}

/// One person.
///
/// # Errors
/// Unknown, or the store failed.
pub async fn person(conn: &mut Conn, name: &str) -> Result<Person> {
    let found = persons(conn).await?.into_iter().find(|p| p.name == name);
    found.ok_or_else(|| refuse!(&refusal::OFFICER, "{name}", "{name}"))
}

/// Counts a refused signature against a person; true when this one shut them out.
///
/// # Errors
/// The store failed.
pub async fn blame(conn: &mut Conn, name: &str, at: &str) -> Result<bool> {
    sqlx::query(
        "INSERT INTO lock_out (name, refused) VALUES ($1, 1)
         ON CONFLICT (name) DO UPDATE SET refused = lock_out.refused + 1",
    )
    .bind(name)
    .execute(&mut *conn)
    .await?;
    let done = sqlx::query(
        "UPDATE lock_out SET locked = $1 WHERE name = $2 AND refused >= $3 AND locked IS NULL",
    )
    .bind(at)
    .bind(name)
    .bind(TRIES)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets refused signatures, after a good one or when two persons lift a lock-out.
///
/// # Errors
/// The store failed.
pub async fn clear(conn: &mut Conn, name: &str) -> Result<()> {
    sqlx::query("DELETE FROM lock_out WHERE name = $1")
        .bind(name)
        .execute(conn)
        .await?;
    Ok(())
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
