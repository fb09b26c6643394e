//! Scripts for cards and SAMs: checks, binding, one HSM call, the answer. Each in one round trip.
//!
//! Order: who asks and where · the content against the profile · ticket, delivery list and binding, the intent recorded ·
//! the HSM · binding and end recorded in one transaction · the answer. Personal data lives in the request's memory only.

mod card;
mod delivery;
pub(crate) mod group;
mod sam;
mod sam_certificate;
mod sam_stage;

use crate::records::{chips, tickets};
use crate::refusal::{self, Result};
use crate::service::Service;
use cardlib_card::dialect::{AnswerKind, Plan};
use data_encoding::HEXUPPER;
use kms_api::{CheckValue, Phase, Script, Step};
use kms_core::binding::{self, Binding, ChipClaim, Standing};
use kms_core::fill::{self, FilledPhase, Job};
use kms_core::port::Filled;
use kms_core::ticket::{Ticket, TicketKind};
use kms_core::tier::Factor;
use kms_platform::audit::{AuditId, Outcome};
use kms_platform::name::Peer;
use kms_platform::store::Tx;

/// One request as audit, ticket and binding see it.
pub(crate) struct Intent<'a> {
    /// Act in the audit.
    act: &'static str,
    ticket: &'a str,
    kind: TicketKind,
    cos_version: u8,
    claim: ChipClaim<'a>,
    binding: Binding,
}

impl Service {
    /// Ticket, list and binding agree; the intent is durable afterwards. Refusals are recorded too.
    pub(crate) async fn intend(
        &self,
        peer: &Peer,
        request_id: uuid::Uuid,
        intent: &Intent<'_>,
    ) -> Result<AuditId> {
        let mut tx = self.begin().await?;
        match self.admit(&mut tx, intent).await {
            Ok(standing) => {
                let factor = hex::encode_upper(intent.claim.factor);
                let detail = serde_json::json!({
                    "request": request_id, "ticket": intent.ticket, "repeat": standing == Standing::Continued,
                });
                let begun = self
                    .before(&mut tx, &peer.to_string(), intent.act, &factor, &detail)
                    .await?;
                self.commit(tx).await?;
                Ok(begun)
            }
            Err(refusal) => {
                drop(tx);
                let factor = hex::encode_upper(intent.claim.factor);
                Err(self
                    .refused(&peer.to_string(), intent.act, &factor, refusal)
                    .await)
            }
        }
    }

    async fn admit(&self, tx: &mut Tx, intent: &Intent<'_>) -> Result<Standing> {
        let ticket = tickets::get(tx, intent.ticket).await?;
        ticket.admits(intent.kind, self.store.clock().now())?;
        let chip = chips::find(tx, intent.claim.factor).await?;
        let standing = binding::check(&intent.claim, chip.as_ref(), &intent.binding)?;
        let list = chips::list_of(tx, intent.claim.factor).await?;
        ticket.admits_chip(*intent.claim.vendor, intent.cos_version, list)?;
        Ok(standing)
    }

    /// The ticket to be spent: the one named; with no name the one that this chip was begun with, whose count it has spent
    /// already, or else the latest good one of the kind that has something left.
    pub(crate) async fn ticket_for(
        &self,
        named: &str,
        kind: TicketKind,
        (chip, vendor, cos_version): (&Factor, [u8; 2], u8),
    ) -> Result<String> {
        if !named.is_empty() {
            return Ok(named.to_owned());
        }
        let mut conn = self.store.pool().acquire().await?;
        let begun_with = chips::ticket(&mut conn, chip).await?;
        let list = chips::list_of(&mut conn, chip).await?;
        // What no list names is refused as that, later.
        let fits = |ticket: &Ticket| {
            list.is_none() || ticket.admits_chip(vendor, cos_version, list).is_ok()
        };
        let now = self.store.clock().now();
        tickets::spendable(&mut conn, kind, begun_with, now, fits).await
    }

    /// Ends a request: the chip is bound in the transaction that records the end, before any output. A request that the
    /// HSM refused binds nothing; of two requests for one chip the second is refused here, and its script is dropped.
    pub(crate) async fn deliver(
        &self,
        begun: AuditId,
        intent: &Intent<'_>,
        made: Result<Script>,
    ) -> Result<Script> {
        let mut tx = self.begin().await?;
        let result = match made {
            Ok(script) => {
                tickets::set_left(&mut tx, intent.ticket, script.quota_left).await?;
                self.bind(&mut tx, intent).await.map(|()| script)
            }
            Err(refusal) => {
                if refusal.slug() == refusal::TICKET_EMPTY.slug {
                    tickets::set_left(&mut tx, intent.ticket, 0).await?;
                }
                Err(refusal)
            }
        };
        let outcome = match &result {
            Ok(_) => Outcome::Done,
            Err(refusal) => Outcome::Refused(refusal.slug()),
        };
        self.after(&mut tx, begun, &outcome).await?;
        if let Err(refusal) = &result {
            let (object, now) = (hex::encode_upper(intent.claim.factor), self.now());
            crate::life::alarms::look(
                &mut tx,
                "station",
                intent.act,
                &object,
                refusal.slug(),
                &now,
            )
            .await?;
        }
        self.commit(tx).await?;
        if result.is_ok() {
            self.counts.scripts.inc();
        }
        result
    }

    async fn bind(&self, tx: &mut Tx, intent: &Intent<'_>) -> Result<()> {
        chips::set_ticket(tx, intent.claim.factor, intent.ticket).await?;
        let chip = chips::find(tx, intent.claim.factor).await?;
        match binding::check(&intent.claim, chip.as_ref(), &intent.binding)? {
            Standing::First => {
                chips::bind(tx, intent.claim.factor, &intent.binding, &self.now()).await
            }
            Standing::Continued => Ok(()),
        }
    }

    /// Fills a plan in the HSM, off the async threads.
    pub(crate) async fn fill(&self, mut plan: Plan, job: &Job<'_>) -> Result<Script> {
        self.live_keys(&mut plan, job.target, job.vendor).await?;
        let (request, outline) = fill::request(self.profile, plan, job)?;
        let filled = self.in_hsm(move |hsm| hsm.fill(&request)).await?;
        script(job.request_id, &outline, filled)
    }
}

fn script(request_id: uuid::Uuid, outline: &fill::Outline, filled: Filled) -> Result<Script> {
    let check_values = outline
        .slots
        .iter()
        .zip(&filled.check_values)
        .map(|(slot, value)| CheckValue {
            key: slot.key.to_string(),
            version: slot.version,
            kcv: HEXUPPER.encode(value),
        });
    let check_values = check_values.collect();
    let security_code = filled.mac_texts.first().cloned();
    let (digest, quota_left) = (hex::encode_upper(filled.digest), filled.quota_left);
    let phases = outline.cut(filled)?.into_iter().map(phase).collect();
    Ok(Script {
        request_id,
        phases,
        check_values,
        security_code,
        receipt: None,
        digest,
        quota_left,
    })
}

fn phase(phase: FilledPhase) -> Phase {
    let steps = phase.steps.into_iter().map(|(step, answer)| Step {
        apdu: HEXUPPER.encode(&step.apdu),
        sw: HEXUPPER.encode(&step.sw.to_be_bytes()),
        expect_tail: step.expect_tail.map(|tail| HEXUPPER.encode(&tail)),
        answer: answer.map(|kind| match kind {
            AnswerKind::PublicKey => kms_api::AnswerKind::PublicKey,
            AnswerKind::KeyProof => kms_api::AnswerKind::KeyProof,
        }),
    });
    Phase {
        name: phase.name.to_owned(),
        steps: steps.collect(),
    }
}
