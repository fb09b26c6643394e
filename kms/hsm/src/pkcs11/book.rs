//! What a token does not keep: attributes of keys, officers, peers, tickets with their counts, answers given.
//!
//! One SQLite database. Everything that changes it is one `BEGIN IMMEDIATE` transaction, so that quotas are spent one after the other
//! also by several processes, and is on disk (`synchronous = FULL`) before anything is answered.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kms_core::approval::Officer;
use kms_core::port::{
    HeldKey, Hold, HsmError, HsmIdentity, KeySpec, Mark, PeerKind, PolicyRule, TicketOrder,
};
use kms_core::tier::Factor;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{refused, unavailable};

const SCHEMA: &str = "
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE held (id TEXT PRIMARY KEY, spec TEXT NOT NULL, check_value BLOB NOT NULL, public_key BLOB) STRICT;
CREATE TABLE officer (name TEXT PRIMARY KEY, public_key BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE peer (name TEXT PRIMARY KEY, kind TEXT NOT NULL, signing_key BLOB NOT NULL UNIQUE,
    encryption_key BLOB NOT NULL, fingerprint BLOB NOT NULL UNIQUE,
    sent INTEGER NOT NULL DEFAULT 0, sent_hash BLOB NOT NULL, package TEXT,
    received INTEGER NOT NULL DEFAULT 0, received_hash BLOB NOT NULL) STRICT;
CREATE TABLE ticket (id TEXT PRIMARY KEY, spec TEXT NOT NULL, quantity INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0, CHECK (used BETWEEN 0 AND quantity)) STRICT;
CREATE TABLE chip (ticket TEXT NOT NULL, factor BLOB NOT NULL, attempts INTEGER NOT NULL,
    PRIMARY KEY (ticket, factor)) STRICT;
CREATE TABLE answer (request BLOB PRIMARY KEY, content BLOB NOT NULL, script TEXT) STRICT;
PRAGMA user_version = 1;
";
const VERSION: i64 = 1;
/// How long a transaction waits for another process's.
const PATIENCE: Duration = Duration::from_secs(10);
/// Scripts kept to be answered again; of older ones only that they were answered.
const ANSWERS: i64 = 4096;

/// The database.
pub(super) struct Book(Mutex<Connection>);

/// The skeleton policy.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Policy {
    pub name: String,
    pub mechanism: String,
    pub rules: Vec<PolicyRule>,
}

/// Another HSM.
pub(super) struct Peer {
    pub name: String,
    pub kind: PeerKind,
    pub signing_key: [u8; 64],
    pub encryption_key: [u8; 64],
    pub fingerprint: [u8; 32],
    pub sent: u64,
    pub sent_hash: [u8; 32],
    pub package: Option<String>,
    pub received: u64,
    pub received_hash: [u8; 32],
}

/// A ticket with its count.
pub(super) struct Ticket {
    pub spec: TicketOrder,
    pub used: u64,
}

/// An answer given before.
pub(super) struct Answered {
    pub content: [u8; 32],
    pub script: Option<String>,
}

impl Book {
    /// A new one, which must not exist.
    pub(super) fn create(path: &Path) -> Result<Self, HsmError> {
        if path.exists() {
            return Err(refused("KeyExists", format!("{} exists", path.display())));
        }
        let book = Self::connect(path)?;
        book.write(|rows| rows.run(SCHEMA))?;
        Ok(book)
    }

    /// One that is there.
    pub(super) fn open(path: &Path) -> Result<Self, HsmError> {
        if !path.exists() {
            return Err(unavailable(format!(
                "{} is not there: make it with `rhc-kms hsm prepare`",
                path.display()
            )));
        }
        let book = Self::connect(path)?;
        let version: i64 = book.read(|rows| {
            let found = rows
                .0
                .query_row("PRAGMA user_version", [], |row| row.get(0));
            found.map_err(failed)
        })?;
        if version == VERSION {
            Ok(book)
        } else {
            Err(unavailable(format!(
                "{} is of format {version}, not {VERSION}",
                path.display()
            )))
        }
    }

    fn connect(path: &Path) -> Result<Self, HsmError> {
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .and_then(|()| connection.pragma_update(None, "synchronous", "FULL"))
            .map_err(failed)?;
        Ok(Self(Mutex::new(connection)))
    }

    pub(super) fn read<T>(
        &self,
        ask: impl FnOnce(&Rows<'_>) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&Rows(&connection))
    }

    /// All of it is on disk afterwards, or nothing.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&Rows<'_>) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction: Transaction<'_> = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let done = change(&Rows(&transaction))?;
        transaction.commit().map_err(failed)?;
        Ok(done)
    }
}

/// The rows, within a transaction or for reading.
pub(super) struct Rows<'a>(&'a Connection);

impl Rows<'_> {
    fn run(&self, sql: &str) -> Result<(), HsmError> {
        self.0.execute_batch(sql).map_err(failed)
    }

    fn put(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), HsmError> {
        self.0.execute(sql, values).map(drop).map_err(failed)
    }

    pub(super) fn fact<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, HsmError> {
        let sql = "SELECT value FROM fact WHERE name = ?1";
        let text: Option<String> = self
            .0
            .query_row(sql, [name], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        text.map(|text| parse(&text)).transpose()
    }

    pub(super) fn set_fact(&self, name: &str, value: &impl Serialize) -> Result<(), HsmError> {
        let sql = "INSERT INTO fact VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.put(sql, params![name, text(value)?])
    }

    pub(super) fn needed<T: DeserializeOwned>(&self, name: &str) -> Result<T, HsmError> {
        self.fact(name)?
            .ok_or_else(|| unavailable(format!("the book lacks `{name}`")))
    }

    pub(super) fn mark(&self) -> Result<Mark, HsmError> {
        self.needed("mark")
    }

    pub(super) fn identity(&self) -> Result<HsmIdentity, HsmError> {
        let key = |name: &str| -> Result<[u8; 64], HsmError> {
            let text: String = self.needed(name)?;
            let mut key = [0; 64];
            hex::decode_to_slice(text, &mut key)
                .map_err(|_| unavailable(format!("the book's `{name}` is no key")))?;
            Ok(key)
        };
        let (signing_key, encryption_key) = (key("signing-key")?, key("encryption-key")?);
        Ok(HsmIdentity {
            fingerprint: super::prepare::fingerprint(&signing_key, &encryption_key),
            mark: self.mark()?,
            signing_key,
            encryption_key,
            officers: self.officers()?,
            policy: self.fact::<Policy>("policy")?.map(|policy| policy.name),
            ceremonies: (0, [0; 32]),
            simulator: self.needed("software")?,
        })
    }

    pub(super) fn officers(&self) -> Result<Vec<Officer>, HsmError> {
        let sql = "SELECT name, public_key FROM officer ORDER BY name";
        let mut query = self.0.prepare(sql).map_err(failed)?;
        let rows = query
            .query_map([], |row| {
                Ok(Officer {
                    name: row.get(0)?,
                    public_key: row.get(1)?,
                })
            })
            .map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    pub(super) fn add_officer(&self, officer: &Officer) -> Result<(), HsmError> {
        let sql = "INSERT INTO officer VALUES (?1, ?2)";
        let done = self.put(sql, params![officer.name, officer.public_key]);
        done.map_err(|e| twice(e, "OfficerExists"))
    }

    /// At least two stay, as in any HSM of ours.
    pub(super) fn remove_officer(&self, name: &str) -> Result<(), HsmError> {
        let officers = self.officers()?;
        if !officers.iter().any(|officer| officer.name == name) {
            return Err(refused("NoSuchOfficer", name));
        }
        if officers.len() <= 2 {
            return Err(refused("TooFewOfficers", "at least two officers must stay"));
        }
        self.put("DELETE FROM officer WHERE name = ?1", params![name])
    }

    pub(super) fn keys(&self) -> Result<Vec<HeldKey>, HsmError> {
        let sql = "SELECT spec, check_value, public_key FROM held ORDER BY rowid";
        let mut query = self.0.prepare(sql).map_err(failed)?;
        let rows = query.query_map([], held).map_err(failed)?;
        rows.map(|row| row.map_err(failed)?.parsed()).collect()
    }

    pub(super) fn key(&self, id: &str) -> Result<HeldKey, HsmError> {
        let sql = "SELECT spec, check_value, public_key FROM held WHERE id = ?1";
        let row = self.0.query_row(sql, [id], held).optional();
        row.map_err(failed)?
            .ok_or_else(|| refused("NoSuchKey", id))?
            .parsed()
    }

    /// A key that may be used now: officers have not taken it out of use.
    pub(super) fn usable(&self, id: &str) -> Result<HeldKey, HsmError> {
        let key = self.key(id)?;
        match self.hold_of(id)? {
            Hold::Free => Ok(key),
            Hold::Suspended => Err(refused("KeySuspended", id)),
            Hold::Barred => Err(refused("KeyBarred", id)),
        }
    }

    /// Whether officers have taken a key out of use.
    fn hold_of(&self, id: &str) -> Result<Hold, HsmError> {
        Ok(self.fact(&held_fact(id))?.unwrap_or_default())
    }

    /// Takes a key out of use, or back; never back from barred.
    pub(super) fn hold_key(&self, id: &str, hold: Hold) -> Result<(), HsmError> {
        self.key(id)?;
        if self.hold_of(id)? == Hold::Barred && hold != Hold::Barred {
            return Err(refused("KeyBarred", id));
        }
        self.set_fact(&held_fact(id), &hold)
    }

    /// Forgets a key that is wiped.
    pub(super) fn remove_key(&self, id: &str) -> Result<(), HsmError> {
        self.key(id)?;
        self.put("DELETE FROM fact WHERE name = ?1", params![held_fact(id)])?;
        self.put("DELETE FROM held WHERE id = ?1", params![id])
    }

    pub(super) fn add_key(&self, key: &HeldKey) -> Result<(), HsmError> {
        let sql = "INSERT INTO held VALUES (?1, ?2, ?3, ?4)";
        let public = key.public_key.map(Vec::from);
        let done = self.put(
            sql,
            params![key.spec.id, text(&key.spec)?, key.check_value, public],
        );
        done.map_err(|e| twice(e, "KeyExists"))
    }

    pub(super) fn policy(&self) -> Result<Policy, HsmError> {
        self.fact("policy")?
            .ok_or_else(|| refused("NoPolicy", "two officers load a skeleton policy first"))
    }

    pub(super) fn peer(&self, name: &str) -> Result<Peer, HsmError> {
        self.peer_where("name = ?1", name)
    }

    pub(super) fn peer_of(&self, fingerprint: &[u8; 32]) -> Result<Peer, HsmError> {
        self.peer_where("fingerprint = ?1", fingerprint)
    }

    fn peer_where(&self, condition: &str, value: impl rusqlite::ToSql) -> Result<Peer, HsmError> {
        let sql = format!(
            "SELECT name, kind, signing_key, encryption_key, fingerprint, sent, sent_hash, package, received,
             received_hash FROM peer WHERE {condition}"
        );
        let found = self.0.query_row(&sql, [value], |row| {
            let kind: String = row.get(1)?;
            let peer = Peer {
                name: row.get(0)?,
                kind: PeerKind::Maker,
                signing_key: row.get(2)?,
                encryption_key: row.get(3)?,
                fingerprint: row.get(4)?,
                sent: row.get(5)?,
                sent_hash: row.get(6)?,
                package: row.get(7)?,
                received: row.get(8)?,
                received_hash: row.get(9)?,
            };
            Ok((kind, peer))
        });
        let (kind, peer) = found.optional().map_err(failed)?.ok_or_else(|| {
            refused(
                "UnknownPeer",
                "two officers confirm the other HSM's fingerprint first",
            )
        })?;
        Ok(Peer {
            kind: parse(&kind)?,
            ..peer
        })
    }

    pub(super) fn add_peer(&self, peer: &Peer) -> Result<(), HsmError> {
        let sql = "INSERT INTO peer (name, kind, signing_key, encryption_key, fingerprint, sent_hash, received_hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let done = self.put(
            sql,
            params![
                peer.name,
                text(&peer.kind)?,
                peer.signing_key,
                peer.encryption_key,
                peer.fingerprint,
                peer.sent_hash,
                peer.received_hash
            ],
        );
        done.map_err(|e| twice(e, "PeerExists"))
    }

    pub(super) fn sent(&self, peer: &str, hash: &[u8; 32], package: &str) -> Result<(), HsmError> {
        let sql = "UPDATE peer SET sent = sent + 1, sent_hash = ?2, package = ?3 WHERE name = ?1";
        self.put(sql, params![peer, hash, package])
    }

    pub(super) fn received(&self, peer: &str, hash: &[u8; 32]) -> Result<(), HsmError> {
        let sql = "UPDATE peer SET received = received + 1, received_hash = ?2 WHERE name = ?1";
        self.put(sql, params![peer, hash])
    }

    pub(super) fn ticket(&self, id: &str) -> Result<Ticket, HsmError> {
        let sql = "SELECT spec, used FROM ticket WHERE id = ?1";
        let row: Option<(String, u64)> = self
            .0
            .query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(failed)?;
        let (spec, used) = row.ok_or_else(|| refused("NoSuchTicket", id))?;
        Ok(Ticket {
            spec: parse(&spec)?,
            used,
        })
    }

    pub(super) fn add_ticket(&self, spec: &TicketOrder) -> Result<(), HsmError> {
        let sql = "INSERT INTO ticket (id, spec, quantity) VALUES (?1, ?2, ?3)";
        let quantity =
            i64::try_from(spec.count).map_err(|_| refused("TooLarge", "the ticket's count"))?;
        self.put(sql, params![spec.id, text(spec)?, quantity])
            .map_err(|e| twice(e, "TicketExists"))
    }

    /// The ticket makes nothing more: its count is what was used.
    pub(super) fn close_ticket(&self, id: &str) -> Result<(), HsmError> {
        self.ticket(id)?;
        self.put("UPDATE ticket SET quantity = used WHERE id = ?1", [id])
    }

    pub(super) fn attempts(&self, ticket: &str, factor: &Factor) -> Result<u32, HsmError> {
        let sql = "SELECT attempts FROM chip WHERE ticket = ?1 AND factor = ?2";
        let found = self
            .0
            .query_row(sql, params![ticket, factor], |row| row.get(0));
        Ok(found.optional().map_err(failed)?.unwrap_or(0))
    }

    /// One more script for this chip; its first takes one off the ticket's count.
    pub(super) fn spend(&self, ticket: &str, factor: &Factor) -> Result<(), HsmError> {
        if self.attempts(ticket, factor)? == 0 {
            let sql = "UPDATE ticket SET used = used + 1 WHERE id = ?1";
            self.put(sql, [ticket])?;
        }
        let sql = "INSERT INTO chip VALUES (?1, ?2, 1)
             ON CONFLICT (ticket, factor) DO UPDATE SET attempts = attempts + 1";
        self.put(sql, params![ticket, factor])
    }

    pub(super) fn answered(&self, request: &[u8; 16]) -> Result<Option<Answered>, HsmError> {
        let sql = "SELECT content, script FROM answer WHERE request = ?1";
        let found = self.0.query_row(sql, [request], |row| {
            Ok(Answered {
                content: row.get(0)?,
                script: row.get(1)?,
            })
        });
        found.optional().map_err(failed)
    }

    pub(super) fn answer(
        &self,
        request: &[u8; 16],
        content: &[u8; 32],
        script: &str,
    ) -> Result<(), HsmError> {
        let sql = "INSERT INTO answer VALUES (?1, ?2, ?3)";
        self.put(sql, params![request, content, script])?;
        let sql = "UPDATE answer SET script = NULL
             WHERE rowid <= (SELECT max(rowid) FROM answer) - ?1 AND script IS NOT NULL";
        self.put(sql, [ANSWERS])
    }
}

/// A key's row before its text was read.
struct HeldRow {
    spec: String,
    check_value: [u8; 3],
    public_key: Option<[u8; 64]>,
}

fn held(row: &rusqlite::Row<'_>) -> rusqlite::Result<HeldRow> {
    Ok(HeldRow {
        spec: row.get(0)?,
        check_value: row.get(1)?,
        public_key: row.get(2)?,
    })
}

impl HeldRow {
    fn parsed(self) -> Result<HeldKey, HsmError> {
        Ok(HeldKey {
            spec: parse::<KeySpec>(&self.spec)?,
            check_value: self.check_value,
            public_key: self.public_key,
        })
    }
}

fn text(value: &impl Serialize) -> Result<String, HsmError> {
    serde_json::to_string(value).map_err(|e| unavailable(format!("the book: {e}")))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, HsmError> {
    serde_json::from_str(text).map_err(|e| unavailable(format!("the book is damaged: {e}")))
}

fn failed(error: rusqlite::Error) -> HsmError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
        return refused("Exists", error.to_string());
    }
    unavailable(format!("the book: {error}"))
}

/// The name that a broken uniqueness has here.
fn twice(error: HsmError, rule: &str) -> HsmError {
    if error.is("Exists") {
        refused(rule, "it is there already")
    } else {
        error
    }
}

/// Name of the fact that a key is out of use.
fn held_fact(id: &str) -> String {
    format!("hold {id}")
}
