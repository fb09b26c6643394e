//! What two officers do: an [`Act`] becomes a request with orders for the HSM; it is signed, passes the door, is recorded,
//! executed, and its outcomes are kept.
//!
//! An act may need several rounds (a grant first has an issuer certificate signed, then exports). Every round can be
//! done at once with both officers' key files, or travel as an [`OrderFile`] from one officer to the next.

mod apply;
mod hand_down;
mod order_file;
pub(crate) mod prepare;
pub mod setup;

use kms_core::approval::Officer;
use kms_core::policy::{Permit, Request, Role, Signer};
use kms_core::port::{HsmError, Operation, Outcome, Terms};
use kms_platform::audit::{AuditId, Outcome as Ending};
use serde::{Deserialize, Serialize};

use crate::door;
use crate::records::approvals;
use crate::refusal::{self, Refusal, Result};
use crate::service::Service;

pub use order_file::OrderFile;

/// Refusals that say the deed was done before: the answer was lost, not the work.
const DONE_BEFORE: [&str; 4] = ["KeyExists", "TicketExists", "OfficerExists", "PeerExists"];
/// An act longer than this is shown by its name and the orders.
const LONGEST_ACT: usize = 2048;

/// Something that needs two officers.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "act", deny_unknown_fields)]
pub enum Act {
    /// Policy and roots of a new service; with the public test keys, or random ones.
    SetUp {
        /// D31–D36 in place of random keys.
        test_keys: bool,
    },
    /// The keys of this service's own record.
    AuditKeys,
    /// A further officer.
    AddOfficer {
        /// Name and public key.
        officer: Officer,
        /// Who asks.
        requester: String,
        /// What they are to be.
        #[serde(default = "key_officer")]
        role: Role,
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
    /// A step of a ceremony, or its seal; never in an order file: everybody is in one room.
    #[serde(skip)]
    Ceremony(Box<crate::ceremony::Ordered>),
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
    /// An officer goes.
    RemoveOfficer {
        /// Their name.
        name: String,
        /// Who asks.
        requester: String,
    },
    /// What a lower tier may do, and for how long at a time.
    SetTerms {
        /// Its HSM's name here.
        peer: String,
        /// What.
        terms: Terms,
        /// Who asks.
        requester: String,
    },
    /// A ticket is closed; what it has left goes back.
    ReturnOrder {
        /// The ticket.
        id: String,
        /// Who asks.
        requester: String,
    },
    /// A lock-out is lifted.
    UnlockOfficer {
        /// Whose.
        name: String,
        /// Who asks.
        requester: String,
    },
    /// Keys go from one state of their life to another.
    KeyState {
        /// Which.
        ids: Vec<String>,
        /// To what.
        to: kms_core::lifecycle::KeyState,
        /// Why.
        reason: String,
        /// Who asks.
        requester: String,
    },
    /// A rotation begins.
    OpenRotation {
        /// Its id.
        id: String,
    },
    /// A rotation's old version is retired.
    RetireRotation {
        /// Its id.
        id: String,
        /// Although some SAMs still hold it.
        leave_stragglers: bool,
    },
}

fn key_officer() -> Role {
    Role::KeyOfficer
}

/// A round of an act: operations in order, and who must not approve them.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) operations: Vec<Operation>,
    pub(crate) requesters: Vec<String>,
    /// Wants its signatures though the HSM has nothing to do.
    pub(crate) paper: bool,
}

impl Round {
    fn has_nothing_to_do(&self) -> bool {
        self.operations.is_empty() && !self.paper
    }
}

/// What a finished act leaves for the caller.
#[derive(Debug, Default)]
pub struct Product {
    /// Text of the package, after a grant.
    pub package: Option<String>,
    /// Receipt for the sender, after an import.
    pub receipt: Option<String>,
}

/// What a round leads to.
pub(crate) enum Next {
    Again,
    Done(Product),
}

impl Act {
    /// Whom an act without orders is about, for the audit.
    fn object(&self) -> String {
        match self {
            Self::AddOfficer { officer, role, .. } => format!("{} {role}", officer.name),
            Self::RemoveOfficer { name, .. } | Self::UnlockOfficer { name, .. } => name.clone(),
            Self::Ceremony(ordered) => ordered.subject(),
            _ => String::new(),
        }
    }

    /// Name in the audit, and its row in the policy table.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SetUp { .. } => "service.set-up",
            Self::AuditKeys => "audit.keys",
            Self::AddOfficer { .. } => "officer.add",
            Self::ConfirmPeer { .. } => "hsm.confirm",
            Self::TestTransport { .. } | Self::RawTransport { .. } | Self::MakerPackage { .. } => {
                "transport.import"
            }
            Self::Ceremony(_) => crate::ceremony::NAME,
            Self::ApproveTicket { .. } => "ticket.approve",
            Self::Grant { .. } => "grant.approve",
            Self::Import { .. } => "import",
            Self::RemoveOfficer { .. } => "officer.remove",
            Self::UnlockOfficer { .. } => "officer.unlock",
            Self::SetTerms { .. } => "terms.set",
            Self::ReturnOrder { .. } => "order.return",
            Self::KeyState { .. } => "key.state",
            Self::OpenRotation { .. } => "rotation.open",
            Self::RetireRotation { .. } => "rotation.retire",
        }
    }

    /// What an approver reads of it besides the orders.
    fn subject(&self, round: &Round) -> String {
        let objects: Vec<String> = round
            .operations
            .iter()
            .map(|operation| format!("{} {}", operation.name(), operation.object()))
            .collect();
        let json = match self {
            // A key in the clear is in the order alone.
            Self::RawTransport { vendor, .. } => format!("transport key of {vendor} in the clear"),
            Self::Ceremony(ordered) => ordered.subject(),
            _ => serde_json::to_string(self).unwrap_or_default(),
        };
        let act = if json.len() > LONGEST_ACT {
            self.name().to_owned()
        } else {
            json
        };
        format!("{} · {act}", objects.join("; "))
    }
}

impl Service {
    /// Carries an act through with the officers present.
    ///
    /// # Errors
    /// Too few or wrong officers, or the HSM or a rule refuses; what was refused is in the audit.
    pub async fn carry_out(&self, act: &Act, officers: &[&dyn Signer]) -> Result<Product> {
        loop {
            let Some(draft) = self.draft(act).await? else {
                return self.finished(act).await;
            };
            let mut order = draft;
            for officer in officers {
                order.sign(door::rule(act.name())?, *officer)?;
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
        if round.has_nothing_to_do() {
            return Ok(None);
        }
        let frame = self.frame(act.name(), act.subject(&round), Vec::new())?;
        let request = Request {
            orders: self.desk.draft(&round.operations, frame.expires)?,
            requesters: door::or_operator(round.requesters),
            ..frame
        };
        Ok(Some(OrderFile::new(act.clone(), request)))
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
        let permit = match self.check(act, &round, order).await {
            Ok(permit) => permit,
            Err(refusal) => {
                return Err(self
                    .refused(&order.signers(), act.name(), &subject(&round), refusal)
                    .await);
            }
        };
        let begun = self.record(act, &permit.names(), &round, order).await?;
        let (outcomes, failed) = self.execute(act, order, &permit);
        self.settle(
            act,
            &round,
            begun,
            (outcomes, failed),
            order,
            &permit.names(),
        )
        .await
    }

    /// The request is what this act would ask for now, and the door lets it pass.
    async fn check(&self, act: &Act, round: &Round, order: &OrderFile) -> Result<Permit> {
        let given = order.request();
        let now = Request {
            id: given.id.clone(),
            created: given.created,
            expires: given.expires,
            requesters: door::or_operator(round.requesters.clone()),
            orders: self.desk.draft(&round.operations, given.expires)?,
            ..self.frame(act.name(), act.subject(round), Vec::new())?
        };
        if now != *given {
            return Err(Refusal::new(&refusal::STALE));
        }
        self.admit_order(order).await
    }

    /// Intents of all operations, durable before the first is executed.
    async fn record(
        &self,
        act: &Act,
        actor: &str,
        round: &Round,
        order: &OrderFile,
    ) -> Result<Vec<AuditId>> {
        let mut tx = self.begin().await?;
        let mut begun = Vec::with_capacity(round.operations.len());
        if round.operations.is_empty() {
            let detail = serde_json::json!({ "request": order.request().id, "requesters": round.requesters });
            let object = act.object();
            begun.push(
                self.before(&mut tx, actor, act.name(), &object, &detail)
                    .await?,
            );
        }
        for operation in &round.operations {
            let detail = serde_json::json!({
                "act": act.name(), "request": order.request().id, "requesters": round.requesters,
            });
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
    fn execute(
        &self,
        act: &Act,
        order: &OrderFile,
        permit: &Permit,
    ) -> (Vec<Outcome>, Option<HsmError>) {
        // A package that is refused because of its keys was not taken before: the HSM answers that one again.
        let repeats = !matches!(act, Act::Import { .. });
        let mut outcomes = Vec::new();
        for (text, signatures) in order.request().orders.iter().zip(permit.signatures()) {
            match self.desk.execute(text, &signatures) {
                Ok(outcome) => outcomes.push(outcome),
                Err(HsmError::Refused { rule, .. })
                    if repeats && DONE_BEFORE.contains(&rule.as_str()) =>
                {
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
        (outcomes, failed): (Vec<Outcome>, Option<HsmError>),
        order: &OrderFile,
        actor: &str,
    ) -> Result<Next> {
        let done = outcomes.len();
        let mut tx = self.begin().await?;
        let refusal = failed.map(Refusal::from);
        for (index, id) in begun.into_iter().enumerate() {
            let slug = refusal.as_ref().map_or("not-run", Refusal::slug);
            let ending = if index < done || round.operations.is_empty() {
                Ending::Done
            } else {
                Ending::Refused(if index == done { slug } else { "not-run" })
            };
            self.after(&mut tx, id, &ending).await?;
        }
        approvals::spend(&mut tx, order, &self.now()).await?;
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
