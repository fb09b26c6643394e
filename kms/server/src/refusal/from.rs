//! Errors of the parts below as refusals of the service.

use kms_core::approval::ApprovalError;
use kms_core::binding::BindingError;
use kms_core::ceremony::CeremonyError;
use kms_core::certificate::IssueError;
use kms_core::fill::FillError;
use kms_core::handdown::HandDownError;
use kms_core::lifecycle::LifeError;
use kms_core::policy::Denied;
use kms_core::port::{HsmError, refusal};
use kms_core::rotation::RotationError;
use kms_core::ticket::TicketError;
use kms_platform::audit::AuditError;
use kms_platform::problem::Kind;

use super::chinese::Chinese;
use super::*;

/// A core error whose text begins with its slug keeps what follows it.
fn words(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    match text.split_once(": ") {
        Some((head, rest)) if head.contains('-') && !head.contains(' ') => rest.to_owned(),
        _ => text,
    }
}

macro_rules! from {
    ($($error:ty: $var:ident => $kind:expr;)*) => {
        $(impl From<$error> for Refusal {
            fn from($var: $error) -> Self {
                let kind: &'static Kind = $kind;
                Self::both(kind, words(&$var), $var.chinese())
            }
        })*
    };
}

from! {
    Denied: error => match &error {
        Denied::NoRule(_) => &NO_POLICY,
        Denied::Tier { .. } => &WRONG_TIER,
        Denied::RequesterApproves(_) => &REQUESTER,
        Denied::RequesterUnnamed => &INVALID,
        Denied::Asker { .. } | Denied::Approver { .. } => &ROLE,
        Denied::Expired(_) => &APPROVAL_EXPIRED,
        Denied::OtherRequest(..) => &APPROVAL_FOR_ANOTHER,
        Denied::TooFew { .. } | Denied::SameOfficer(_) => &TWO_OFFICERS,
        Denied::Among(_) => &ROLE_MISSING,
        Denied::UnknownOfficer(_) => &OFFICER,
        Denied::Locked(_) => &LOCKED,
        Denied::BadSignature(_) => &BAD_SIGNATURE,
    };
    BindingError: error => match &error {
        BindingError::NotOnList => &NOT_ON_LIST,
        BindingError::OtherKind(_) | BindingError::OtherMaker => &OTHER_KIND,
        BindingError::Mark { .. } => &MARK,
        BindingError::OtherSubject => &OTHER_PERSON,
        BindingError::OtherData => &OTHER_DATA,
    };
    HandDownError: error => match &error {
        HandDownError::Form(_) | HandDownError::IssuerKey => &INVALID,
        HandDownError::Mark { .. } => &MARK,
        HandDownError::Tier { .. } => &WRONG_TIER,
        HandDownError::Fingerprint => &FINGERPRINT,
        HandDownError::NotEnrolled(_) => &NOT_ENROLLED,
        HandDownError::Unasked => &UNASKED,
        HandDownError::OtherReceiver(_) => &RECEIVER,
    };
    TicketError: error => match &error {
        TicketError::Quantity | TicketError::Id(_) | TicketError::Product(_) => &INVALID,
        TicketError::Tier { .. } => &WRONG_TIER,
        TicketError::NotApproved(_) | TicketError::Kind { .. } => &TICKET,
        TicketError::OtherProduct { .. } => &OTHER_PRODUCT,
        TicketError::OtherDelivery { .. } => &OTHER_DELIVERY,
        TicketError::Approved(..) => &EXISTS,
        TicketError::Expired(..) => &TICKET_EXPIRED,
    };
    CeremonyError: error => match &error {
        CeremonyError::TranscriptForm(_) | CeremonyError::Altered(_) => &TRANSCRIPT,
        CeremonyError::Chain(_) => &CEREMONY_CHAIN,
        CeremonyError::Review(ApprovalError::RequesterApproves(_)) => &REQUESTER,
        CeremonyError::Review(ApprovalError::UnknownOfficer(_)) => &OFFICER,
        CeremonyError::Review(ApprovalError::BadSignature(_)) => &BAD_SIGNATURE,
        CeremonyError::Review(_) => &TWO_OFFICERS,
        _ => &CEREMONY,
    };
    HsmError: error => hsm_kind(&error);
    IssueError: error => &INVALID;
    FillError: error => match &error {
        FillError::UnknownKey(_) => &KEY_MISSING,
        _ => &HSM_REFUSED,
    };
    kms_core::tier::TierError: error => &INVALID;
    LifeError: error => &KEY_STATE;
    RotationError: error => match &error {
        RotationError::Versions(_) => &INVALID,
        RotationError::Tier(_) => &WRONG_TIER,
        RotationError::Phase { .. } => &ROTATION,
    };
    cardlib_card::dialect::DialectError: error => dialect_kind(&error);
}

macro_rules! as_is {
    ($($error:ty),*) => {
        $(impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::about(&INVALID, error.to_string())
            }
        })*
    };
}

as_is!(
    kms_platform::ca::CaError,
    kms_platform::identity::IdentityError,
    kms_hsm::officer::OfficerFileError
);

fn hsm_kind(error: &HsmError) -> &'static Kind {
    let HsmError::Refused { rule, .. } = error else {
        return &HSM_DOWN;
    };
    match rule.as_str() {
        refusal::TICKET_EMPTY => &TICKET_EMPTY,
        refusal::TICKET_EXPIRED => &TICKET_EXPIRED,
        refusal::NO_SUCH_TICKET | "TicketClosed" | "TicketKind" => &TICKET,
        refusal::REPEATED_SCRIPT | refusal::ANSWER_EXPIRED => &ID_REUSED,
        refusal::NO_SUCH_KEY => &KEY_MISSING,
        "KeySuspended" | "KeyBarred" => &KEY_STATE,
        refusal::MARK_MISMATCH => &MARK,
        "NeedTwoOfficers" | "SameOfficer" => &TWO_OFFICERS,
        "NoSuchOfficer" => &OFFICER,
        "BadSignature" => &BAD_SIGNATURE,
        "OrderReplayed" | "OrderExpired" | "WrongHsm" => &STALE,
        "LeaseExpired" => &LEASE_EXPIRED,
        "TierSuspended" | "TierRevoked" | "KeyWithdrawn" | "QuotaUsedUp" => &SUSPENDED,
        "LeaseRefused" => &LEASE_REFUSED,
        "PackageNotForUs" => &RECEIVER,
        "PackageOutOfSequence" => &SEQUENCE,
        "PackageAltered" | "UnknownPeer" | "WrongPeerKind" | "BadPackage" => &PACKAGE,
        _ => &HSM_REFUSED,
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "store failed");
        Self::new(&STORE)
    }
}

impl From<AuditError> for Refusal {
    fn from(error: AuditError) -> Self {
        tracing::error!(%error, "audit log cannot be written");
        Self::new(&AUDIT)
    }
}

impl From<kms_platform::store::StoreError> for Refusal {
    fn from(error: kms_platform::store::StoreError) -> Self {
        use kms_platform::store::StoreError;
        let kind = match &error {
            StoreError::Mark(_) => &MARK,
            StoreError::Exists { .. } => &EXISTS,
            _ => &STORE,
        };
        Self::about(kind, error.to_string())
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        // Position only: the message may quote what was read.
        Self::about(
            &STORE,
            format!(
                "a record cannot be read (line {}, column {})",
                error.line(),
                error.column()
            ),
        )
    }
}

fn dialect_kind(error: &cardlib_card::dialect::DialectError) -> &'static Kind {
    use cardlib_card::dialect::DialectError;
    match error {
        DialectError::State { .. } => &CARD_STATE,
        DialectError::SamType(_) | DialectError::SamData(_) => &INVALID,
        DialectError::Template(_) | DialectError::Mismatch(_) => &STORE,
        _ => &CONTENT,
    }
}
