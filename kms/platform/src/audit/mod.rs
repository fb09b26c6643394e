//! The record of what was done: append-only, hash-chained, written before and after each act.
//!
//! It lives in the service's own store, so that the record and the deed share one transaction: no record, no
//! operation. Each row carries the SM3 of its content and of the row before; the first row (genesis) binds service,
//! tier and mark. Triggers refuse UPDATE, DELETE and gaps, and [`verify`] finds what went around them. Who can write
//! the file can still rewrite the whole chain or cut its end: that is noticed only where somebody else keeps a
//! [`Head`], which is why [`head`] exists.
//!
//! Detail says what was decided, never a key, a PIN or personal data.

mod chain;
pub mod many;

use jiff::Timestamp;

use crate::clock::stamp;
use crate::store::{Birth, Conn, Engine};
pub use chain::{Fault, Verified, verify};
use chain::{HASH_LEN, Row};

/// Why nothing was recorded (and so nothing may be done).
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the audit record could not be written: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("the audit record has no first row")]
    NoGenesis,
    #[error("the last audit row cannot be read: run `audit verify`")]
    BadHead,
}

/// The row that an `after` refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditId(pub i64);

/// The chain's last row: what a witness keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: i64,
    pub hash: [u8; HASH_LEN],
}

/// How an act ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    Done,
    /// Refused, with the problem's slug.
    Refused(&'a str),
}

impl std::fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Done => f.write_str("done"),
            Outcome::Refused(slug) => write!(f, "refused {slug}"),
        }
    }
}

const SCHEMA: &str = "
CREATE TABLE audit (
  seq     INTEGER PRIMARY KEY,
  at      TEXT NOT NULL,
  phase   TEXT NOT NULL CHECK (phase IN ('genesis', 'before', 'after')),
  refers  INTEGER REFERENCES audit (seq),
  actor   TEXT NOT NULL,
  act     TEXT NOT NULL,
  object  TEXT NOT NULL,
  detail  TEXT NOT NULL,
  outcome TEXT NOT NULL,
  prev    BLOB NOT NULL,
  hash    BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_one_end ON audit (refers) WHERE phase = 'after';
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows never change'); END;
CREATE TRIGGER audit_never_goes BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows never go'); END;
";

/// Numbers without gaps; what no trigger of the common form can say.
const WITHOUT_GAPS: [&str; 2] = [
    "
CREATE TRIGGER audit_without_gaps BEFORE INSERT ON audit
  WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
  BEGIN SELECT RAISE(ABORT, 'audit rows follow one another'); END;
",
    "
CREATE FUNCTION audit_follows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM audit) THEN
    RAISE EXCEPTION 'audit rows follow one another';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_without_gaps BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_follows();
",
];

/// Makes the table, empty.
pub(crate) async fn make_table(conn: &mut Conn, engine: Engine) -> Result<(), AuditError> {
    let [sqlite, postgres] = WITHOUT_GAPS;
    let gaps = if engine == Engine::Sqlite {
        sqlite
    } else {
        postgres
    };
    for sql in [engine.schema(SCHEMA), gaps.into()] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Makes the table and its first row; called once by [`crate::store::Store::create`].
pub(crate) async fn create(
    conn: &mut Conn,
    engine: Engine,
    at: Timestamp,
    birth: &Birth,
) -> Result<(), AuditError> {
    make_table(&mut *conn, engine).await?;
    let row = Row {
        seq: 1,
        at: stamp(at),
        phase: "genesis".into(),
        refers: None,
        actor: "system".into(),
        act: "store.create".into(),
        object: birth.service.clone(),
        detail:
            serde_json::json!({ "mark": birth.mark, "service": birth.service, "tier": birth.tier })
                .to_string(),
        outcome: String::new(),
        prev: [0; HASH_LEN].to_vec(),
        hash: Vec::new(),
    };
    insert(conn, row).await?;
    Ok(())
}

/// Records that something is about to be done. Call it inside the transaction ([`crate::store::Store::begin`]) of the
/// deed, or commit it before a deed outside the store.
pub async fn before(
    conn: &mut Conn,
    at: Timestamp,
    actor: &str,
    act: &str,
    object: &str,
    detail: &serde_json::Value,
) -> Result<AuditId, AuditError> {
    let head = head(conn).await?;
    let row = Row {
        seq: head.seq + 1,
        at: stamp(at),
        phase: "before".into(),
        refers: None,
        actor: actor.to_owned(),
        act: act.to_owned(),
        object: object.to_owned(),
        detail: detail.to_string(),
        outcome: String::new(),
        prev: head.hash.to_vec(),
        hash: Vec::new(),
    };
    insert(conn, row).await
}

/// Records how it ended; each `before` takes one.
pub async fn after(
    conn: &mut Conn,
    at: Timestamp,
    begun: AuditId,
    outcome: &Outcome<'_>,
) -> Result<AuditId, AuditError> {
    let head = head(conn).await?;
    let (actor, act, object): (String, String, String) =
        sqlx::query_as("SELECT actor, act, object FROM audit WHERE seq = $1 AND phase = 'before'")
            .bind(begun.0)
            .fetch_one(&mut *conn)
            .await?;
    let row = Row {
        seq: head.seq + 1,
        at: stamp(at),
        phase: "after".into(),
        refers: Some(begun.0),
        actor,
        act,
        object,
        detail: String::new(),
        outcome: outcome.to_string(),
        prev: head.hash.to_vec(),
        hash: Vec::new(),
    };
    insert(conn, row).await
}

/// The last row.
pub async fn head(conn: &mut Conn) -> Result<Head, AuditError> {
    let last: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
            .fetch_optional(conn)
            .await?;
    let (seq, hash) = last.ok_or(AuditError::NoGenesis)?;
    Ok(Head {
        seq,
        hash: hash.try_into().map_err(|_| AuditError::BadHead)?,
    })
}

async fn insert(conn: &mut Conn, row: Row) -> Result<AuditId, AuditError> {
    let hash = row.digest();
    sqlx::query(
        "INSERT INTO audit (seq, at, phase, refers, actor, act, object, detail, outcome, prev, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(row.seq)
    .bind(row.at)
    .bind(row.phase)
    .bind(row.refers)
    .bind(row.actor)
    .bind(row.act)
    .bind(row.object)
    .bind(row.detail)
    .bind(row.outcome)
    .bind(row.prev)
    .bind(hash.as_slice())
    .execute(conn)
    .await?;
    Ok(AuditId(row.seq))
}
