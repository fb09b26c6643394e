//! SAMs that were made here: what each holds, and the counter under which it opens next.

use std::collections::BTreeSet;

use kms_core::tier::Factor;
use kms_platform::store::Conn;

use crate::act::prepare::unhex;
use crate::refusal::{self, Result};
use crate::refuse;

/// A SAM as its maker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeSam {
    /// Chip serial.
    pub chip: Factor,
    /// 1 to 5.
    pub sam_type: u8,
    /// Two digits.
    pub province: String,
    /// SAM serial (D19), where the provincial stage told it.
    pub serial: Option<String>,
    /// Keys and versions that this tier put on it.
    pub held: BTreeSet<(String, u8)>,
    /// Counter of its next session under SMK_P.
    pub counter: u32,
    /// `active`, `locked`, `destroyed`.
    pub state: String,
}

type Row = (String, i64, String, Option<String>, String, i64, String);

/// Keeps what is known of a SAM now.
///
/// # Errors
/// The store failed.
pub async fn put(conn: &mut Conn, sam: &MadeSam, at: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO sam_made (chip, sam_type, province, serial, held, counter, state, made)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (chip) DO UPDATE SET sam_type = excluded.sam_type, province = excluded.province,
           serial = coalesce(excluded.serial, sam_made.serial), held = excluded.held, counter = excluded.counter,
           state = excluded.state",
    )
    .bind(hex::encode_upper(sam.chip))
    .bind(i64::from(sam.sam_type))
    .bind(&sam.province)
    .bind(&sam.serial)
    .bind(serde_json::to_string(&sam.held)?)
    .bind(i64::from(sam.counter))
    .bind(&sam.state)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// One SAM by its chip serial.
///
/// # Errors
/// The store failed.
pub async fn find(conn: &mut Conn, chip: &Factor) -> Result<Option<MadeSam>> {
    let row: Option<Row> = sqlx::query_as("SELECT chip, sam_type, province, serial, held, counter, state FROM sam_made WHERE chip = $1")
        .bind(hex::encode_upper(chip))
        .fetch_optional(conn)
        .await?;
    row.map(sam).transpose()
}

/// All of them, by chip serial.
///
/// # Errors
/// The store failed.
pub async fn all(conn: &mut Conn) -> Result<Vec<MadeSam>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT chip, sam_type, province, serial, held, counter, state FROM sam_made ORDER BY chip",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(sam).collect()
}

fn sam((chip, sam_type, province, serial, held, counter, state): Row) -> Result<MadeSam> {
    let damaged = || {
        refuse!(
            &refusal::STORE,
            "a SAM's record cannot be read",
            "SAM卡记录无法读取"
        )
    };
    Ok(MadeSam {
        chip: unhex(&chip)?.try_into().map_err(|_| damaged())?,
        sam_type: u8::try_from(sam_type).map_err(|_| damaged())?,
        province,
        serial,
        held: serde_json::from_str(&held)?,
        counter: u32::try_from(counter).map_err(|_| damaged())?,
        state,
    })
}
