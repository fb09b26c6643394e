//! Alarms: what a security administrator has to look at. An open alarm of the same kind and object counts up.

use kms_platform::store::Conn;

use crate::refusal::{self, Result};
use crate::refuse;

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Alarm {
    /// `alarm-1`.
    pub id: String,
    /// What kind: the refusal's slug.
    pub kind: String,
    /// What it is about: a factor, a chip serial.
    pub object: String,
    /// Who tried, last.
    pub actor: String,
    /// What was tried, last.
    pub act: String,
    /// How often.
    pub times: i64,
    /// First time, UTC.
    pub raised: String,
    /// Last time, UTC.
    pub last: String,
    /// When it was acknowledged, UTC.
    pub acknowledged: Option<String>,
    /// By whom.
    pub by: Option<String>,
    /// With what finding.
    pub note: Option<String>,
}

type Row = (
    i64,
    String,
    String,
    String,
    String,
    i64,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// Raises an alarm, or counts an open one up.
///
/// # Errors
/// The store failed.
pub async fn raise(
    conn: &mut Conn,
    (kind, object): (&str, &str),
    (actor, act): (&str, &str),
    at: &str,
) -> Result<()> {
    let known: Option<i64> = sqlx::query_scalar(
        "SELECT number FROM alarm WHERE kind = $1 AND object = $2 AND acknowledged IS NULL",
    )
    .bind(kind)
    .bind(object)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(number) = known {
        sqlx::query(
            "UPDATE alarm SET times = times + 1, last = $1, actor = $2, act = $3 WHERE number = $4",
        )
        .bind(at)
        .bind(actor)
        .bind(act)
        .bind(number)
        .execute(conn)
        .await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO alarm (kind, object, actor, act, times, raised, last) VALUES ($1, $2, $3, $4, 1, $5, $6)",
    )
    .bind(kind)
    .bind(object)
    .bind(actor)
    .bind(act)
    .bind(at)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Alarms, newest last; without `all` the open ones.
///
/// # Errors
/// The store failed.
pub async fn list(conn: &mut Conn, all: bool) -> Result<Vec<Alarm>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT number, kind, object, actor, act, times, raised, last, acknowledged, by_whom, note FROM alarm ORDER BY number",
    )
    .fetch_all(conn)
    .await?;
    let alarm = |row: Row| Alarm {
        id: format!("alarm-{}", row.0),
        kind: row.1,
        object: row.2,
        actor: row.3,
        act: row.4,
        times: row.5,
        raised: row.6,
        last: row.7,
        acknowledged: row.8,
        by: row.9,
        note: row.10,
    };
    let alarms = rows.into_iter().map(alarm);
    Ok(alarms
        .filter(|alarm| all || alarm.acknowledged.is_none())
        .collect())
}

/// How many wait, for the metric.
///
/// # Errors
/// The store failed.
pub async fn open(conn: &mut Conn) -> Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM alarm WHERE acknowledged IS NULL");
    Ok(count.fetch_one(conn).await?)
}

/// Acknowledges an open alarm.
///
/// # Errors
/// There is none of this id that waits, or the store failed.
pub async fn acknowledge(conn: &mut Conn, id: &str, by: &str, note: &str, at: &str) -> Result<()> {
    let unknown = || {
        refuse!(
            &refusal::UNKNOWN,
            "no open alarm {id}; see rhc-kms alarms",
            "没有待处理的警报 {id}，请查看 rhc-kms alarms"
        )
    };
    let number: Option<i64> = id
        .strip_prefix("alarm-")
        .and_then(|digits| digits.parse().ok());
    let done = sqlx::query(
        "UPDATE alarm SET acknowledged = $1, by_whom = $2, note = $3 WHERE number = $4 AND acknowledged IS NULL",
    )
    .bind(at)
    .bind(by)
    .bind(note)
    .bind(number.ok_or_else(unknown)?)
    .execute(conn)
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(unknown()),
    }
}
