//! What the key service asks of an HSM, in its own words; `kms-hsm` says it in a vendor's.
//!
//! Two sides: [`Hsm`] uses keys with the operator's credential, [`OrderDesk`] carries officers' orders, whose text the
//! vendor's interface fixes and two officers sign.

mod custody;
mod fill;
mod key;
mod lease;
mod nature;
mod order;

use thiserror::Error;

use crate::approval::{Officer, OfficerSignature};

pub use cardlib_card::cert::Mark;
pub use custody::{BackedUp, Custody, Entry, GivenShare, Seal};
pub use fill::{FillRequest, Filled, FilledStep, KeyRef, Target};
pub use key::{BaseClass, HeldKey, KeySpec, KeyUse, Ways};
pub use lease::{Lease, Receipt, Standing, Terms};
pub use nature::{Keeper, Nature};
pub use order::{
    Export, Hold, Operation, Outcome, PackageLabel, PeerKind, PolicyRule, RuleShape, TicketOrder,
};

/// The HSM itself, for status, enrolment and the mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HsmIdentity {
    /// What people compare.
    pub fingerprint: [u8; 32],
    /// Its mark (D38).
    pub mark: Mark,
    /// SM2 key that signs packages.
    pub signing_key: [u8; 64],
    /// SM2 key that receives envelopes.
    pub encryption_key: [u8; 64],
    /// Officers enrolled in it.
    pub officers: Vec<Officer>,
    /// Name of the loaded skeleton policy.
    pub policy: Option<String>,
    /// Ceremonies sealed in it: how many, and the last one's transcript; none for an HSM that seals none.
    pub ceremonies: (u64, [u8; 32]),
    /// Whether it is software.
    pub simulator: bool,
}

/// Why an HSM did not do it.
#[derive(Debug, Error)]
pub enum HsmError {
    /// No answer: whether it was done is unknown; a fill may be repeated with the same id.
    #[error("hsm-unavailable: {0}")]
    Unavailable(String),
    /// It said no; `rule` is the stable name of the refusal.
    #[error("hsm-refused: {rule}: {detail}")]
    Refused {
        /// Stable name, as in the HSM's own documentation.
        rule: String,
        /// Words without secrets.
        detail: String,
    },
}

impl HsmError {
    /// Whether the HSM refused under this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches!(self, Self::Refused { rule, .. } if rule == name)
    }
}

/// Names of refusals that the key service itself turns into answers of its own.
pub mod refusal {
    /// The ticket's count is used up.
    pub const TICKET_EMPTY: &str = "TicketEmpty";
    /// The ticket's time is over.
    pub const TICKET_EXPIRED: &str = "TicketExpired";
    /// No such ticket in the HSM.
    pub const NO_SUCH_TICKET: &str = "NoSuchTicket";
    /// The same request id with other content.
    pub const REPEATED_SCRIPT: &str = "RepeatedScript";
    /// The answer to this request id is gone.
    pub const ANSWER_EXPIRED: &str = "AnswerExpired";
    /// One chip asked for too many scripts.
    pub const TOO_MANY_ATTEMPTS: &str = "TooManyAttempts";
    /// A key that the HSM does not hold.
    pub const NO_SUCH_KEY: &str = "NoSuchKey";
    /// Marks differ.
    pub const MARK_MISMATCH: &str = "MarkMismatch";
    /// The object exists already.
    pub const KEY_EXISTS: &str = "KeyExists";
}

fn no_leases() -> HsmError {
    HsmError::Refused {
        rule: "NotSupported".into(),
        detail: "this machine knows no leases; only `rhc-hsm` through its sockets does".into(),
    }
}

/// Using keys: the operator's side.
pub trait Hsm: Send + Sync {
    /// The HSM itself.
    ///
    /// # Errors
    /// It does not answer.
    fn identity(&self) -> Result<HsmIdentity, HsmError>;

    /// What it is, and which rules it keeps itself.
    fn nature(&self) -> Nature;

    /// All keys with attributes and check values, never bytes.
    ///
    /// # Errors
    /// It does not answer.
    fn keys(&self) -> Result<Vec<HeldKey>, HsmError>;

    /// Fills one chip's script.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    fn fill(&self, request: &FillRequest) -> Result<Filled, HsmError>;

    /// Fills the scripts of several chips, each with its own outcome, in their order. No chip and no request id stands twice
    /// among them. An HSM that takes many at once does so here.
    fn fill_many(&self, requests: &[FillRequest]) -> Vec<Result<Filled, HsmError>> {
        requests.iter().map(|request| self.fill(request)).collect()
    }

    /// SM2 signature r‖s over a message, with ZA of the default identity.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    fn sign(&self, key: &str, message: &[u8]) -> Result<[u8; 64], HsmError>;

    /// First 8 bytes of the block cipher's CBC-MAC over the message padded `80 00…`, with a key of use MAC.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    fn mac(&self, key: &str, message: &[u8]) -> Result<[u8; 8], HsmError>;

    /// The last package made for a peer, when the answer to its order was lost.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    fn last_package(&self, peer: &str) -> Result<String, HsmError>;

    /// A lease for a lower HSM, within the terms that its officers set.
    ///
    /// # Errors
    /// It does not answer, refuses, or knows no leases.
    fn issue_lease(&self, _peer: &str) -> Result<String, HsmError> {
        Err(no_leases())
    }

    /// Takes a lease of an upper HSM.
    ///
    /// # Errors
    /// It does not answer, refuses, or knows no leases.
    fn take_lease(&self, _lease: &str) -> Result<(), HsmError> {
        Err(no_leases())
    }

    /// Leases given and taken.
    ///
    /// # Errors
    /// It does not answer, or knows no leases.
    fn leases(&self) -> Result<Vec<Lease>, HsmError> {
        Err(no_leases())
    }

    /// How much of a ticket was used, as the HSM counts.
    ///
    /// # Errors
    /// It does not answer, or has no such ticket.
    fn ticket_used(&self, _ticket: &str) -> Result<u64, HsmError> {
        Err(HsmError::Refused {
            rule: "NotSupported".into(),
            detail: "this machine does not tell what a ticket has used".into(),
        })
    }
}

/// Orders: the officers' side.
pub trait OrderDesk: Send + Sync {
    /// The HSM itself (needs no credential).
    ///
    /// # Errors
    /// It does not answer.
    fn identity(&self) -> Result<HsmIdentity, HsmError>;

    /// The texts to be signed for these operations, in the order in which they will be executed.
    ///
    /// # Errors
    /// It does not answer.
    fn draft(&self, operations: &[Operation], expires: u64) -> Result<Vec<String>, HsmError>;

    /// What a package says about itself, before anybody vouches for it.
    ///
    /// # Errors
    /// The text is no package.
    fn inspect(&self, package: &str) -> Result<PackageLabel, HsmError>;

    /// Whether the HSM with this signing key made the package.
    fn is_signed_by(&self, package: &str, signing_key: &[u8; 64]) -> bool;

    /// What a receipt says, if the HSM with this signing key made it.
    fn receipt(&self, _text: &str, _signing_key: &[u8; 64]) -> Option<Receipt> {
        None
    }

    /// Executes one signed text.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    fn execute(&self, text: &str, signatures: &[OfficerSignature]) -> Result<Outcome, HsmError>;
}
