//! Checkpoints of the record, signed in the HSM, and what others say of them.
//!
//! Every [`ROWS`] rows and every [`PERIOD`] a serving instance signs how far the record has come; `rhc-kms audit checkpoint`
//! does it at once. A witness, as a rule the upper tier and for the ministry any other key service, countersigns them in turn
//! and refuses one that does not continue those it saw: an old copy, or a record whose end was cut. After a restore it takes
//! the new line only when told to, and says for ever which rows are lost.

mod kept;
pub mod seal;
pub mod text;
pub mod verify;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kms_core::catalogue::{AUDIT_SIGN, key_id};
use kms_platform::audit::{self, Outcome};
use kms_platform::store::Tx;

use crate::records::{keys, settings};
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::{Service, platform_mark};
pub use witness::Told;

use text::{Bundle, CHECKPOINT, Checkpoint, Signed, digest};

/// A checkpoint is due after so many rows,
pub const ROWS: i64 = 1000;
/// or after this time, when there is any new row.
pub const PERIOD: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
/// How often an instance looks.
const LOOK: Duration = Duration::from_secs(10);

impl Service {
    /// Signs how far the record has come; `None` when no row was added since the last checkpoint.
    ///
    /// # Errors
    /// There are no audit keys yet, the HSM does not answer, or the store failed.
    pub async fn checkpoint(&self, actor: &str) -> Result<Option<Checkpoint>> {
        let mut tx = self.begin().await?;
        let last = kept::last(&mut tx).await?;
        let head = audit::head(&mut tx).await?;
        // The two rows of the last checkpoint's own act lie behind it.
        if last
            .as_ref()
            .is_some_and(|(_, last)| head.seq <= last.row + 1)
        {
            return Ok(None);
        }
        let begun = self
            .before(
                &mut tx,
                actor,
                "audit.checkpoint",
                "",
                &serde_json::json!({}),
            )
            .await?;
        let (made, signed) = self.sign_checkpoint(&mut tx, last).await?;
        kept::add(&mut tx, made.number, &signed).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await?;
        Ok(Some(made))
    }

    async fn sign_checkpoint(
        &self,
        tx: &mut Tx,
        last: Option<(Signed, Checkpoint)>,
    ) -> Result<(Checkpoint, Signed)> {
        let head = audit::head(tx).await?;
        let made = Checkpoint {
            tier: self.tier.to_string(),
            mark: platform_mark(self.mark).to_string(),
            number: last.as_ref().map_or(1, |(_, last)| last.number + 1),
            row: head.seq,
            hash: hex::encode_upper(head.hash),
            epoch: epoch(tx).await?,
            hsm: hex::encode_upper(self.in_hsm(|hsm| hsm.identity()).await?.fingerprint),
            previous: last.map_or_else(String::new, |(signed, _)| digest(signed.text.as_bytes())),
            at: self.now(),
        };
        let signed = self
            .sign_audit(CHECKPOINT, serde_json::to_string(&made)?)
            .await?;
        Ok((made, signed))
    }

    /// With the audit key, for a purpose.
    async fn sign_audit(&self, purpose: &str, text: String) -> Result<Signed> {
        let message = [purpose.as_bytes(), text.as_bytes()].concat();
        let id = key_id(AUDIT_SIGN, 0);
        let signature = self.in_hsm(move |hsm| hsm.sign(&id, &message)).await?;
        Ok(Signed {
            text,
            signature: hex::encode_upper(signature),
        })
    }

    /// X‖Y of this service's audit key.
    ///
    /// # Errors
    /// It was not made yet.
    pub async fn audit_key(&self, tx: &mut kms_platform::store::Conn) -> Result<String> {
        let key = keys::public_key(tx, &key_id(AUDIT_SIGN, 0)).await?;
        let key = key.ok_or_else(|| {
            refuse!(
                &refusal::KEY_MISSING,
                "no audit keys yet: rhc-kms audit keys",
                "尚无审计密钥：rhc-kms audit keys"
            )
        })?;
        Ok(hex::encode_upper(key))
    }

    /// What a witness is sent.
    ///
    /// # Errors
    /// There are no audit keys, or the store failed.
    pub async fn bundle(&self) -> Result<Bundle> {
        let mut conn = self.store.pool().acquire().await?;
        Ok(Bundle {
            key: self.audit_key(&mut conn).await?,
            checkpoints: kept::all(&mut conn).await?,
        })
    }

    /// Whether a checkpoint of this epoch waits for its first countersignature.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn wants_witness(&self) -> Result<bool> {
        let mut conn = self.store.pool().acquire().await?;
        let Some((_, last)) = kept::last(&mut conn).await? else {
            return Ok(false);
        };
        let seen = kept::all_seen(&mut conn).await?;
        let seen = seen
            .iter()
            .filter_map(|word| serde_json::from_str::<text::Seen>(&word.text).ok());
        Ok(!seen
            .into_iter()
            .any(|one| one.epoch == last.epoch && one.number >= last.number))
    }

    /// Whether one is due.
    async fn is_due(&self) -> Result<bool> {
        let mut conn = self.store.pool().acquire().await?;
        if keys::public_key(&mut conn, &key_id(AUDIT_SIGN, 0))
            .await?
            .is_none()
        {
            return Ok(false);
        }
        let head = audit::head(&mut conn).await?;
        let last = kept::last(&mut conn).await?;
        let (row, at) = last.map_or((0, None), |(_, last)| {
            (last.row, last.at.parse::<Timestamp>().ok())
        });
        let new = head.seq - row - 1;
        let old = at.is_none_or(|at| self.store.clock().now().duration_since(at) >= PERIOD);
        Ok(new >= ROWS || (new > 0 && old))
    }
}

/// Makes checkpoints as they fall due, as long as the service serves.
pub async fn keep_up(service: Arc<Service>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let done = match service.is_due().await {
            Ok(true) => service.checkpoint("system").await.map(drop),
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "no checkpoint could be made");
        }
    }
}

/// How often this store was put back from a backup, and one.
///
/// # Errors
/// The store failed.
pub async fn epoch(conn: &mut kms_platform::store::Conn) -> Result<i64> {
    Ok(settings::find(conn, "epoch").await?.unwrap_or(1))
}
