//! What two officers do: an [`Act`] becomes orders for the HSM, the orders are signed, checked, recorded, executed and
//! their outcomes kept.
//!
//! An act may need several rounds (a grant first has an issuer certificate signed, then exports). Every round can be
//! done at once with both officers' key files, or travel as an [`OrderFile`] from one officer to the next.

mod apply;
mod hand_down;
mod order_file;
pub(crate) mod prepare;
pub mod setup;

use kms_core::approval::{self, Approved, Officer, OfficerSignature};
use kms_core::port::{HsmError, Operation, Outcome};
use kms_hsm::officer::OfficerFile;
use kms_platform::audit::{AuditId, Outcome as Ending};
use serde::{Deserialize, Serialize};

use crate::records::people;
use crate::refusal::{self, Refusal, Result};
use crate::service::Service;

pub use order_file::OrderFile;

/// A signed text that is not used within this time is void.
const ORDER_LIFE_SECONDS: u64 = 7 * 24 * 3600;
/// Refusals that say the deed was done before: the answer was lost, not the work.
const DONE_BEFORE: [&str; 4] = ["KeyExists", "TicketExists", "OfficerExists", "PeerExists"];

/// Something that needs two officers.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "act", deny_unknown_fields)]
pub enum Act {
    /// Policy and roots of a new service; with the public test keys, or random ones.
    SetUp {
        /// D31–D36 in place of random keys.
        test_keys: bool,
    },
    /// A further officer.
    AddOfficer {
        /// Name and public key.
        officer: Officer,
        /// Who asks.
        requester: String,
    },
    /// A peer's fingerprint is right.
    ConfirmPeer {
        /// Its name.
        name: String,
    },
    /// The public test transport master (D34, D41).
    TestTransport {
        /// Vendor code.
        vendor: String,
    },
    /// A maker's transport master in the clear; TEST only, never in an order file.
    #[serde(skip)]
    RawTransport {
        /// Vendor code.
        vendor: String,
        /// 32 hexadecimal digits.
        key: zeroize::Zeroizing<String>,
    },
    /// A maker's package with transport masters (D27).
    MakerPackage {
        /// Its text.
        package: String,
    },
    /// A ticket.
    ApproveTicket {
        /// Its id.
        id: String,
    },
    /// Keys for a lower tier.
    Grant {
        /// Id of the grant.
        id: String,
    },
    /// Keys from the upper tier.
    Import {
        /// The package's text.
        package: String,
    },
}

/// A round of an act: operations in order, and who must not approve them.
pub(crate) struct Round {
    operations: Vec<Operation>,
    requesters: Vec<String>,
}

/// What a finished act leaves for the caller.
#[derive(Debug, Default)]
pub struct Product {
    /// Text of the package, after a grant.
    pub package: Option<String>,
}

/// What a round leads to.
pub(crate) enum Next {
    Again,
    Done(Product),
}

impl Act {
    /// Name in the audit.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SetUp { .. } => "service.set-up",
            Self::AddOfficer { .. } => "officer.add",
            Self::ConfirmPeer { .. } => "hsm.confirm",
            Self::TestTransport { .. } | Self::RawTransport { .. } | Self::MakerPackage { .. } => {
                "transport.import"
            }
            Self::ApproveTicket { .. } => "ticket.approve",
            Self::Grant { .. } => "grant.approve",
            Self::Import { .. } => "import",
        }
    }
}

impl Service {
    /// Carries an act through with the officers present.
    ///
    /// # Errors
    /// Too few or wrong officers, or the HSM or a rule refuses; what was refused is in the audit.
    pub async fn carry_out(&self, act: &Act, officers: &[OfficerFile]) -> Result<Product> {
        loop {
            let Some(draft) = self.draft(act).await? else {
                return self.finished(act, officers).await;
            };
            let mut order = draft;
            for officer in officers {
                order.sign(officer)?;
            }
            if let Next::Done(result) = self.run(act, &order).await? {
                return Ok(result);
            }
        }
    }

    /// The texts of the act's next round, unsigned; `None` when nothing is left to do.
    ///
    /// # Errors
    /// The act does not fit the store, or the HSM does not answer.
    pub async fn draft(&self, act: &Act) -> Result<Option<OrderFile>> {
        let round = match self.prepare(act).await {
            Ok(round) => round,
            Err(refusal) => return Err(self.refused("officers", act.name(), "", refusal).await),
        };
        if round.operations.is_empty() {
            return Ok(None);
        }
        let now = u64::try_from(self.store.clock().now().as_second()).unwrap_or(0);
        let expires = now + ORDER_LIFE_SECONDS;
        let texts = self.desk.draft(&round.operations, expires)?;
        Ok(Some(OrderFile::new(act.clone(), expires, texts)))
    }

    /// Executes a signed order file: its texts must be exactly what the act would ask for now.
    ///
    /// # Errors
    /// As [`Service::carry_out`]; also when the order is stale.
    pub async fn submit(&self, order: &OrderFile) -> Result<Option<Product>> {
        match self.run(order.act(), order).await? {
            Next::Again => Ok(None),
            Next::Done(result) => Ok(Some(result)),
        }
    }

    async fn run(&self, act: &Act, order: &OrderFile) -> Result<Next> {
        let round = self.prepare(act).await?;
        let approved = match self.check(&round, order).await {
            Ok(approved) => approved,
            Err(refusal) => {
                return Err(self
                    .refused(&order.signers(), act.name(), &subject(&round), refusal)
                    .await);
            }
        };
        let actor = approved.first().map_or_else(String::new, Approved::names);
        let begun = self.record(act, &actor, &round).await?;
        let (outcomes, failed) = self.execute(order);
        self.settle(act, &round, begun, outcomes, failed, &actor)
            .await
    }

    /// The texts are those of this act now, and each is signed by two officers who may.
    async fn check(&self, round: &Round, order: &OrderFile) -> Result<Vec<Approved>> {
        let texts = self.desk.draft(&round.operations, order.expires())?;
        if texts != order.texts() {
            return Err(Refusal::new(&refusal::STALE));
        }
        let mut conn = self.store.pool().acquire().await?;
        let officers = people::officers(&mut conn).await?;
        let requesters: Vec<&str> = round.requesters.iter().map(String::as_str).collect();
        let checked = order.signed().map(|(text, signatures)| {
            approval::approve(text.as_bytes(), &requesters, signatures, &officers)
                .map_err(Refusal::from)
        });
        checked.collect()
    }

    /// Intents of all operations, durable before the first is executed.
    async fn record(&self, act: &Act, actor: &str, round: &Round) -> Result<Vec<AuditId>> {
        let mut tx = self.begin().await?;
        let mut begun = Vec::with_capacity(round.operations.len());
        for operation in &round.operations {
            let detail = serde_json::json!({ "act": act.name(), "requesters": round.requesters });
            begun.push(
                self.before(
                    &mut tx,
                    actor,
                    operation.name(),
                    &operation.object(),
                    &detail,
                )
                .await?,
            );
        }
        self.commit(tx).await?;
        Ok(begun)
    }

    /// Executes until the first refusal.
    fn execute(&self, order: &OrderFile) -> (Vec<Outcome>, Option<HsmError>) {
        let mut outcomes = Vec::new();
        for (text, signatures) in order.signed() {
            match self.desk.execute(text, signatures) {
                Ok(outcome) => outcomes.push(outcome),
                Err(HsmError::Refused { rule, .. }) if DONE_BEFORE.contains(&rule.as_str()) => {
                    outcomes.push(Outcome::Done)
                }
                Err(error) => return (outcomes, Some(error)),
            }
        }
        (outcomes, None)
    }

    /// Keeps outcomes and ends in one transaction.
    async fn settle(
        &self,
        act: &Act,
        round: &Round,
        begun: Vec<AuditId>,
        outcomes: Vec<Outcome>,
        failed: Option<HsmError>,
        actor: &str,
    ) -> Result<Next> {
        let done = outcomes.len();
        let mut tx = self.begin().await?;
        let refusal = failed.map(Refusal::from);
        for (index, id) in begun.into_iter().enumerate() {
            let slug = refusal.as_ref().map_or("not-run", Refusal::slug);
            let ending = if index < done {
                Ending::Done
            } else {
                Ending::Refused(if index == done { slug } else { "not-run" })
            };
            self.after(&mut tx, id, &ending).await?;
        }
        let next = match refusal {
            None => self.apply(&mut tx, act, round, outcomes, actor).await,
            Some(refusal) => Err(refusal),
        };
        self.commit(tx).await?;
        next
    }
}

fn subject(round: &Round) -> String {
    match round.operations.as_slice() {
        [only] => only.object(),
        many => format!("{} operations", many.len()),
    }
}

/// Signatures of one text.
pub type Signatures = Vec<OfficerSignature>;
