//! Rotations and what became of each SAM in them.

use kms_core::rotation::{Action, Rotation};
use kms_core::tier::Factor;
use kms_platform::store::Conn;

use crate::refusal::{self, Result};
use crate::refuse;

/// A package that went out for a SAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Chip serial, hexadecimal.
    pub chip: String,
    /// What it does.
    pub action: Action,
    /// The counter it is for.
    pub counter: u32,
    /// The cryptogram that the SAM alone can give afterwards; none where it gives none.
    pub tail: Option<String>,
    /// When it was made.
    pub packed: String,
    /// When its receipt came.
    pub done: Option<String>,
}

/// A rotation as it stands, with the days of its phases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The rotation.
    pub rotation: Rotation,
    /// Planned, opened, switched, retired.
    pub days: [Option<String>; 4],
}

/// Keeps a new rotation, or its next phase with the day.
///
/// # Errors
/// The store failed.
pub async fn put(conn: &mut Conn, rotation: &Rotation, at: &str) -> Result<()> {
    let body = serde_json::to_string(rotation)?;
    sqlx::query(
        "INSERT INTO rotation (id, body, planned) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    )
    .bind(&rotation.id)
    .bind(body)
    .bind(at)
    .execute(&mut *conn)
    .await?;
    let column = match rotation.phase.as_str() {
        "open" => "UPDATE rotation SET opened = $1 WHERE id = $2",
        "switched" => "UPDATE rotation SET switched = $1 WHERE id = $2",
        "retired" => "UPDATE rotation SET retired = $1 WHERE id = $2",
        _ => return Ok(()),
    };
    sqlx::query(column)
        .bind(at)
        .bind(&rotation.id)
        .execute(conn)
        .await?;
    Ok(())
}

type Row = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// One rotation.
///
/// # Errors
/// Unknown, or the store failed.
pub async fn get(conn: &mut Conn, id: &str) -> Result<Standing> {
    let found = all(conn).await?;
    let found = found
        .into_iter()
        .find(|standing| standing.rotation.id == id);
    found.ok_or_else(|| refuse!(&refusal::UNKNOWN, "rotation {id}", "轮换 {id}"))
}

/// All rotations, oldest first.
///
/// # Errors
/// The store failed.
pub async fn all(conn: &mut Conn) -> Result<Vec<Standing>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT body, planned, opened, switched, retired FROM rotation ORDER BY planned, id",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(body, planned, opened, switched, retired)| {
            Ok(Standing {
                rotation: serde_json::from_str(&body)?,
                days: [Some(planned), opened, switched, retired],
            })
        })
        .collect()
}

/// Notes a package: the latest of an action counts.
///
/// # Errors
/// The store failed.
pub async fn packed(conn: &mut Conn, rotation: &str, chip: &Factor, sent: &Sent) -> Result<()> {
    sqlx::query(
        "INSERT INTO rekey (rotation, chip, action, counter, tail, packed) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (rotation, chip, action) DO UPDATE SET counter = excluded.counter, tail = excluded.tail,
           packed = excluded.packed, done = NULL",
    )
    .bind(rotation)
    .bind(hex::encode_upper(chip))
    .bind(sent.action.as_str())
    .bind(i64::from(sent.counter))
    .bind(&sent.tail)
    .bind(&sent.packed)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes a receipt.
///
/// # Errors
/// The store failed.
pub async fn received(conn: &mut Conn, rotation: &str, sent: &Sent, at: &str) -> Result<()> {
    sqlx::query(
        "UPDATE rekey SET done = $1, tail = NULL WHERE rotation = $2 AND chip = $3 AND action = $4",
    )
    .bind(at)
    .bind(rotation)
    .bind(&sent.chip)
    .bind(sent.action.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// Every package of a rotation.
///
/// # Errors
/// The store failed.
pub async fn sent(conn: &mut Conn, rotation: &str) -> Result<Vec<Sent>> {
    type Row = (String, String, i64, Option<String>, String, Option<String>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT chip, action, counter, tail, packed, done FROM rekey WHERE rotation = $1 ORDER BY chip, action",
    )
    .bind(rotation)
    .fetch_all(conn)
    .await?;
    let damaged = || refuse!(&refusal::STORE, "a package's record", "密钥包记录");
    rows.into_iter()
        .map(|(chip, action, counter, tail, packed, done)| {
            Ok(Sent {
                chip,
                action: Action::parse(&action).ok_or_else(damaged)?,
                counter: u32::try_from(counter).map_err(|_| damaged())?,
                tail,
                packed,
                done,
            })
        })
        .collect()
}
