//! The hash of an audit row, and the walk that finds the first wrong one.

use sm3::{Digest, Sm3};
use sqlx::Row as _;

use crate::store::Conn;

pub const HASH_LEN: usize = 32;

/// Separates these hashes from every other use of SM3.
const DOMAIN: &[u8] = b"rhc-audit-1";

/// One row as stored; `hash` is empty until it is made.
pub(super) struct Row {
    pub seq: i64,
    pub at: String,
    pub phase: String,
    pub refers: Option<i64>,
    pub actor: String,
    pub act: String,
    pub object: String,
    pub detail: String,
    pub outcome: String,
    pub prev: Vec<u8>,
    pub hash: Vec<u8>,
}

impl Row {
    /// SM3 over domain, previous hash, numbers (8 bytes) and texts, each text behind its length (8 bytes, big-endian).
    pub(super) fn digest(&self) -> [u8; HASH_LEN] {
        let mut hash = Sm3::new();
        let texts = [
            &self.at,
            &self.phase,
            &self.actor,
            &self.act,
            &self.object,
            &self.detail,
            &self.outcome,
        ];
        hash.update(DOMAIN);
        hash.update(&self.prev);
        hash.update(self.seq.to_be_bytes());
        hash.update(self.refers.unwrap_or(0).to_be_bytes());
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize().into()
    }
}

/// What a walk over an unbroken chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub rows: i64,
    /// The last hash: compare it with what a witness kept.
    pub head: [u8; HASH_LEN],
    /// Acts begun without a recorded end (a crash, or one under way now).
    pub open: Vec<i64>,
}

/// The first row that is not right, or why the walk could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("audit row {0} was changed: its hash is not that of its content")]
    Changed(i64),
    #[error(
        "audit row {0} does not continue the row before it: a row was removed, inserted or exchanged"
    )]
    Unchained(i64),
    #[error("audit row {0} is missing")]
    Missing(i64),
    #[error("the first audit row is not the store's genesis")]
    Genesis,
    #[error("the audit record cannot be read: {0}")]
    Sql(#[from] sqlx::Error),
}

/// How many rows are fetched at once, so that a long record needs little memory.
const BATCH: i64 = 1000;

/// Walks the whole chain from the genesis and names the first bad row.
pub async fn verify(conn: &mut Conn) -> Result<Verified, Fault> {
    let mut found = Verified {
        rows: 0,
        head: [0; HASH_LEN],
        open: Vec::new(),
    };
    loop {
        let batch = fetch(conn, found.rows).await?;
        if batch.is_empty() {
            break;
        }
        for row in batch {
            step(&mut found, &row)?;
        }
    }
    if found.rows == 0 {
        return Err(Fault::Genesis);
    }
    let marks = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'mark'")
        .fetch_one(&mut *conn)
        .await?;
    check_genesis(conn, marks).await?;
    Ok(found)
}

fn step(found: &mut Verified, row: &Row) -> Result<(), Fault> {
    let expected = found.rows + 1;
    if row.seq != expected {
        return Err(Fault::Missing(expected));
    }
    if (row.phase == "genesis") != (row.seq == 1) {
        return Err(Fault::Genesis);
    }
    if row.prev != found.head {
        return Err(Fault::Unchained(row.seq));
    }
    let digest = row.digest();
    if row.hash != digest {
        return Err(Fault::Changed(row.seq));
    }
    match (row.phase.as_str(), row.refers) {
        ("before", _) => found.open.push(row.seq),
        ("after", Some(begun)) => found.open.retain(|seq| *seq != begun),
        _ => {}
    }
    found.rows = row.seq;
    found.head = digest;
    Ok(())
}

/// The mark in the genesis row must be the store's.
async fn check_genesis(conn: &mut Conn, mark: String) -> Result<(), Fault> {
    let detail: String = sqlx::query_scalar("SELECT detail FROM audit WHERE seq = 1")
        .fetch_one(conn)
        .await?;
    let told = serde_json::from_str::<serde_json::Value>(&detail).ok();
    let told = told
        .as_ref()
        .and_then(|value| value.get("mark"))
        .and_then(|value| value.as_str());
    if told == Some(mark.as_str()) {
        Ok(())
    } else {
        Err(Fault::Genesis)
    }
}

async fn fetch(conn: &mut Conn, after: i64) -> Result<Vec<Row>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT seq, at, phase, refers, actor, act, object, detail, outcome, prev, hash
         FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
    )
    .bind(after)
    .bind(BATCH)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Row {
                seq: row.try_get(0)?,
                at: row.try_get(1)?,
                phase: row.try_get(2)?,
                refers: row.try_get(3)?,
                actor: row.try_get(4)?,
                act: row.try_get(5)?,
                object: row.try_get(6)?,
                detail: row.try_get(7)?,
                outcome: row.try_get(8)?,
                prev: row.try_get(9)?,
                hash: row.try_get(10)?,
            })
        })
        .collect()
}
