//! What the outcomes of a round change in the store, in the transaction that records its end.

use kms_core::handdown::{GrantState, Payload, file_fingerprint};
use kms_core::lifecycle;
use kms_core::port::{HeldKey, Outcome};
use kms_core::ticket::TicketState;
use kms_platform::store::Conn;

use super::{Act, Next, Product, Round};
use crate::records::{accounts, hand_downs, keys, peers, people, settings, tickets};
use crate::refusal::{self, Result};
use crate::refuse;
use crate::service::Service;

impl Service {
    pub(super) async fn apply(
        &self,
        conn: &mut Conn,
        act: &Act,
        round: &Round,
        outcomes: Vec<Outcome>,
        approvers: &str,
    ) -> Result<Next> {
        match act {
            Act::SetUp { .. }
            | Act::AuditKeys
            | Act::TestTransport { .. }
            | Act::RawTransport { .. }
            | Act::MakerPackage { .. } => {
                self.sync_keys(conn, self.hsm.keys()?).await?;
            }
            Act::AddOfficer { officer, role, .. } => {
                people::add(conn, officer, *role, &self.now()).await?;
            }
            Act::RemoveOfficer { name, .. } => people::remove(conn, name).await?,
            Act::UnlockOfficer { name, .. } => people::clear(conn, name).await?,
            Act::SetTerms { .. } => {}
            Act::ReturnOrder { id, .. } => {
                let ticket = tickets::get(conn, id).await?;
                let back = ticket.quantity.saturating_sub(self.hsm.ticket_used(id)?);
                accounts::give_back(conn, id, back, approvers, &self.now()).await?;
            }
            Act::ConfirmPeer { name } => peers::confirm(conn, name).await?,
            Act::Ceremony(ordered) => {
                self.keep_step(conn, ordered, outcomes, approvers).await?;
            }
            Act::ApproveTicket { id } => {
                let mut ticket = tickets::get(conn, id).await?;
                ticket.state = TicketState::Approved {
                    approvers: approvers.to_owned(),
                };
                tickets::put(conn, &ticket, &self.now()).await?;
            }
            Act::Grant { id } => return self.apply_grant(conn, id, outcomes, approvers).await,
            Act::Import { .. } => {
                let receipt = self.apply_import(conn, outcomes).await?;
                return Ok(Next::Done(Product {
                    receipt,
                    ..Product::default()
                }));
            }
            Act::KeyState {
                ids, to, reason, ..
            } => {
                self.apply_state(conn, ids, *to, (approvers, reason))
                    .await?;
            }
            Act::OpenRotation { id } => self.apply_opening(conn, id, approvers).await?,
            Act::RetireRotation { id, .. } => self.apply_retirement(conn, id, approvers).await?,
        }
        tracing::info!(
            act = act.name(),
            operations = round.operations.len(),
            approvers,
            "carried out"
        );
        Ok(Next::Done(Product::default()))
    }

    /// The result of an act that has nothing left to do: what an earlier run did in the HSM and could not note is noted
    /// now, and a grant's package can be fetched again.
    pub(super) async fn finished(&self, act: &Act) -> Result<Product> {
        let mut tx = self.begin().await?;
        let begun = self
            .before(
                &mut tx,
                "officers",
                "act.noted",
                act.name(),
                &serde_json::json!({}),
            )
            .await?;
        let mut product = Product::default();
        match act {
            Act::SetUp { .. } | Act::AuditKeys => self.sync_keys(&mut tx, self.hsm.keys()?).await?,
            Act::Grant { id } => {
                let grant = hand_downs::get(&mut tx, id).await?;
                let package = self.made_package(&mut tx, &grant).await?;
                hand_downs::set_package(&mut tx, id, (&package_hash(&package), &package)).await?;
                product.package = Some(package);
                if !matches!(grant.state, GrantState::Granted { .. }) {
                    let approvers = "as the HSM recorded".to_owned();
                    hand_downs::set_state(&mut tx, id, &GrantState::Granted { approvers }).await?;
                }
            }
            Act::KeyState {
                ids, to, reason, ..
            } => {
                // Nothing is left for the HSM: the keys stand there already, or it holds them no more.
                let said = ("as the HSM recorded", reason.as_str());
                self.apply_state(&mut tx, ids, *to, said).await?;
            }
            _ => {}
        }
        self.after(&mut tx, begun, &kms_platform::audit::Outcome::Done)
            .await?;
        self.commit(tx).await?;
        Ok(product)
    }

    pub(crate) async fn sync_keys(&self, conn: &mut Conn, held: Vec<HeldKey>) -> Result<()> {
        for key in held {
            let spec = &key.spec;
            let state = lifecycle::at_birth(self.profile, &spec.name, spec.version, self.mark);
            keys::add(conn, &key, state, &self.now()).await?;
        }
        Ok(())
    }

    async fn apply_grant(
        &self,
        conn: &mut Conn,
        id: &str,
        outcomes: Vec<Outcome>,
        approvers: &str,
    ) -> Result<Next> {
        match outcomes.into_iter().next() {
            Some(Outcome::Signature(signature)) => {
                let grant = hand_downs::get(conn, id).await?;
                let position = hand_downs::position(conn, id).await?;
                let issuer_certificate = self
                    .issuer_certificate(&grant, position)?
                    .with_signature(&signature)
                    .to_vec();
                hand_downs::set_state(conn, id, &GrantState::Certified { issuer_certificate })
                    .await?;
                Ok(Next::Again)
            }
            Some(Outcome::Package(package)) => {
                hand_downs::set_state(
                    conn,
                    id,
                    &GrantState::Granted {
                        approvers: approvers.to_owned(),
                    },
                )
                .await?;
                hand_downs::set_package(conn, id, (&package_hash(&package), &package)).await?;
                Ok(Next::Done(Product {
                    package: Some(package),
                    receipt: None,
                }))
            }
            _ => Err(refuse!(
                &refusal::HSM_REFUSED,
                "the HSM answered something else than was ordered",
                "密码机的应答与指令不符"
            )),
        }
    }

    /// The HSM has verified the sender's signature; certificates and keys become this store's.
    /// What the receiver's HSM says of the package is for the sender.
    async fn apply_import(
        &self,
        conn: &mut Conn,
        outcomes: Vec<Outcome>,
    ) -> Result<Option<String>> {
        let Some(Outcome::Imported {
            keys: held,
            payload,
            receipt,
            ..
        }) = outcomes.into_iter().next()
        else {
            return Err(refuse!(
                &refusal::HSM_REFUSED,
                "the HSM answered something else than was ordered",
                "密码机的应答与指令不符"
            ));
        };
        let (payload, own) = self.answered(conn, &payload).await?;
        if own.receipt.is_some() {
            // Noted before, and nothing changes: the same receipt again.
            return Ok(own.receipt);
        }
        let request = payload.request;
        self.keep_import(conn, held, payload).await?;
        if let Some(receipt) = &receipt {
            hand_downs::keep_receipt(conn, request, receipt).await?;
        }
        Ok(receipt)
    }

    async fn keep_import(
        &self,
        conn: &mut Conn,
        held: Vec<HeldKey>,
        payload: Payload,
    ) -> Result<()> {
        self.check_issuer_certificate(&payload)?;
        self.sync_keys(conn, held).await?;
        // Versions that the upper tier keeps back are out of use here too.
        for kept in kms_core::catalogue::hand_down(self.profile, &payload.from, &self.tier) {
            if let Some((name, version)) = crate::life::steps::split(&kept.id) {
                keys::add_absent(conn, (&kept.id, name, version), &self.now()).await?;
            }
        }
        settings::put(
            conn,
            "issuer-certificate",
            &hex::encode_upper(&payload.issuer_certificate),
        )
        .await?;
        settings::put(conn, "root-key", &hex::encode_upper(&payload.root_key)).await?;
        hand_downs::answered(conn, payload.request).await?;
        crate::authority::complete(&self.dir, payload.ca_chain, payload.anchors)
    }
}

/// SM3 of a package's signed text, as receipts name it; nothing of a text that is no package.
fn package_hash(package: &str) -> String {
    let file: Option<serde_json::Value> = serde_json::from_str(package).ok();
    let body = file.as_ref().and_then(|file| file.get("body")?.as_str());
    body.map_or_else(String::new, |body| {
        hex::encode_upper(file_fingerprint(body.as_bytes()))
    })
}
