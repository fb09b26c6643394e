//! What a line of the journal says.

use jiff::Timestamp;
use jiff::civil::Date;
use kms_platform::notary::Signed;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it was written.
    pub at: Timestamp,
    /// The piece of work it belongs to.
    pub job: Uuid,
    /// What is about to happen or has happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What is about to happen, or has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A card is taken on: everything that must be the same when it is taken up again.
    Begin {
        /// Card factor, hexadecimal.
        factor: String,
        /// Serial from the registry (D23).
        serial: String,
        /// SM3 of the content in hexadecimal.
        data_hash: String,
        /// Issue date that stands in the content.
        issued: Date,
        /// Ticket that pays for it.
        ticket: String,
    },
    /// A phase is about to begin.
    Phase {
        /// Which one.
        phase: Phase,
        /// With the first phase of a script: which script.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script: Option<ScriptNote>,
    },
    /// The attempt ended early; the card is as the phase before says.
    Failed {
        /// Error kind, `card-lost` and the like.
        kind: String,
    },
    /// The card was read through a SAM and holds what was meant; the registry is about to be told.
    ReadBack {
        /// Serial of the SAM that read it.
        sam: String,
        /// SM3 of what was read.
        digest: String,
    },
    /// The registry knows the card: the job is done.
    Registered,
    /// Given up by a person.
    Voided {
        /// In that person's words.
        reason: String,
    },
}

/// What is kept of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptNote {
    /// The key service's digest over its commands.
    pub digest: String,
    /// Check over the security code it wrote ([`crate::engine`]), so that the code itself need not stand here.
    pub code: String,
    /// The key service's receipt, which the registry wants to see; it names nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Signed>,
}

/// The phases of a card, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Session, master key, wipe.
    Open,
    /// Files created.
    Files,
    /// Keys written.
    Keys,
    /// Data written, state 05.
    Data,
    /// ACTIVATE.
    Activate,
    /// Read through a SAM and compared; then told to the registry.
    ReadBack,
}

impl Phase {
    /// The phase that a script calls by this name.
    #[must_use]
    pub fn of_script(name: &str) -> Option<Self> {
        Some(match name {
            "open" => Self::Open,
            "files" => Self::Files,
            "keys" => Self::Keys,
            "data" => Self::Data,
            "activate" => Self::Activate,
            _ => return None,
        })
    }

    /// Its name in journal, report and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Files => "files",
            Self::Keys => "keys",
            Self::Data => "data",
            Self::Activate => "activate",
            Self::ReadBack => "read-back",
        }
    }
}
