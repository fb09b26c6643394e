//! What goes between two tiers besides keys: leases, by which the upper one lets the lower one work, and receipts.

pub mod hand_down;
pub mod renew;
pub mod routes;
pub mod witness;

use kms_core::handdown::Holder;
use kms_platform::audit::{AuditId, Outcome};
use kms_platform::name::Peer;
use serde_json::json;

use crate::records::{hand_downs, peers};
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

impl Service {
    /// A lease for a lower tier's HSM, within the terms that two officers set.
    ///
    /// # Errors
    /// No such HSM, no terms, or the HSM refuses.
    pub async fn issue_lease(&self, actor: &str, peer: &str) -> Result<String> {
        let begun = self.begun(actor, "lease.issue", peer).await?;
        let name = peer.to_owned();
        let made = self.in_hsm(move |hsm| hsm.issue_lease(&name)).await;
        self.close(begun, made).await
    }

    /// Takes a lease of the upper tier's HSM.
    ///
    /// # Errors
    /// The HSM refuses it.
    pub async fn take_lease(&self, actor: &str, lease: &str) -> Result<()> {
        let begun = self.begun(actor, "lease.take", "").await?;
        let text = lease.to_owned();
        let taken = self.in_hsm(move |hsm| hsm.take_lease(&text)).await;
        self.close(begun, taken).await
    }

    pub(crate) async fn begun(&self, actor: &str, act: &str, object: &str) -> Result<AuditId> {
        let mut tx = self.begin().await?;
        let begun = self.before(&mut tx, actor, act, object, &json!({})).await?;
        self.commit(tx).await?;
        Ok(begun)
    }

    /// Takes the receipt that a lower tier's HSM signed; the id of the hand-down that it ends. `from` is the HSM of the service
    /// that speaks, where the receipt came on line: it acknowledges for itself only.
    ///
    /// # Errors
    /// No HSM that was confirmed here signed it, or it acknowledges nothing that was sent; recorded.
    pub async fn take_receipt(
        &self,
        actor: &str,
        text: &str,
        from: Option<&str>,
    ) -> Result<String> {
        match self.try_receipt(actor, text, from).await {
            Ok(id) => Ok(id),
            Err(refusal) => Err(self.refused(actor, "receipt.take", "", refusal).await),
        }
    }

    async fn try_receipt(&self, actor: &str, text: &str, from: Option<&str>) -> Result<String> {
        let own = self.hsm.identity()?.fingerprint;
        let mut tx = self.begin().await?;
        let known = peers::all(&mut tx).await?;
        let lower = known
            .iter()
            .filter(|peer| peer.confirmed && peer.kind == "lower");
        let found = lower
            .filter_map(|peer| Some((peer, self.desk.receipt(text, &peer.file.signing_key)?)))
            .find(|(peer, receipt)| receipt.sender == peer.file.fingerprint);
        let (peer, receipt) = found.ok_or_else(|| {
            refuse!(
                &refusal::PACKAGE,
                "the receipt was changed, or no lower HSM that two officers confirmed signed it",
                "该回执已被改动，或并非由经两名管理员确认的下级密码机签名"
            )
        })?;
        if receipt.receiver != own {
            return Err(refuse!(
                &refusal::RECEIVER,
                "the receipt is for another HSM",
                "该回执致另一台密码机"
            ));
        }
        if from.is_some_and(|from| from != peer.name) {
            return Err(refuse!(
                &refusal::AREA,
                "{} signed it, and another tier's service brings it",
                "该回执由 {} 签名，却由其他层级的服务送达",
                peer.name
            ));
        }
        let package = hex::encode_upper(receipt.package);
        let detail = json!({ "package": package, "sequence": receipt.sequence });
        let begun = self
            .before(&mut tx, actor, "receipt.take", &peer.name, &detail)
            .await?;
        let id = hand_downs::acknowledge(&mut tx, &peer.name, &package, text).await?;
        self.after(&mut tx, begun, &Outcome::Done).await?;
        self.commit(tx).await?;
        Ok(id)
    }

    /// The lower HSM, by the certificate of the service before it.
    pub(crate) async fn lower_of(&self, peer: &Peer) -> Result<peers::Peer> {
        let mut conn = self.store.pool().acquire().await?;
        let known = peers::all(&mut conn).await?;
        let found = known.into_iter().find(|one| {
            let area = match &one.file.holder {
                Holder::Tier(tier) => crate::authority::area(tier).ok(),
                Holder::Maker(_) => None,
            };
            one.confirmed && one.kind == "lower" && area.as_ref() == Some(&peer.area)
        });
        found.ok_or_else(|| {
            refuse!(
                &refusal::NOT_ENROLLED,
                "no HSM of area {} is confirmed here",
                "本处没有辖区 {} 的已确认密码机",
                peer.area
            )
        })
    }
}
