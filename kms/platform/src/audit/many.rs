//! Many rows in one statement: for requests that share a transaction. The chain is the same as row by row.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::chain::Row;
use super::{AuditError, AuditId, Outcome, head};
use crate::clock::stamp;
use crate::store::Conn;

/// What one act is about.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// Who.
    pub actor: &'a str,
    /// What.
    pub act: &'a str,
    /// On what.
    pub object: &'a str,
}

/// One thing to be recorded.
pub enum Entry<'a> {
    /// Something is about to be done.
    Before(About<'a>, &'a serde_json::Value),
    /// It ended.
    After(About<'a>, AuditId, Outcome<'a>),
    /// Something was refused: beginning and end at once.
    Refused(About<'a>, &'a str),
}

/// Columns of a row.
const COLUMNS: usize = 11;

/// Records all entries in order; gives for each the number of its (first) row.
///
/// # Errors
/// Nothing was recorded.
pub async fn many(
    conn: &mut Conn,
    at: Timestamp,
    entries: &[Entry<'_>],
) -> Result<Vec<AuditId>, AuditError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let last = head(conn).await?;
    let mut chain = Chain {
        at: stamp(at),
        seq: last.seq,
        prev: last.hash.to_vec(),
        rows: Vec::with_capacity(entries.len()),
    };
    let mut ids = Vec::with_capacity(entries.len());
    for entry in entries {
        ids.push(match entry {
            Entry::Before(about, detail) => {
                chain.add("before", about, None, detail.to_string(), String::new())
            }
            Entry::After(about, begun, outcome) => chain.add(
                "after",
                about,
                Some(begun.0),
                String::new(),
                outcome.to_string(),
            ),
            Entry::Refused(about, slug) => {
                let begun = chain.add("before", about, None, "{}".to_owned(), String::new());
                let outcome = Outcome::Refused(slug).to_string();
                chain.add("after", about, Some(begun.0), String::new(), outcome);
                begun
            }
        });
    }
    insert(conn, chain.rows).await?;
    Ok(ids)
}

/// Rows to be, each hashed over the one before.
struct Chain {
    at: String,
    seq: i64,
    prev: Vec<u8>,
    rows: Vec<Row>,
}

impl Chain {
    fn add(
        &mut self,
        phase: &str,
        about: &About<'_>,
        refers: Option<i64>,
        detail: String,
        outcome: String,
    ) -> AuditId {
        self.seq += 1;
        let mut row = Row {
            seq: self.seq,
            at: self.at.clone(),
            phase: phase.to_owned(),
            refers,
            actor: about.actor.to_owned(),
            act: about.act.to_owned(),
            object: about.object.to_owned(),
            detail,
            outcome,
            prev: std::mem::take(&mut self.prev),
            hash: Vec::new(),
        };
        row.hash = row.digest().to_vec();
        self.prev.clone_from(&row.hash);
        self.rows.push(row);
        AuditId(self.seq)
    }
}

async fn insert(conn: &mut Conn, rows: Vec<Row>) -> Result<(), AuditError> {
    let places = (0..rows.len()).map(|row| {
        let names = (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column));
        format!("({})", names.collect::<Vec<_>>().join(", "))
    });
    let sql = format!(
        "INSERT INTO audit (seq, at, phase, refers, actor, act, object, detail, outcome, prev, hash) VALUES {}",
        places.collect::<Vec<_>>().join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for row in rows {
        query = query
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
            .bind(row.hash);
    }
    query.execute(conn).await?;
    Ok(())
}
