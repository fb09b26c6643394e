//! Skeleton policies: which commands may carry what. Loaded by two officers, so that no operator can have a key
//! that it knows written under a valid MAC.

use crate::Hex;
use crate::ticket::Target;
use serde::{Deserialize, Serialize};

/// What the data of a command may consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shape {
    /// Exactly: literal of this length ‖ one key slot ‖ the check value of that same slot.
    KeyLoad { literal: u8 },
    /// Literals and MAC texts only, at most so many bytes together.
    Data { max: u8 },
    /// Exactly one public test private key (TEST stores only).
    TestScalar {},
}

/// Which keys a key load may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Keys of usage `derive`.
    Application,
    /// Master keys of sessions.
    Master,
}

/// One allowed command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub target: Target,
    pub cla: Hex<1>,
    pub ins: Hex<1>,
    /// `None`: any.
    #[serde(default)]
    pub p1: Option<Hex<1>>,
    pub shape: Shape,
    /// For key loads; `None`: either.
    #[serde(default)]
    pub load: Option<Load>,
}

/// A policy. A command that no rule lists is refused; INITIALIZE UPDATE and EXTERNAL AUTHENTICATE are the
/// mechanism's own and cannot be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub name: String,
    pub mechanism: String,
    pub rules: Vec<Rule>,
}
