//! `rhc-kms audit verify`: the plain chain, the checkpoints over it, what witnesses said of them, and with the HSM the seals.
//! No service needs to run; whoever has the public keys can do all but the seals elsewhere.

use hmac::Mac;
use kms_platform::audit::{self, Fault};
use kms_platform::store::Conn;
use serde::Serialize;

use super::kept;
use super::seal::ChainKey;
use super::text::{CHECKPOINT, COUNTERSIGNATURE, Checkpoint, Reply, Seen, digest};
use crate::refusal::{Refusal, Result};
use crate::service::Service;

/// What was found in order.
#[derive(Debug, Serialize)]
pub struct Report {
    pub rows: i64,
    pub head: String,
    /// Acts without a recorded end.
    pub open: Vec<i64>,
    pub checkpoints: usize,
    /// Last row under a checkpoint.
    pub signed_up_to: i64,
    pub countersignatures: usize,
    /// Last row that a witness has seen.
    pub countersigned_up_to: i64,
    pub epoch: i64,
    /// Rows that restores lost, by what witnesses said: after, up to.
    pub lost: Vec<(i64, i64)>,
    /// Seals checked; none when the HSM was not asked.
    pub seals: Option<i64>,
}

/// What is not right.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    #[error(transparent)]
    Chain(#[from] Fault),
    #[error("checkpoint {0}: its signature, its place or the row it names is not right")]
    Checkpoint(i64),
    #[error("the record ends before row {0}, which a checkpoint names: its end was cut")]
    Cut(i64),
    #[error("a countersignature of {0} is not right")]
    Countersignature(String),
    #[error(
        "{witness} has seen checkpoint {number} over row {row} in epoch {epoch}, and this record has not got it: its end was cut, or an old copy was put back"
    )]
    RolledBack {
        witness: String,
        number: i64,
        row: i64,
        epoch: i64,
    },
    #[error("the seal over row {0} is not right: the record was written without the HSM")]
    Seal(i64),
    #[error("rows after {0} are not sealed")]
    Unsealed(i64),
    #[error("{0}")]
    Refused(Refusal),
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<sqlx::Error> for Wrong {
    fn from(error: sqlx::Error) -> Self {
        Self::Chain(Fault::Sql(error))
    }
}

impl Service {
    /// Walks the whole record. `word`: what a witness has, fetched from there; `seals`: ask the HSM for the key.
    ///
    /// # Errors
    /// The first thing that is not right.
    pub async fn verify_audit(
        &self,
        word: Option<&Reply>,
        seals: bool,
    ) -> std::result::Result<Report, Wrong> {
        let mut conn = self.store.pool().acquire().await?;
        let found = audit::verify(&mut conn).await?;
        let line = self.verify_checkpoints(&mut conn, found.rows).await?;
        let seen = self.verify_seen(&mut conn).await?;
        if let Some(word) = word {
            self.verify_word(&mut conn, word).await?;
        }
        let checked = match seals {
            true => match self.chain_key(&mut conn).await? {
                Some(key) => Some(verify_seals(&mut conn, &key, found.rows).await?),
                None => None,
            },
            false => None,
        };
        let lost = seen.iter().filter_map(|seen| seen.lost.as_ref());
        Ok(Report {
            rows: found.rows,
            head: hex::encode_upper(found.head),
            open: found.open,
            checkpoints: line.len(),
            signed_up_to: line.last().map_or(0, |last| last.row),
            countersignatures: seen.len(),
            countersigned_up_to: seen.last().map_or(0, |last| last.row),
            epoch: super::epoch(&mut conn).await?,
            lost: lost.map(|lost| (lost.after_row, lost.up_to_row)).collect(),
            seals: checked,
        })
    }

    async fn verify_checkpoints(
        &self,
        conn: &mut Conn,
        rows: i64,
    ) -> std::result::Result<Vec<Checkpoint>, Wrong> {
        let mut line: Vec<Checkpoint> = Vec::new();
        let mut previous = String::new();
        let all = kept::all(conn).await?;
        if all.is_empty() {
            return Ok(line);
        }
        let key = self.audit_key(conn).await?;
        for signed in all {
            let number = line.len() as i64 + 1;
            let wrong = || Wrong::Checkpoint(number);
            let one: Checkpoint = serde_json::from_str(&signed.text).map_err(|_| wrong())?;
            let by = signed.is_by(&key, CHECKPOINT, self.profile.crypto.signature);
            if !by || one.number != number || one.previous != previous {
                return Err(wrong());
            }
            if one.row > rows {
                return Err(Wrong::Cut(one.row));
            }
            if row_hash(conn, one.row).await? != one.hash {
                return Err(wrong());
            }
            previous = digest(signed.text.as_bytes());
            line.push(one);
        }
        Ok(line)
    }

    async fn verify_seen(&self, conn: &mut Conn) -> std::result::Result<Vec<Seen>, Wrong> {
        let mut all = Vec::new();
        for word in kept::all_seen(conn).await? {
            let wrong = |who: &str| Wrong::Countersignature(who.to_owned());
            let seen: Seen = serde_json::from_str(&word.text).map_err(|_| wrong("?"))?;
            let key = kept::key_of(conn, &seen.witness).await?.unwrap_or_default();
            if !word.is_by(&key, COUNTERSIGNATURE, self.profile.crypto.signature)
                || !self.holds(conn, &seen).await?
            {
                return Err(wrong(&seen.witness));
            }
            all.push(seen);
        }
        Ok(all)
    }

    /// What the witness itself brings: it must know nothing that is not here.
    async fn verify_word(&self, conn: &mut Conn, word: &Reply) -> std::result::Result<(), Wrong> {
        let wrong = |who: &str| Wrong::Countersignature(who.to_owned());
        let seen: Seen = serde_json::from_str(&word.seen.text).map_err(|_| wrong("?"))?;
        let pinned = kept::key_of(conn, &seen.witness).await?;
        if pinned.as_ref().is_some_and(|key| *key != word.key)
            || seen.tier != self.tier.to_string()
            || !word
                .seen
                .is_by(&word.key, COUNTERSIGNATURE, self.profile.crypto.signature)
        {
            return Err(wrong(&seen.witness));
        }
        if self.holds(conn, &seen).await? {
            return Ok(());
        }
        Err(Wrong::RolledBack {
            witness: seen.witness,
            number: seen.number,
            row: seen.row,
            epoch: seen.epoch,
        })
    }
}

async fn row_hash(conn: &mut Conn, row: i64) -> Result<String, sqlx::Error> {
    let hash: Option<Vec<u8>> = sqlx::query_scalar("SELECT hash FROM audit WHERE seq = $1")
        .bind(row)
        .fetch_optional(conn)
        .await?;
    Ok(hash.map(hex::encode_upper).unwrap_or_default())
}

/// Every seal over its row, and one over the last.
async fn verify_seals(
    conn: &mut Conn,
    key: &ChainKey,
    rows: i64,
) -> std::result::Result<i64, Wrong> {
    let (mut after, mut count) = (0, 0);
    loop {
        let batch: Vec<(i64, Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT s.seq, s.mac, a.hash FROM audit_seal s LEFT JOIN audit a ON a.seq = s.seq
             WHERE s.seq > $1 ORDER BY s.seq LIMIT 1000",
        )
        .bind(after)
        .fetch_all(&mut *conn)
        .await?;
        if batch.is_empty() {
            break;
        }
        for (seq, mac, hash) in batch {
            let hash = hash.ok_or(Wrong::Cut(seq))?;
            let checked = key.mac(seq, &hash).verify_slice(&mac);
            checked.map_err(|_| Wrong::Seal(seq))?;
            after = seq;
            count += 1;
        }
    }
    if after == rows {
        Ok(count)
    } else {
        Err(Wrong::Unsealed(after))
    }
}
