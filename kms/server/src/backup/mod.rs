//! Backup and restore of a key service with its HSM's store, by one command each, without a way back in time.
//!
//! A backup is a directory: `manifest.json`, `rows.jsonl` (the database, of either engine), `service/` (its keys and
//! certificates), `hsm/` (the HSM's sealed store). A restore begins a new epoch: it says so in the record, in the transaction that
//! makes the store; the HSM closes every ticket at its next start; the service gives no new one before a witness has
//! countersigned the epoch. What was lost in between stays known to the witness ([`crate::checkpoint`]).

mod approved;
mod files;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use kms_core::policy::Signer;
use kms_platform::audit::{self, Outcome};
use kms_platform::clock::SharedClock;
use kms_platform::store::{CopyError, Place, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::checkpoint::epoch;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::schema::{MIGRATIONS, SERVICE};
use crate::service::{Service, is_database};

const FORMAT: &str = "rhc-kms-backup-1";
const MANIFEST: &str = "manifest.json";
const ROWS: &str = "rows.jsonl";
const OWN: &str = "service";
const HSM: &str = "hsm";
/// What tells the HSM at its next start that its store is a copy of before: it closes every ticket.
pub const RESTORED: &str = "restored";

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    pub tier: String,
    pub mark: String,
    pub epoch: i64,
    /// Last row of the record in it.
    pub row: i64,
    pub hash: String,
    pub at: String,
    /// Whether an HSM's store is in it.
    pub hsm: bool,
}

/// What is to be put back, and where.
pub struct Restore {
    pub from: PathBuf,
    /// Directory of the service, to be made.
    pub store: PathBuf,
    /// Directory of the HSM's store, to be made.
    pub hsm: Option<PathBuf>,
    /// In place of a file in the directory.
    pub database: Option<Place>,
    /// Who does it.
    pub by: String,
    /// The new epoch, where a witness knows a later one than the backup.
    pub epoch: Option<i64>,
}

impl Service {
    /// Makes a backup in a new directory.
    ///
    /// # Errors
    /// The directory exists, or something cannot be read or written.
    pub async fn backup(&self, hsm: Option<&Path>, out: &Path) -> Result<Manifest> {
        let mut tx = self.begin().await?;
        let begun = self
            .before(
                &mut tx,
                "operator",
                "store.backup",
                "",
                &serde_json::json!({}),
            )
            .await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        let head = audit::head(&mut tx).await?;
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            tier: self.tier.to_string(),
            mark: self.store.mark().to_string(),
            epoch: epoch(&mut tx).await?,
            row: head.seq,
            hash: hex::encode_upper(head.hash),
            at: self.now(),
            hsm: hsm.is_some(),
        };
        self.commit(tx).await?;
        files::new_directory(out).map_err(|e| failed(out, &e))?;
        // The HSM is copied last: it may know more than the service, never less.
        let own = out.join(OWN);
        files::new_directory(&own).map_err(|e| failed(&own, &e))?;
        files::copy(&self.dir, &own, |path| !is_database(path)).map_err(|e| failed(&own, &e))?;
        let path = out.join(ROWS);
        let file = File::create_new(&path).map_err(|e| failed(&path, &e))?;
        let mut rows = BufWriter::new(file);
        self.store.copy_out(&mut rows).await.map_err(copying)?;
        let synced = rows.flush().and_then(|()| rows.get_ref().sync_all());
        synced.map_err(|e| failed(&path, &e))?;
        if let Some(hsm) = hsm {
            let to = out.join(HSM);
            files::copy_hsm(hsm, &to).map_err(|e| failed(&to, &e))?;
        }
        let path = out.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest)?;
        std::fs::write(&path, text).map_err(|e| failed(&path, &e))?;
        Ok(manifest)
    }

    /// Puts a backup back, in a new epoch, if two officers who are in it sign that with their devices.
    ///
    /// # Errors
    /// Too few or wrong signatures, something is there already, or the backup is not whole.
    pub async fn restore(
        what: &Restore,
        devices: &[&dyn Signer],
        clock: SharedClock,
    ) -> Result<i64> {
        let path = what.from.join(MANIFEST);
        let text = std::fs::read(&path).map_err(|e| failed(&path, &e))?;
        let manifest: Manifest = serde_json::from_slice(&text)?;
        let missing = manifest.hsm && what.hsm.is_none();
        if manifest.format != FORMAT || missing {
            return Err(refuse!(
                &refusal::INVALID,
                "the backup has an HSM's store: give --hsm-store",
                "备份含密码机库：请给出 --hsm-store"
            ));
        }
        let made: Vec<&PathBuf> = what.hsm.iter().chain([&what.store]).collect();
        if let Some(there) = made.iter().find(|path| path.exists()) {
            let error = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(failed(there, &error));
        }
        // Made under another name: what was cut off stands in nobody's way and is taken for nothing.
        for path in &made {
            files::begin_anew(&unfinished(path)).map_err(|e| failed(path, &e))?;
        }
        let part = unfinished(&what.store);
        let next = (manifest.epoch + 1).max(what.epoch.unwrap_or(0));
        if let Err(refusal) = put_back(what, &part, (&manifest, next), devices, clock).await {
            for path in &made {
                files::discard(&unfinished(path)).map_err(|e| failed(path, &e))?;
            }
            return Err(refusal);
        }
        if let (Some(to), true) = (&what.hsm, manifest.hsm) {
            let part = unfinished(to);
            // First: no copy is ever without it.
            std::fs::write(part.join(RESTORED), b"").map_err(|e| failed(to, &e))?;
            files::copy(&what.from.join(HSM), &part, |_| true).map_err(|e| failed(to, &e))?;
        }
        files::copy(&what.from.join(OWN), &part, |_| true).map_err(|e| failed(&part, &e))?;
        // The service last: whoever finds it finds its HSM's store too.
        for path in made {
            std::fs::rename(unfinished(path), path).map_err(|e| failed(path, &e))?;
        }
        Ok(next)
    }
}

/// Where a directory grows before it has its name.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".restoring");
    name.into()
}

async fn put_back(
    what: &Restore,
    dir: &Path,
    (manifest, next): (&Manifest, i64),
    devices: &[&dyn Signer],
    clock: SharedClock,
) -> Result<()> {
    let mark = manifest.mark.parse();
    let asked = approved::Asked {
        by: &what.by,
        subject: approved::subject(what, manifest, next)?,
        mark: mark.map_err(|why: String| Refusal::about(&refusal::INVALID, why))?,
        now: u64::try_from(clock.now().as_second()).unwrap_or(0),
        devices,
    };
    let path = what.from.join(ROWS);
    let rows = BufReader::new(File::open(&path).map_err(|e| failed(&path, &e))?);
    let place = Service::place_for(dir, what.database.as_ref())?;
    let now = clock.now();
    let mut denied = None;
    let finish = async |conn: &mut kms_platform::store::Conn| {
        let (permit, request) = match approved::admit(conn, &asked).await {
            Ok(permitted) => permitted,
            Err(refusal) => {
                denied = Some(refusal);
                return Err(StoreError::from(sqlx::Error::RowNotFound));
            }
        };
        let detail = serde_json::json!({
            "epoch": next, "row": manifest.row, "taken": manifest.at, "asked by": what.by, "request": request,
        });
        let by = &permit.names();
        let begun = audit::before(conn, now, by, "store.restore", "", &detail).await?;
        sqlx::query(
            "INSERT INTO setting (key, value) VALUES ('epoch', $1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(next.to_string())
        .execute(&mut *conn)
        .await?;
        audit::after(conn, now, begun, &Outcome::Done).await?;
        Ok::<_, StoreError>(())
    };
    let store = Store::copy_in(&place, SERVICE, MIGRATIONS, clock, rows, finish);
    match (store.await, denied) {
        (_, Some(refusal)) => Err(refusal),
        (Ok(store), None) => {
            store.close().await;
            Ok(())
        }
        (Err(error), None) => Err(copying(error)),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::about(&refusal::STORE, format!("{}: {error}", path.display()))
}

fn copying(error: CopyError) -> Refusal {
    match error {
        CopyError::Store(error) => error.into(),
        other => Refusal::about(&refusal::STORE, other.to_string()),
    }
}
