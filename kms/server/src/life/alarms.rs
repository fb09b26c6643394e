//! Attempts to clone: a blank whose factor stands on no list, a factor that was issued already, a chip that shows an earlier
//! state than before. Refused where they happen; here each becomes an alarm that a security administrator acknowledges.

use kms_api::CardState;
use kms_core::policy::Signer;
use kms_platform::audit::Outcome;
use kms_platform::store::Conn;

use crate::records::alarms;
use crate::records::chip_group::Shown;
use crate::refusal::{self, Refusal, Result};
use crate::refuse;
use crate::service::Service;

/// Refusals behind which a copy may stand.
const SUSPECT: [&kms_platform::problem::Kind; 6] = [
    &refusal::NOT_ON_LIST,
    &refusal::OTHER_KIND,
    &refusal::OTHER_PERSON,
    &refusal::OTHER_DATA,
    &refusal::OTHER_PURPOSE,
    &refusal::WENT_BACK,
];

/// Whether a refusal raises an alarm.
#[must_use]
pub fn is_suspect(slug: &str) -> bool {
    SUSPECT.iter().any(|kind| kind.slug == slug)
}

/// Raises an alarm for a refusal that may have a copy behind it, in the transaction that records the refusal.
pub(crate) async fn look(
    conn: &mut Conn,
    actor: &str,
    act: &str,
    object: &str,
    slug: &str,
    at: &str,
) -> Result<()> {
    if !is_suspect(slug) {
        return Ok(());
    }
    tracing::warn!(target: "alarm", kind = slug, object, actor, act, "suspected copy refused");
    alarms::raise(conn, (slug, object), (actor, act), at).await
}

/// A chip's base key and counter only ever go up; one that shows less than before is not the chip it says.
///
/// # Errors
/// [`refusal::WENT_BACK`].
pub(crate) fn never_back(before: Option<Shown>, now: Shown) -> Result<()> {
    match before {
        Some(before) if before > now => Err(refuse!(
            &refusal::WENT_BACK,
            "key version {:02X}, counter {} was shown before; now {:02X}, {}",
            "先前为密钥版本 {:02X}、计数 {}，现为 {:02X}、{}",
            before.0,
            before.1,
            now.0,
            now.1
        )),
        _ => Ok(()),
    }
}

/// What a chip shows, as [`never_back`] compares it.
pub(crate) fn shown(card: CardState) -> Shown {
    (i64::from(card.key_version), i64::from(card.counter))
}

impl Service {
    /// A security administrator has looked into an alarm, and signs for it.
    ///
    /// # Errors
    /// No open alarm of this id, or the store failed.
    pub async fn acknowledge_alarm(&self, id: &str, device: &dyn Signer, note: &str) -> Result<()> {
        let (subject, by) = (format!("{id} · {note}"), device.name());
        self.may_proven("alarm.ack", subject, device).await?;
        let mut tx = self.begin().await?;
        let detail = serde_json::json!({ "note": note });
        let begun = self.before(&mut tx, by, "alarm.ack", id, &detail).await?;
        let done = alarms::acknowledge(&mut tx, id, by, note, &self.now()).await;
        let outcome = match &done {
            Ok(()) => Outcome::Done,
            Err(refusal) => Outcome::Refused(Refusal::slug(refusal)),
        };
        self.after(&mut tx, begun, &outcome).await?;
        self.commit(tx).await?;
        done
    }
}
