//! One line of a case: `[sam:] [xN] command -> expectation => name`.
//!
//! | command | what is sent |
//! |---|---|
//! | hexadecimal template | exactly this APDU, once |
//! | `ask TEMPLATE` | this APDU; `61 L` is followed by GET RESPONSE, `6C L` by a repetition |
//! | `cut N TEMPLATE` | this APDU, and the power goes inside it at its Nth moment; then a reset, whose answer the data are |
//! | `reset` | power off and on; the answer's data are the ATR |
//! | `read-file LEN` | READ BINARY from 0 to LEN in pieces of 80h |
//! | `write-file TEMPLATE` | UPDATE BINARY from 0 in pieces of 80h |
//! | `sweep WHAT` | a whole range of commands ([`Sweep`]) |
//! | `random N` | N commands drawn from the seed, judged by a model of rights |
//! | anything else | a named flow, which stands for several of these ([`flows`](crate::flows)) |
//!
//! | expectation | holds for |
//! |---|---|
//! | `9000`, `63C?`, `6982/6985`, `!9000`, `any` | the status word; without `->` it is 9000 |
//! | then a template | the data |
//! | then `is CHECK words…` | the data, by a named check ([`checks`](crate::engine::checks)) |
//!
//! An answer other than 9000, 61xx and 62xx must come without data, whatever is expected.

mod line;
mod wish;

pub use line::{LAST_MOMENT, Line, StepError, plain, take_apart};
pub use wish::{DataWish, StatusPattern, StatusWish};

use crate::template::Template;

/// Which chip a step speaks to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    Card,
    Sam,
}

impl Which {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Sam => "sam",
        }
    }
}

/// A range of commands that counts as one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Every INS with every CLA: known ones are left to other cases, all else is 6E00 or 6D00.
    InsCla,
    /// Every P1, then every P2, of a command that has no other.
    P1P2,
    /// Every file identifier of a page: none but the known exist.
    Fids,
    /// Every KID of EXTERNAL AUTHENTICATE in the current directory: 6A88 but for the known.
    Kids,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Exactly(Template),
    Ask(Template),
    /// The power goes inside it.
    Cut(u8, Template),
    Reset,
    ReadFile(usize),
    WriteFile(Template),
    Sweep(Sweep, Template),
    Random(usize),
}

/// A step as the engine runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub which: Which,
    pub times: usize,
    pub command: Command,
    pub status: StatusWish,
    pub data: DataWish,
    /// Keeps the answer's data under this name, for `{saved name}`.
    pub keep: Option<String>,
    /// As it was written.
    pub text: String,
}
