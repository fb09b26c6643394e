//! One-time tokens, by their hash, and what is kept of certificates so that they can be renewed and given again.

use kms_platform::store::Conn;

use crate::refusal::Result;

/// A token as stored.
#[derive(Clone)]
pub struct Token {
    /// Whom it is for.
    pub name: String,
    /// Host names of a server, JSON.
    pub hosts: String,
    /// Days for which the certificate is good.
    pub days: i64,
    /// Until when it can be used.
    pub until: String,
    /// Fingerprint of the request that used it.
    pub used_by: Option<String>,
}

/// Keeps a token's hash.
///
/// # Errors
/// The store failed.
pub async fn add(conn: &mut Conn, hash: &str, token: &Token, at: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO enrolment_token (hash, name, hosts, days, made, until) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(hash)
    .bind(&token.name)
    .bind(&token.hosts)
    .bind(token.days)
    .bind(at)
    .bind(&token.until)
    .execute(conn)
    .await?;
    Ok(())
}

/// A token by its hash.
///
/// # Errors
/// The store failed.
pub async fn find(conn: &mut Conn, hash: &str) -> Result<Option<Token>> {
    let row: Option<(String, String, i64, String, Option<String>)> = sqlx::query_as(
        "SELECT name, hosts, days, until, used_by FROM enrolment_token WHERE hash = $1",
    )
    .bind(hash)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(name, hosts, days, until, used_by)| Token {
        name,
        hosts,
        days,
        until,
        used_by,
    }))
}

/// Uses a token up; false when it was used already.
///
/// # Errors
/// The store failed.
pub async fn spend(conn: &mut Conn, hash: &str, request: &str, at: &str) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE enrolment_token SET used_by = $1, used = $2 WHERE hash = $3 AND used_by IS NULL",
    )
    .bind(request)
    .bind(at)
    .bind(hash)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What is kept of a certificate besides its row in the list of identities.
pub struct Made {
    /// Serial number.
    pub serial: String,
    /// Whose.
    pub name: String,
    /// Fingerprint of name and key.
    pub request: String,
    /// Host names, JSON.
    pub hosts: String,
    /// Days for which it was made.
    pub days: i64,
    /// Until when it is good.
    pub expires: String,
    /// The certificate and those above it, PEM.
    pub chain: String,
}

/// Keeps it.
///
/// # Errors
/// The key has a certificate already, or the store failed.
pub async fn keep(conn: &mut Conn, made: &Made) -> Result<()> {
    sqlx::query(
        "INSERT INTO certificate_made (serial, name, request, hosts, days, expires, chain)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&made.serial)
    .bind(&made.name)
    .bind(&made.request)
    .bind(&made.hosts)
    .bind(made.days)
    .bind(&made.expires)
    .bind(&made.chain)
    .execute(conn)
    .await?;
    Ok(())
}

type Row = (String, String, String, String, i64, String, String);

const COLUMNS: &str =
    "SELECT serial, name, request, hosts, days, expires, chain FROM certificate_made";

fn made((serial, name, request, hosts, days, expires, chain): Row) -> Made {
    Made {
        serial,
        name,
        request,
        hosts,
        days,
        expires,
        chain,
    }
}

/// The certificate of a name and key.
///
/// # Errors
/// The store failed.
pub async fn by_request(conn: &mut Conn, request: &str) -> Result<Option<Made>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE request = $1"));
    let row: Option<Row> = sqlx::query_as(sql)
        .bind(request)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(made))
}

/// The newest certificate of a name.
///
/// # Errors
/// The store failed.
pub async fn newest(conn: &mut Conn, name: &str) -> Result<Option<Made>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "{COLUMNS} WHERE name = $1 ORDER BY number DESC LIMIT 1"
    ));
    let row: Option<Row> = sqlx::query_as(sql).bind(name).fetch_optional(conn).await?;
    Ok(row.map(made))
}

/// End of each certificate that is kept: serial number, date.
///
/// # Errors
/// The store failed.
pub async fn ends(conn: &mut Conn) -> Result<Vec<(String, String)>> {
    let sql = "SELECT serial, expires FROM certificate_made";
    Ok(sqlx::query_as(sql).fetch_all(conn).await?)
}
