//! Whether a backup may be put back: two officers who are in it sign exactly that backup and the epoch it begins. There is
//! no service to ask yet, so the row `restore` of the policy table is asked of the people that come with the rows, inside
//! the transaction that takes them in: without enough signatures nothing of it stays.

use std::path::Path;

use kms_core::policy::{Approval, Permit, Request, Signer};
use kms_core::port::Mark;
use kms_core::tier::Tier;
use kms_platform::store::Conn;
use serde_json::json;
use sm3::{Digest, Sm3};

use super::{Manifest, Restore, failed, files};
use crate::door;
use crate::records::{people, settings};
use crate::refusal::{self, Refusal, Result};

const OPERATION: &str = "restore";

/// What is signed besides the rows' own tier: made before they are read.
pub(super) struct Asked<'a> {
    pub by: &'a str,
    pub subject: String,
    pub mark: Mark,
    pub now: u64,
    pub devices: &'a [&'a dyn Signer],
}

/// The subject of a restore: this very backup, to the byte, and what it begins.
pub(super) fn subject(what: &Restore, manifest: &Manifest, next: i64) -> Result<String> {
    let digest = digest(&what.from).map_err(|e| failed(&what.from, &e))?;
    let subject = json!({
        "backup": digest, "taken": manifest.at, "row": manifest.row, "hash": manifest.hash, "epoch": next,
    });
    Ok(subject.to_string())
}

/// SM3 over every file of a directory with its name and length.
fn digest(dir: &Path) -> std::io::Result<String> {
    let mut all = Sm3::new();
    for path in files::list(dir)? {
        let bytes = std::fs::read(dir.join(&path))?;
        let head = format!("{} {}\n", path.display(), bytes.len());
        all.update(head.as_bytes());
        all.update(&bytes);
    }
    Ok(hex::encode_upper(all.finalize()))
}

/// Asks the policy table of the people in the rows.
pub(super) async fn admit(conn: &mut Conn, asked: &Asked<'_>) -> Result<(Permit, String)> {
    let tier: Tier = settings::get(conn, "tier").await?;
    let people = people::persons(conn).await?;
    let rule = door::rule(OPERATION)?;
    let request = Request {
        id: uuid::Uuid::new_v4().to_string(),
        operation: OPERATION.to_owned(),
        tier,
        mark: asked.mark,
        // The HSM's store comes with the backup, and is in its digest.
        hsm: [0; 32],
        requesters: vec![asked.by.to_owned()],
        created: asked.now,
        expires: asked.now + u64::from(rule.hours) * 3600,
        subject: asked.subject.clone(),
        orders: Vec::new(),
    };
    let signed = asked.devices.iter().map(|device| {
        Approval::sign(&request, rule, *device)
            .map_err(|e| Refusal::about(&refusal::INVALID, e.to_string()))
    });
    let signed = signed.collect::<Result<Vec<_>>>()?;
    let permit = door::table()?.admit(&request, &signed, &people, asked.now)?;
    Ok((permit, hex::encode_upper(request.hash(rule))))
}
