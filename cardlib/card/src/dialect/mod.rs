//! Personalisation commands (`docs/cos-dialect.md`, D26) made from profile and content, without any key.
//!
//! A [`Plan`] is what a key service hands to an HSM: phases of steps, in which keys, check values and the security
//! code are numbered gaps. Bytes stand in `profiles/rhc-cos-1.toml` ([`template`]); this code knows names and order.
//!
//! | module | one idea |
//! |---|---|
//! | [`plan`] | the shape of a plan: phases, steps, segments, slots |
//! | [`template`] | the dialect file: commands as data |
//! | [`check`] | content against the profile, before anything is made of it |
//! | [`user`] | the full script of a user card |
//! | [`sam`] | the three scripts of a SAM (D43) |
//! | [`sam_use`] | the script for a SAM in use (D12, D45) |

mod builder;
pub mod check;
pub mod plan;
pub mod sam;
pub mod sam_use;
mod store;
pub mod template;
pub mod user;

use thiserror::Error;

pub use plan::{
    AnswerKind, Base, BaseKey, Level, MacText, Phase, Plan, Segment, Slot, Step, Target,
};
pub use template::Dialect;
pub use user::ChipState;

/// Why no plan can be made. Never carries a value of the content, only where it stands.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DialectError {
    /// The dialect file is not usable.
    #[error("personalisation dialect: {0}")]
    Template(String),
    /// The content does not fit the profile.
    #[error(transparent)]
    Content(#[from] crate::content::ContentError),
    /// A file of the profile is not given, or the other way round.
    #[error("{0}: given and wanted files differ")]
    NoFile(String),
    /// Other bytes than the profile says.
    #[error("{path}: {expected} bytes are wanted")]
    Size {
        /// File.
        path: String,
        /// What fits.
        expected: usize,
    },
    /// A visit on a new card.
    #[error("{0}: a new card has no visits, leave this file out")]
    Visit(String),
    /// A photo whose length bytes say more than there is (R75).
    #[error("DDF1/EF07: the length bytes say more than the photo's bytes")]
    Photo,
    /// The security code is the HSM's to make (D22).
    #[error("DDF1/EF05: element 9 (安全码) must be left out, the HSM computes it")]
    SecurityCodeGiven,
    /// An element without which there is no security code.
    #[error("DDF1/EF05: element {0} is missing")]
    ElementMissing(u8),
    /// A card or SAM in a state that no script fits.
    #[error("the chip offers key version {key_version:02X} in state {state:02X}; {expected}")]
    State {
        /// What it offers.
        key_version: u8,
        /// Its life-cycle byte.
        state: u8,
        /// What would fit.
        expected: &'static str,
    },
    /// No such SAM type in the profile.
    #[error("SAM type {0} is not in the profile")]
    SamType(u8),
    /// Something of a SAM's files or PIN has the wrong shape.
    #[error("SAM {0}")]
    SamData(&'static str),
    /// The profile speaks of something that the dialect has no byte for.
    #[error("profile and dialect disagree: {0}")]
    Mismatch(String),
}
