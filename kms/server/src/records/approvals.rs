//! Requests that wait for signatures, and the signatures so far.

use kms_core::policy::Approval;
use kms_platform::store::Conn;

use crate::act::OrderFile;
use crate::refusal::{self, Result};
use crate::refuse;

/// A request as lists show it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Waiting {
    /// Its id.
    pub id: String,
    /// Row of the policy table.
    pub operation: String,
    /// Who asks.
    pub asked_by: String,
    /// `pending` or `done`.
    pub state: String,
    /// When it was made.
    pub created: String,
    /// Until when signatures count.
    pub expires: String,
    /// Who has signed.
    pub signed: Vec<String>,
}

/// Keeps a request; one whose next round is drafted takes the place of the last.
///
/// # Errors
/// The store failed.
pub async fn put(conn: &mut Conn, order: &OrderFile, created: &str, expires: &str) -> Result<()> {
    let request = order.request();
    sqlx::query(
        "INSERT INTO approval (id, operation, asked_by, body, state, created, expires)
         VALUES ($1, $2, $3, $4, 'pending', $5, $6)",
    )
    .bind(&request.id)
    .bind(&request.operation)
    .bind(request.requesters.join(", "))
    .bind(order.to_json()?)
    .bind(created)
    .bind(expires)
    .execute(conn)
    .await?;
    Ok(())
}

/// One request with the signatures so far.
///
/// # Errors
/// Unknown, done already, or the store failed.
pub async fn get(conn: &mut Conn, id: &str) -> Result<OrderFile> {
    let body: Option<String> =
        sqlx::query_scalar("SELECT body FROM approval WHERE id = $1 AND state = 'pending'")
            .bind(id)
            .fetch_optional(&mut *conn)
            .await?;
    let body = body.ok_or_else(|| {
        refuse!(
            &refusal::UNKNOWN,
            "no request {id} waits here; see `rhc-kms order list`",
            "本处没有待批准的申请 {id}；请用 `rhc-kms order list` 查看"
        )
    })?;
    let mut order = OrderFile::parse(body.as_bytes())?;
    let signed: Vec<String> = sqlx::query_scalar(
        "SELECT body FROM approval_signature WHERE request = $1 ORDER BY number",
    )
    .bind(id)
    .fetch_all(conn)
    .await?;
    for text in signed {
        order.add(serde_json::from_str(&text)?);
    }
    Ok(order)
}

/// Keeps one more signature.
///
/// # Errors
/// The store failed.
pub async fn sign(conn: &mut Conn, approval: &Approval, at: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO approval_signature (request, officer, body, at) VALUES ($1, $2, $3, $4)",
    )
    .bind(&approval.request)
    .bind(&approval.officer)
    .bind(serde_json::to_string(approval)?)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many signatures a person gave since a moment.
///
/// # Errors
/// The store failed.
pub async fn since(conn: &mut Conn, officer: &str, moment: &str) -> Result<i64> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM approval_signature WHERE officer = $1 AND at >= $2",
    )
    .bind(officer)
    .bind(moment)
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Spends a request, whether it waited here or came as a file: it serves once.
///
/// # Errors
/// It was spent before, or the store failed.
pub async fn spend(conn: &mut Conn, order: &OrderFile, at: &str) -> Result<()> {
    let request = order.request();
    let done = sqlx::query(
        "INSERT INTO approval (id, operation, asked_by, body, state, created, expires)
         VALUES ($1, $2, $3, '', 'done', $4, $4)
         ON CONFLICT (id) DO UPDATE SET state = 'done' WHERE approval.state = 'pending'",
    )
    .bind(&request.id)
    .bind(&request.operation)
    .bind(request.requesters.join(", "))
    .bind(at)
    .execute(conn)
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(refuse!(
            &refusal::STALE,
            "request {} was carried out already",
            "申请 {} 已执行",
            request.id
        )),
    }
}

/// Whether a request was carried out already.
///
/// # Errors
/// The store failed.
pub async fn is_spent(conn: &mut Conn, id: &str) -> Result<bool> {
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM approval WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(state.as_deref() == Some("done"))
}

/// All requests, oldest first.
///
/// # Errors
/// The store failed.
pub async fn all(conn: &mut Conn) -> Result<Vec<Waiting>> {
    let rows: Vec<(String, String, String, String, String, String)> = sqlx::query_as(
        "SELECT id, operation, asked_by, state, created, expires FROM approval ORDER BY number",
    )
    .fetch_all(&mut *conn)
    .await?;
    let signed: Vec<(String, String)> =
        sqlx::query_as("SELECT request, officer FROM approval_signature ORDER BY number")
            .fetch_all(conn)
            .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(
            |(id, operation, asked_by, state, created, expires)| Waiting {
                signed: signed
                    .iter()
                    .filter(|(request, _)| *request == id)
                    .map(|(_, officer)| officer.clone())
                    .collect(),
                id,
                operation,
                asked_by,
                state,
                created,
                expires,
            },
        )
        .collect())
}
