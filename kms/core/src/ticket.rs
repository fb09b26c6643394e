//! Tickets: a counted permission to make cards or SAM stages. Asked for by one, approved by two others; the HSM counts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tier::Tier;

/// What one count of a ticket makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketKind {
    /// One user card.
    Card,
    /// The national stage of one SAM (ministry).
    SamNational,
    /// The provincial stage of one SAM, both parts (province).
    SamProvincial,
}

/// A ticket as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Id, as requests name it and the HSM knows it.
    pub id: String,
    /// What it is good for.
    pub kind: TicketKind,
    /// How many.
    pub quantity: u64,
    /// Who asked.
    pub requester: String,
    /// What for, in the requester's words.
    pub purpose: String,
    /// End of validity.
    pub valid_until: Timestamp,
    /// Where it stands.
    pub state: TicketState,
}

/// Where a ticket stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum TicketState {
    /// Waits for two officers.
    Requested,
    /// The HSM counts it.
    Approved {
        /// The two officers.
        approvers: String,
    },
}

/// A refusal, by name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TicketError {
    /// Nothing to count.
    #[error("a ticket needs a quantity of at least 1")]
    Quantity,
    /// This tier makes no such thing.
    #[error("wrong-tier: a {tier} makes no {kind:?}; ask at the tier that holds the keys")]
    Tier {
        /// The tier.
        tier: &'static str,
        /// What was asked.
        kind: TicketKind,
    },
    /// Not approved yet.
    #[error(
        "ticket-unknown: ticket {0} waits for approval by two officers (`rhc-kms ticket approve`)"
    )]
    NotApproved(String),
    /// Approved already.
    #[error("ticket {0} is approved already; ask for a new one")]
    Approved(String),
    /// For something else.
    #[error("ticket-unknown: ticket {id} is for {is:?}, not for {wanted:?}")]
    Kind {
        /// The ticket.
        id: String,
        /// What it is for.
        is: TicketKind,
        /// What was wanted.
        wanted: TicketKind,
    },
    /// Too late.
    #[error("ticket-expired: ticket {0} was valid until {1}; ask for a new one")]
    Expired(String, Timestamp),
}

impl TicketKind {
    /// The word in files and command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::SamNational => "sam-national",
            Self::SamProvincial => "sam-provincial",
        }
    }

    /// From the word in files and command lines.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Card, Self::SamNational, Self::SamProvincial]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// Whether a tier holds the keys for it: national roots at the ministry, provincial roots at the province,
    /// card keys at both lower tiers.
    #[must_use]
    pub fn is_made_at(self, tier: &Tier) -> bool {
        match self {
            Self::Card => !matches!(tier, Tier::Ministry),
            Self::SamNational => matches!(tier, Tier::Ministry),
            Self::SamProvincial => matches!(tier, Tier::Province(_)),
        }
    }
}

impl Ticket {
    /// A new request.
    ///
    /// # Errors
    /// Quantity 0, or a kind that this tier does not make.
    pub fn request(
        id: String,
        kind: TicketKind,
        quantity: u64,
        requester: String,
        purpose: String,
        valid_until: Timestamp,
        tier: &Tier,
    ) -> Result<Self, TicketError> {
        if quantity == 0 {
            return Err(TicketError::Quantity);
        }
        if !kind.is_made_at(tier) {
            return Err(TicketError::Tier {
                tier: tier.name(),
                kind,
            });
        }
        Ok(Self {
            id,
            kind,
            quantity,
            requester,
            purpose,
            valid_until,
            state: TicketState::Requested,
        })
    }

    /// Takes the ticket to `Approved`; the caller holds the proof that two officers signed its order.
    ///
    /// # Errors
    /// It is approved already.
    pub fn approved(self, proof: &crate::approval::Approved) -> Result<Self, TicketError> {
        match self.state {
            TicketState::Requested => {
                let approvers = proof.names();
                Ok(Self {
                    state: TicketState::Approved { approvers },
                    ..self
                })
            }
            TicketState::Approved { .. } => Err(TicketError::Approved(self.id)),
        }
    }

    /// Whether a request may spend it now (the count itself is the HSM's).
    ///
    /// # Errors
    /// [`TicketError`] says why not.
    pub fn admits(&self, wanted: TicketKind, now: Timestamp) -> Result<(), TicketError> {
        if !matches!(self.state, TicketState::Approved { .. }) {
            return Err(TicketError::NotApproved(self.id.clone()));
        }
        if self.kind != wanted {
            return Err(TicketError::Kind {
                id: self.id.clone(),
                is: self.kind,
                wanted,
            });
        }
        if now > self.valid_until {
            return Err(TicketError::Expired(self.id.clone(), self.valid_until));
        }
        Ok(())
    }
}
