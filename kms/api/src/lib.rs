//! What the rest of the house may know of the key service: requests, answers, problem slugs, and a client.
//!
//! One card costs one call ([`PersonalisationRequest`] → [`Script`], `/v1/cards/personalisations`); a SAM costs three
//! ([`SamNationalRequest`], [`SamProvincialKeysRequest`], [`SamProvincialFilesRequest`], D43). No type here can carry a
//! key: what comes back is a script of APDUs that only the one card it was made for can open (D26).

mod approvals;
mod card;
mod client;
mod content;
mod identity;
mod lists;
pub mod paths;
pub mod problem;
pub mod receipt;
mod sam;
pub mod sam_package;
mod script;
mod secret;
mod status;
pub mod tiers;
mod token;

pub use approvals::{ApprovalRequest, ApprovalRow, ApprovalStanding, SignedApproval};
pub use card::{
    BatchAnswer, BatchOutcome, CardState, MAX_BATCH, PersonalisationBatch, PersonalisationRequest,
};
pub use client::{Client, ClientError};
pub use identity::{EnrolmentRequest, IdentityAnswer, RenewalRequest};
pub use lists::{
    AuditHead, HandDownRow, IdentityRow, Page, PageQuery, PeerRow, Readiness, TicketRow,
};
pub use receipt::CardReceipt;
pub use sam::{
    SamNationalRequest, SamProvincialFilesRequest, SamProvincialKeysRequest, TerminalInfo,
};
pub use sam_package::{SamPackage, SamProbe, SamReceipt};
pub use script::{AnswerKind, CheckValue, Phase, Script, Step};
pub use secret::Secret;
pub use status::{KeyRow, KeyTable, ServiceStatus};
pub use token::{TOKEN_FORMAT, TokenFile, enrol};
