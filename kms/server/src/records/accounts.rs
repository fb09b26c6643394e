//! What became of the chips of an order: spoiled ones by chip, and what went back. The count itself is the HSM's.

use kms_platform::store::Conn;

use crate::refusal::{self, Result};
use crate::refuse;

/// An order's account as this store has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    /// Chips bound under the ticket.
    pub bound: u64,
    /// Of them spoiled.
    pub spoiled: u64,
    /// Given back unused, once the ticket is closed.
    pub returned: Option<u64>,
}

/// An order's account.
///
/// # Errors
/// The store failed.
pub async fn of(conn: &mut Conn, ticket: &str) -> Result<Account> {
    let bound: i64 = sqlx::query_scalar("SELECT count(*) FROM chip WHERE ticket = $1")
        .bind(ticket)
        .fetch_one(&mut *conn)
        .await?;
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT kind, quantity FROM order_account WHERE ticket = $1")
            .bind(ticket)
            .fetch_all(conn)
            .await?;
    let of = |wanted: &'static str| {
        let rows = rows.iter().filter(move |(kind, _)| kind == wanted);
        rows.map(|(_, count)| u64::try_from(*count).unwrap_or(0))
    };
    Ok(Account {
        bound: u64::try_from(bound).unwrap_or(0),
        spoiled: of("spoiled").sum(),
        returned: of("returned").next(),
    })
}

/// A chip of this order was spoiled.
///
/// # Errors
/// It is not of this order, or was said before; or the store failed.
pub async fn spoil(conn: &mut Conn, ticket: &str, chip: &str, who: &str, at: &str) -> Result<()> {
    let made: i64 =
        sqlx::query_scalar("SELECT count(*) FROM chip WHERE factor = $1 AND ticket = $2")
            .bind(chip)
            .bind(ticket)
            .fetch_one(&mut *conn)
            .await?;
    if made == 0 {
        return Err(refuse!(
            &refusal::UNKNOWN,
            "chip {chip} was not made under {ticket}",
            "芯片 {chip} 并非在 {ticket} 下制作"
        ));
    }
    let done = sqlx::query(
        "INSERT INTO order_account (ticket, kind, chip, quantity, who, noted)
         VALUES ($1, 'spoiled', $2, 1, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(ticket)
    .bind(chip)
    .bind(who)
    .bind(at)
    .execute(conn)
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(refuse!(
            &refusal::EXISTS,
            "chip {chip} is down as spoiled",
            "芯片 {chip} 已登记为报废"
        )),
    }
}

/// What a closed ticket had left.
///
/// # Errors
/// The store failed.
pub async fn give_back(
    conn: &mut Conn,
    ticket: &str,
    count: u64,
    who: &str,
    at: &str,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO order_account (ticket, kind, quantity, who, noted)
         VALUES ($1, 'returned', $2, $3, $4)",
    )
    .bind(ticket)
    .bind(i64::try_from(count).unwrap_or(i64::MAX))
    .bind(who)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}
