//! Tickets, as JSON records.

use jiff::Timestamp;
use kms_core::ticket::{Ticket, TicketKind};
use sqlx::SqliteConnection;

use crate::refusal::{self, Result};
use crate::refuse;

/// Keeps a ticket in its present state.
///
/// # Errors
/// The store failed.
pub async fn put(conn: &mut SqliteConnection, ticket: &Ticket, at: &str) -> Result<()> {
    sqlx::query("INSERT INTO ticket (id, body, created) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body")
        .bind(&ticket.id)
        .bind(serde_json::to_string(ticket)?)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// One ticket.
///
/// # Errors
/// Unknown, or the store failed.
pub async fn get(conn: &mut SqliteConnection, id: &str) -> Result<Ticket> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM ticket WHERE id = ?")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    let body = body.ok_or_else(|| {
        refuse!(
            &refusal::TICKET,
            "there is no ticket of this id",
            "无此编号的工单"
        )
    })?;
    Ok(serde_json::from_str(&body)?)
}

/// All tickets, oldest first.
///
/// # Errors
/// The store failed.
pub async fn all(conn: &mut SqliteConnection) -> Result<Vec<Ticket>> {
    let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM ticket ORDER BY rowid")
        .fetch_all(conn)
        .await?;
    bodies
        .iter()
        .map(|body| Ok(serde_json::from_str(body)?))
        .collect()
}

/// The latest ticket of a kind that may be spent now: what a request without a ticket's id means.
///
/// # Errors
/// There is none, or the store failed.
pub async fn latest(
    conn: &mut SqliteConnection,
    kind: TicketKind,
    now: Timestamp,
) -> Result<String> {
    let good = all(conn)
        .await?
        .into_iter()
        .rev()
        .find(|ticket| ticket.admits(kind, now).is_ok());
    let none = || {
        refuse!(
            &refusal::TICKET,
            "no approved ticket of this kind; ask with `rhc-kms ticket request`",
            "没有此类已批准的工单；请用 `rhc-kms ticket request` 申请"
        )
    };
    Ok(good.ok_or_else(none)?.id)
}
