//! Both sides of a countersignature: a witness that looks and signs, a service that keeps what was said of it.
//!
//! A key is pinned when its first word comes, by its fingerprint read over another way.

use kms_platform::audit::Outcome;
use kms_platform::store::Conn;

use super::text::{
    Bundle, CHECKPOINT, COUNTERSIGNATURE, Checkpoint, Lost, Reply, Seen, Signed, digest,
    fingerprint,
};
use super::{epoch, kept};
use crate::records::settings;
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::{Service, platform_mark};

/// What whoever brings a file says of it.
pub struct Told<'a> {
    /// Who brings it.
    pub by: &'a str,
    /// Fingerprint of the key, at its first coming.
    pub fingerprint: Option<&'a str>,
    /// A restored store may begin anew behind what was seen.
    pub restored: bool,
}

impl Service {
    /// As a witness: countersigns the newest checkpoint of another service if it continues those seen before.
    ///
    /// # Errors
    /// It does not: another key, a changed text, an old copy, a cut end. The refusal is recorded.
    pub async fn countersign(&self, bundle: &Bundle, told: &Told<'_>) -> Result<Reply> {
        match self.try_countersign(bundle, told).await {
            Ok(reply) => Ok(reply),
            Err(refusal) => Err(self
                .refused(told.by, "audit.countersign", "", refusal)
                .await),
        }
    }

    async fn try_countersign(&self, bundle: &Bundle, told: &Told<'_>) -> Result<Reply> {
        let line = self.read_line(bundle)?;
        let newest = line
            .last()
            .ok_or_else(|| broken("no checkpoint", "无检查点"))?;
        let mut tx = self.begin().await?;
        self.pinned(&mut tx, &newest.tier, &bundle.key, told)
            .await?;
        let last = match kept::witnessed(&mut tx, &newest.tier).await? {
            Some(word) => Some(serde_json::from_str::<Seen>(&word.text)?),
            None => None,
        };
        let lost = match &last {
            Some(last) => continues(last, &line, bundle, told.restored)?,
            None => None,
        };
        let begun = self
            .before(
                &mut tx,
                told.by,
                "audit.countersign",
                &newest.tier,
                &serde_json::json!({ "number": newest.number, "row": newest.row, "epoch": newest.epoch, "lost": lost }),
            )
            .await?;
        let text = bundle.checkpoints.last().map(|c| c.text.as_bytes());
        let seen = Seen {
            witness: self.tier.to_string(),
            mark: newest.mark.clone(),
            tier: newest.tier.clone(),
            number: newest.number,
            row: newest.row,
            epoch: newest.epoch,
            checkpoint: digest(text.unwrap_or_default()),
            lost,
            at: self.now(),
        };
        let word = self
            .sign_audit(COUNTERSIGNATURE, serde_json::to_string(&seen)?)
            .await?;
        kept::add_witnessed(&mut tx, &newest.tier, &word).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        let key = self.audit_key(&mut tx).await?;
        self.commit(tx).await?;
        Ok(Reply { key, seen: word })
    }

    /// Every signature, every link, one service, our mark.
    fn read_line(&self, bundle: &Bundle) -> Result<Vec<Checkpoint>> {
        let mark = platform_mark(self.mark).to_string();
        let mut line: Vec<Checkpoint> = Vec::new();
        let mut previous = String::new();
        for signed in &bundle.checkpoints {
            let one: Checkpoint = serde_json::from_str(&signed.text)?;
            let number = line.len() as i64 + 1;
            let follows = one.number == number && one.previous == previous && one.mark == mark;
            let rises = line.last().is_none_or(|last| {
                last.row < one.row && last.epoch <= one.epoch && last.tier == one.tier
            });
            let by = signed.is_by(&bundle.key, CHECKPOINT, self.profile.crypto.signature);
            if !(follows && rises && by) {
                return Err(broken(
                    &format!("checkpoint {number}"),
                    &format!("检查点 {number}"),
                ));
            }
            previous = digest(signed.text.as_bytes());
            line.push(one);
        }
        Ok(line)
    }

    /// The key of that service is the one compared when it first came.
    async fn pinned(&self, conn: &mut Conn, tier: &str, key: &str, told: &Told<'_>) -> Result<()> {
        match (kept::key_of(conn, tier).await?, told.fingerprint) {
            (Some(known), _) if known == key => Ok(()),
            (None, Some(given)) if given.eq_ignore_ascii_case(&fingerprint(key)) => {
                kept::pin(conn, tier, key, &self.now()).await
            }
            (None, None) => Err(refuse!(
                &refusal::FINGERPRINT,
                "the audit key of {tier} comes for the first time: compare its fingerprint by voice and give --fingerprint",
                "首次收到 {tier} 的审计公钥：请口头核对指纹并用 --fingerprint 给出"
            )),
            _ => Err(refuse!(
                &refusal::FINGERPRINT,
                "the audit key of {tier} is another one",
                "{tier} 的审计公钥不符"
            )),
        }
    }

    /// What this service saw last of another, to be compared with that other's store.
    ///
    /// # Errors
    /// Nothing was seen.
    pub async fn witnessed(&self, tier: &str) -> Result<Reply> {
        let mut conn = self.store.pool().acquire().await?;
        let seen = kept::witnessed(&mut conn, tier).await?.ok_or_else(|| {
            refuse!(
                &refusal::UNKNOWN,
                "no checkpoint of {tier} was seen here",
                "本处未见过 {tier} 的检查点"
            )
        })?;
        Ok(Reply {
            key: self.audit_key(&mut conn).await?,
            seen,
        })
    }

    /// Keeps what a witness said of our newest checkpoint. In a new epoch this is what makes quotas possible again.
    ///
    /// # Errors
    /// It is not of our record, or not by that witness. The refusal is recorded.
    pub async fn keep_countersignature(&self, reply: &Reply, told: &Told<'_>) -> Result<Seen> {
        match self.try_keep(reply, told).await {
            Ok(seen) => Ok(seen),
            Err(refusal) => Err(self
                .refused(told.by, "audit.countersigned", "", refusal)
                .await),
        }
    }

    async fn try_keep(&self, reply: &Reply, told: &Told<'_>) -> Result<Seen> {
        let seen: Seen = serde_json::from_str(&reply.seen.text)?;
        let mut tx = self.begin().await?;
        self.pinned(&mut tx, &seen.witness, &reply.key, told)
            .await?;
        let by = reply
            .seen
            .is_by(&reply.key, COUNTERSIGNATURE, self.profile.crypto.signature);
        let ours = seen.tier == self.tier.to_string() && self.holds(&mut tx, &seen).await?;
        if !by || !ours {
            return Err(broken("the countersignature", "副署"));
        }
        let object = format!("{} {}", seen.witness, seen.number);
        let detail = serde_json::json!({ "row": seen.row, "epoch": seen.epoch, "lost": seen.lost });
        let begun = self
            .before(&mut tx, told.by, "audit.countersigned", &object, &detail)
            .await?;
        kept::add_seen(&mut tx, &seen, &reply.seen).await?;
        if seen.epoch == epoch(&mut tx).await? {
            settings::put(&mut tx, "epoch-countersigned", &seen.epoch).await?;
        }
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await?;
        Ok(seen)
    }

    /// Whether the checkpoint that was seen is one of ours.
    pub(super) async fn holds(&self, conn: &mut Conn, seen: &Seen) -> Result<bool> {
        let all = kept::all(conn).await?;
        let index = usize::try_from(seen.number - 1).unwrap_or(usize::MAX);
        Ok(all
            .get(index)
            .is_some_and(|own: &Signed| digest(own.text.as_bytes()) == seen.checkpoint))
    }

    /// A store that was put back gives no quota before a witness has seen its new epoch.
    ///
    /// # Errors
    /// It was not seen yet.
    pub async fn epoch_is_seen(&self, conn: &mut Conn) -> Result<()> {
        let now = epoch(conn).await?;
        let seen: Option<i64> = settings::find(conn, "epoch-countersigned").await?;
        if now == 1 || seen == Some(now) {
            return Ok(());
        }
        Err(refuse!(
            &refusal::EPOCH,
            "epoch {now} of this store was not countersigned",
            "本库第 {now} 期尚未副署"
        ))
    }
}

/// Whether a line goes on from what was seen. A restored one may leave it, in a later epoch: then the rows between are lost.
fn continues(
    last: &Seen,
    line: &[Checkpoint],
    bundle: &Bundle,
    restored: bool,
) -> Result<Option<Lost>> {
    let index = usize::try_from(last.number - 1).unwrap_or(usize::MAX);
    let same = bundle.checkpoints.get(index);
    if same.is_some_and(|same| digest(same.text.as_bytes()) == last.checkpoint) {
        return Ok(None);
    }
    let newest = line
        .last()
        .ok_or_else(|| broken("no checkpoint", "无检查点"))?;
    // The last row that came over from before the restore.
    let kept = line.iter().rev().find(|one| one.epoch <= last.epoch);
    let lost = Lost {
        after_row: kept.map_or(0, |one| one.row),
        up_to_row: last.row,
    };
    if restored && newest.epoch > last.epoch {
        return Ok(Some(lost));
    }
    Err(refuse!(
        &refusal::ROLLED_BACK,
        "of {}: row {} was seen in epoch {}, and this record has not got it",
        "{}：已见过第 {} 条（第 {} 期），而本记录中没有",
        last.tier,
        last.row,
        last.epoch
    ))
}

fn broken(en: &str, zh: &str) -> crate::refusal::Refusal {
    crate::refusal::Refusal::both(
        &refusal::BAD_SIGNATURE,
        format!("{en}: signature, order or content is not right"),
        format!("{zh}：签名、顺序或内容不符"),
    )
}
