//! Grants to lower tiers, and this tier's own requests to the upper one.

use kms_core::handdown::{GrantState, Request};
use kms_platform::store::Conn;
use uuid::Uuid;

use crate::refusal::{self, Result};
use crate::refuse;

/// A grant.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Id: that of the request.
    pub id: String,
    /// Peer name of the receiver.
    pub receiver: String,
    /// The request as it came.
    pub request: Request,
    /// Who brought it here.
    pub requester: String,
    /// Certificate chain of the receiver's authority.
    pub ca_chain: String,
    /// Where it stands.
    pub state: GrantState,
}

/// Opens a grant.
///
/// # Errors
/// The request was brought before, or the store failed.
pub async fn open(conn: &mut Conn, grant: &Grant, at: &str) -> Result<()> {
    let done = sqlx::query(
        "INSERT INTO hand_down (id, receiver, request, requester, ca_chain, state, created)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(&grant.id)
    .bind(&grant.receiver)
    .bind(serde_json::to_string(&grant.request)?)
    .bind(&grant.requester)
    .bind(&grant.ca_chain)
    .bind(serde_json::to_string(&grant.state)?)
    .bind(at)
    .execute(conn)
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(refuse!(
            &refusal::EXISTS,
            "request {}: approve it with `grant --approve {}`",
            "申请 {}：请用 `grant --approve {}` 批准",
            grant.id,
            grant.id
        )),
    }
}

/// Moves a grant on.
///
/// # Errors
/// The store failed.
pub async fn set_state(conn: &mut Conn, id: &str, state: &GrantState) -> Result<()> {
    sqlx::query("UPDATE hand_down SET state = $1 WHERE id = $2")
        .bind(serde_json::to_string(state)?)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

type Row = (String, String, String, String, String, String);

/// One grant.
///
/// # Errors
/// Unknown, or the store failed.
pub async fn get(conn: &mut Conn, id: &str) -> Result<Grant> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, receiver, request, requester, ca_chain, state FROM hand_down WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    let row = row.ok_or_else(|| {
        refuse!(
            &refusal::UNKNOWN,
            "no grant {id}; open it with `grant --request FILE`",
            "无下发单 {id}；请用 `grant --request FILE` 建立"
        )
    })?;
    grant(row)
}

/// All grants, oldest first.
///
/// # Errors
/// The store failed.
pub async fn all(conn: &mut Conn) -> Result<Vec<Grant>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, receiver, request, requester, ca_chain, state FROM hand_down ORDER BY number",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(grant).collect()
}

fn grant((id, receiver, request, requester, ca_chain, state): Row) -> Result<Grant> {
    let (request, state) = (
        serde_json::from_str(&request)?,
        serde_json::from_str(&state)?,
    );
    Ok(Grant {
        id,
        receiver,
        request,
        requester,
        ca_chain,
        state,
    })
}

/// Number of issuer certificates so far: the serial of the next is one more.
///
/// # Errors
/// The store failed.
pub async fn position(conn: &mut Conn, id: &str) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM hand_down WHERE number <= (SELECT number FROM hand_down WHERE id = $1)",
    )
    .bind(id)
    .fetch_one(conn)
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Remembers an own request. Earlier ones go on waiting: a package may be made for them already, and the HSM takes the
/// upper tier's packages in their order only.
///
/// # Errors
/// The store failed.
pub async fn ask(conn: &mut Conn, id: Uuid, requester: &str, at: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO own_request (id, requester, state, created) VALUES ($1, $2, 'waiting', $3)",
    )
    .bind(id.to_string())
    .bind(requester)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// A request of this tier that a package may answer.
#[derive(Clone, Debug)]
pub struct Own {
    /// Id.
    pub id: Uuid,
    /// Who asked.
    pub requester: String,
    /// Receipt of the package that answered it, while the upper tier is not known to have it.
    pub receipt: Option<String>,
}

/// Requests of this tier that a package may answer, oldest first: those that wait, and those whose receipt the upper
/// tier is not known to have, because their package may come again.
///
/// # Errors
/// The store failed.
pub async fn asked(conn: &mut Conn) -> Result<Vec<Own>> {
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT id, requester, CASE WHEN state = 'answered' THEN receipt END FROM own_request
         WHERE state <> 'answered' OR (receipt IS NOT NULL AND acknowledged IS NULL) ORDER BY created, id",
    )
    .fetch_all(conn)
    .await?;
    let own = rows.into_iter().filter_map(|(id, requester, receipt)| {
        let id = id.parse().ok()?;
        Some(Own {
            id,
            requester,
            receipt,
        })
    });
    Ok(own.collect())
}

/// Marks an own request as answered.
///
/// # Errors
/// The store failed.
pub async fn answered(conn: &mut Conn, id: Uuid) -> Result<()> {
    sqlx::query("UPDATE own_request SET state = 'answered' WHERE id = $1")
        .bind(id.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps the package that answered a request: its text is wrapped for the receiver's HSM.
///
/// # Errors
/// The store failed.
pub async fn set_package(conn: &mut Conn, id: &str, (hash, text): (&str, &str)) -> Result<()> {
    sqlx::query("UPDATE hand_down SET package = $1, package_text = $2 WHERE id = $3")
        .bind(hash)
        .bind(text)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// The package that answered a request, if it was kept.
///
/// # Errors
/// The store failed.
pub async fn package(conn: &mut Conn, id: &str) -> Result<Option<String>> {
    let sql = "SELECT package_text FROM hand_down WHERE id = $1";
    let text: Option<Option<String>> = sqlx::query_scalar(sql)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(text.flatten())
}

/// Keeps a receiver's receipt; the id of the hand-down that it is for.
///
/// # Errors
/// No package of this hash went to this receiver, or it was acknowledged before; or the store failed.
pub async fn acknowledge(
    conn: &mut Conn,
    receiver: &str,
    package: &str,
    receipt: &str,
) -> Result<String> {
    let row: Option<(String, Option<String>)> =
        sqlx::query_as("SELECT id, receipt FROM hand_down WHERE receiver = $1 AND package = $2")
            .bind(receiver)
            .bind(package)
            .fetch_optional(&mut *conn)
            .await?;
    let (id, known) = row.ok_or_else(|| {
        refuse!(
            &refusal::UNASKED,
            "no package of this hash went to {receiver}",
            "未向 {receiver} 下发过此密钥包"
        )
    })?;
    if known.is_some() {
        return Err(refuse!(
            &refusal::EXISTS,
            "the receipt of {id}",
            "{id} 的回执"
        ));
    }
    sqlx::query("UPDATE hand_down SET receipt = $1 WHERE id = $2")
        .bind(receipt)
        .bind(&id)
        .execute(conn)
        .await?;
    Ok(id)
}

/// Keeps what the own HSM acknowledged, until the upper tier has it.
///
/// # Errors
/// The store failed.
pub async fn keep_receipt(conn: &mut Conn, id: Uuid, receipt: &str) -> Result<()> {
    sqlx::query("UPDATE own_request SET receipt = $1 WHERE id = $2")
        .bind(receipt)
        .bind(id.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// The latest own receipt that the upper tier is not known to have.
///
/// # Errors
/// The store failed.
pub async fn own_receipt(conn: &mut Conn) -> Result<Option<String>> {
    let sql = "SELECT receipt FROM own_request WHERE receipt IS NOT NULL AND acknowledged IS NULL
               ORDER BY created DESC LIMIT 1";
    Ok(sqlx::query_scalar(sql).fetch_optional(conn).await?)
}

/// The upper tier has a receipt.
///
/// # Errors
/// The store failed.
pub async fn receipt_sent(conn: &mut Conn, receipt: &str, at: &str) -> Result<()> {
    sqlx::query("UPDATE own_request SET acknowledged = $1 WHERE receipt = $2")
        .bind(at)
        .bind(receipt)
        .execute(conn)
        .await?;
    Ok(())
}

/// A hand-down as lists show it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Line {
    /// `down`: to a lower tier; `up`: asked of the upper one.
    pub direction: &'static str,
    /// Id of the request.
    pub id: String,
    /// With whom.
    pub peer: String,
    /// Who asked.
    pub asked_by: String,
    /// Where it stands.
    pub state: &'static str,
    /// Since when.
    pub created: String,
}

/// Id, requester, state, created, receipt, acknowledged.
type OwnRow = (
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
);

/// Hand-downs both ways; what waits for a receipt says so.
///
/// # Errors
/// The store failed.
pub async fn lines(conn: &mut Conn) -> Result<Vec<Line>> {
    let down: Vec<(String, String, String, String, Option<String>, String)> = sqlx::query_as(
        "SELECT id, receiver, requester, state, receipt, created FROM hand_down ORDER BY number",
    )
    .fetch_all(&mut *conn)
    .await?;
    let up: Vec<OwnRow> = sqlx::query_as(
        "SELECT id, requester, state, created, receipt, acknowledged FROM own_request ORDER BY created, id",
    )
    .fetch_all(conn)
    .await?;
    let mut lines = Vec::new();
    for (id, peer, asked_by, state, receipt, created) in down {
        let state = match (serde_json::from_str(&state)?, receipt) {
            (_, Some(_)) => "received",
            (GrantState::Granted { .. }, None) => "receipt outstanding",
            (GrantState::Certified { .. }, None) => "certified",
            (GrantState::Requested, None) => "requested",
        };
        lines.push(Line {
            direction: "down",
            id,
            peer,
            asked_by,
            state,
            created,
        });
    }
    for (id, asked_by, state, created, receipt, acknowledged) in up {
        let state = match (state.as_str(), receipt, acknowledged) {
            ("answered", _, Some(_)) => "received",
            ("answered", Some(_), None) => "receipt outstanding",
            ("answered", None, None) => "imported",
            ("dropped", ..) => "dropped",
            _ => "waiting",
        };
        lines.push(Line {
            direction: "up",
            id,
            peer: "upper".to_owned(),
            asked_by,
            state,
            created,
        });
    }
    Ok(lines)
}
