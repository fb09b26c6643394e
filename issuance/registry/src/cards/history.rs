//! A card's history: one line per change of state, never changed.

use issuance_registry_api::{CardSerial, CardState, HistoryEntry};
use kms_platform::clock::stamp;
use kms_platform::problem::Problem;
use kms_platform::sqlx;
use kms_platform::store::Conn;

use crate::deed::Context;

pub(super) async fn append(
    conn: &mut Conn,
    context: &Context<'_>,
    serial: &CardSerial,
    event: &str,
    state: CardState,
    reason: &str,
) -> Result<(), Problem> {
    sqlx::query("INSERT INTO card_history (serial, at, event, state, actor, reason) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(serial.as_str())
        .bind(stamp(context.at))
        .bind(event)
        .bind(state.as_str())
        .bind(context.actor.to_string())
        .bind(reason)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn of(conn: &mut Conn, serial: &CardSerial) -> Result<Vec<HistoryEntry>, Problem> {
    let rows: Vec<(String, String, String, String, String)> = sqlx::query_as(
        "SELECT at, event, state, actor, reason FROM card_history WHERE serial = $1 ORDER BY id",
    )
    .bind(serial.as_str())
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(at, event, state, actor, reason)| {
            let state = state
                .parse()
                .map_err(|_| Problem::internal("a stored state has lost its form"))?;
            Ok(HistoryEntry {
                at,
                event,
                state,
                actor,
                reason,
            })
        })
        .collect()
}
