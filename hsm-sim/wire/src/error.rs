//! Refusals, each with a stable name that tests and callers match on.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $text:literal),+ $(,)?) => {
        /// Why the HSM refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode { $($(#[$doc])* $name),+ }

        impl ErrorCode {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What is wrong and what to do.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    // access
    NotAuthenticated => "say hello with the operator's secret first",
    WrongCredential => "the operator's secret is not this HSM's; use the file that init wrote",
    NotPermitted => "the key's attributes do not allow this; see its usage and where it may leave to",
    BadRequest => "the request cannot be read; client and HSM are of different versions, or a field is malformed",
    TooLarge => "a field or the whole request is larger than the HSM takes",
    // names
    BadName => "names are 1-64 characters of A-Z a-z 0-9 _ . / @ + -",
    NoSuchKey => "no key of this id; see list-keys",
    KeyExists => "a key of this id exists; choose another id or destroy it first",
    NoSuchTicket => "no ticket of this id; two officers create one",
    TicketExists => "a ticket of this id exists, or existed; choose another id",
    NoSuchOfficer => "no officer of this name is enrolled",
    OfficerExists => "an officer of this name, or with this public key, is enrolled already",
    BadAttributes => "the attributes contradict each other",
    // marks
    MarkMismatch => "TEST, DEMO and PRODUCTION never mix",
    TestOnly => "only a TEST store does this",
    // orders
    NeedTwoOfficers => "an order needs valid signatures of two different officers",
    SameOfficer => "two signatures of the same officer count once",
    BadSignature => "a signature does not verify over the body as sent",
    OrderReplayed => "the order's number is not this HSM's next; read info and sign a new body",
    OrderExpired => "the order's time is over; sign a new one",
    WrongHsm => "the order names another HSM",
    TooFewOfficers => "at least two officers must stay enrolled",
    // filling
    UnknownMechanism => "this HSM runs scp-sm4-v1",
    NoPolicy => "no skeleton policy is loaded; two officers load one",
    CommandNotAllowed => "the skeleton policy does not list this command for this target",
    LiteralInKeySlot => "the skeleton policy allows no literal bytes where a key slot belongs",
    KeySlotNotWhole => "a key slot stands alone: literal header, one whole wrapped block, its own check value",
    SlotInClear => "a key slot goes out only in an encrypted command",
    KeySlotMisplaced => "the skeleton policy allows no key slot in this command",
    TwoFactors => "one call serves one factor: base key and every slot end in it, over the same upper factors",
    DepthTooSmall => "the key is not diversified deeply enough for where it goes",
    NoSession => "a command before the first open",
    LevelMismatch => "a command's level is its session's, unless it has no data",
    BadBaseKey => "this key opens no session of this target, or the ticket does not name it",
    BadSlot => "a step names a slot or text that the request does not have",
    CounterExhausted => "the card's sequence counter has no next value; the card can never be opened again",
    RepeatedScript => "this request id was used with another content",
    AnswerExpired => "this request id was answered, and the answer is kept no longer; ask with a new id",
    // tickets
    TicketEmpty => "the ticket's count is used up; two officers create another",
    TicketExpired => "the ticket's time is over",
    TicketClosed => "the ticket is closed",
    TicketKind => "a card ticket fills cards, a SAM ticket SAMs",
    TooManyAttempts => "this factor has used its attempts under this ticket",
    // packages
    UnknownPeer => "the other HSM is not enrolled here; two officers confirm its fingerprint",
    PeerExists => "a peer of this name or with these keys is enrolled already",
    WrongPeerKind => "this peer's kind does not allow this direction",
    PackageNotForUs => "the package names another receiver",
    PackageAltered => "the package's signature, envelope or a wrapped key does not verify",
    PackageOutOfSequence => "the package is not the next of this sender: replayed, or one before it is missing",
    CheckValueMismatch => "an unwrapped key's check value is not the package's",
    NoSuchPackage => "no package was made for this peer, or a later one replaced it",
    // the HSM itself
    AuditClosed => "store or audit cannot be written; the HSM has stopped working until it is restarted",
    EntropyFailed => "the random generator failed; the HSM gave nothing out",
    Internal => "the HSM contradicts itself; nothing was given out",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refusal: its code, the step it concerns (of a fill), and words without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}{}: {detail}", step.map(|s| format!(" at step {s}")).unwrap_or_default())]
pub struct HsmError {
    pub code: ErrorCode,
    /// Index into the request's steps, from 0.
    pub step: Option<u32>,
    pub detail: String,
}

impl HsmError {
    /// A refusal with the code's own words.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self {
            code,
            step: None,
            detail: code.meaning().to_owned(),
        }
    }

    /// A refusal that names what it is about.
    #[must_use]
    pub fn about(code: ErrorCode, what: &str) -> Self {
        Self {
            code,
            step: None,
            detail: format!("{what}: {}", code.meaning()),
        }
    }

    /// The same at a step of a fill.
    #[must_use]
    pub fn at(mut self, step: usize) -> Self {
        self.step = u32::try_from(step).ok();
        self
    }
}

impl From<ErrorCode> for HsmError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}
