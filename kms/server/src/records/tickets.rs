//! Tickets, as JSON records.

use jiff::Timestamp;
use kms_core::ticket::{Ticket, TicketError, TicketKind};
use kms_platform::store::Conn;

use crate::refusal::{self, Refusal, Result};
use crate::refuse;

/// Keeps a ticket in its present state.
///
/// # Errors
/// The store failed.
pub async fn put(conn: &mut Conn, ticket: &Ticket, at: &str) -> Result<()> {
    sqlx::query("INSERT INTO ticket (id, body, created) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET body = excluded.body")
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
pub async fn get(conn: &mut Conn, id: &str) -> Result<Ticket> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM ticket WHERE id = $1")
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
pub async fn all(conn: &mut Conn) -> Result<Vec<Ticket>> {
    let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM ticket ORDER BY number")
        .fetch_all(conn)
        .await?;
    bodies
        .iter()
        .map(|body| Ok(serde_json::from_str(body)?))
        .collect()
}

/// What a request without a ticket's id means: the ticket that its chip was begun with, if that is still valid, or else
/// the latest of the kind that may be spent now, fits the chip and has something left.
///
/// # Errors
/// There is none: all of the kind are named, with what is wrong with each. Or the store failed.
pub async fn spendable(
    conn: &mut Conn,
    kind: TicketKind,
    begun_with: Option<String>,
    now: Timestamp,
    fits: impl Fn(&Ticket) -> bool,
) -> Result<String> {
    let mut unfit = Vec::new();
    let mut empty = false;
    let of_kind = all(conn).await?.into_iter().filter(|t| t.kind == kind);
    let (first, others): (Vec<_>, Vec<_>) = of_kind
        .rev()
        .partition(|t| begun_with.as_ref() == Some(&t.id));
    for (ticket, begun) in first
        .into_iter()
        .map(|ticket| (ticket, true))
        .chain(others.into_iter().map(|ticket| (ticket, false)))
    {
        let (en, zh) = match ticket.admits(kind, now) {
            Ok(()) if !fits(&ticket) => ("of another product or list", "属其他产品或清单"),
            Ok(()) if begun || left(conn, &ticket.id).await? != Some(0) => return Ok(ticket.id),
            Ok(()) => {
                empty = true;
                ("used up", "已用完")
            }
            Err(TicketError::Expired(..)) => ("expired", "已过期"),
            Err(_) => ("not approved", "未批准"),
        };
        unfit.push((ticket.id, en, zh));
    }
    Err(none_left(&unfit, empty))
}

fn none_left(unfit: &[(String, &str, &str)], empty: bool) -> Refusal {
    if unfit.is_empty() {
        return refuse!(
            &refusal::TICKET,
            "no approved ticket of this kind; ask with `rhc-kms ticket request`",
            "没有此类已批准的工单；请用 `rhc-kms ticket request` 申请"
        );
    }
    let kind = if empty {
        &refusal::TICKET_EMPTY
    } else {
        &refusal::TICKET
    };
    let en: Vec<_> = unfit
        .iter()
        .map(|(id, en, _)| format!("{id} {en}"))
        .collect();
    let zh: Vec<_> = unfit
        .iter()
        .map(|(id, _, zh)| format!("{id} {zh}"))
        .collect();
    Refusal::both(kind, en.join(", "), zh.join("，"))
}

/// What a ticket had left after its latest script; none before the first.
///
/// # Errors
/// The store failed.
pub async fn left(conn: &mut Conn, id: &str) -> Result<Option<i64>> {
    let found: Option<Option<i64>> =
        sqlx::query_scalar("SELECT left_over FROM ticket WHERE id = $1")
            .bind(id)
            .fetch_optional(conn)
            .await?;
    Ok(found.flatten())
}

/// Notes what the HSM says a ticket has left.
///
/// # Errors
/// The store failed.
pub async fn set_left(conn: &mut Conn, id: &str, left: u64) -> Result<()> {
    sqlx::query("UPDATE ticket SET left_over = $1 WHERE id = $2")
        .bind(i64::try_from(left).unwrap_or(i64::MAX))
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}
