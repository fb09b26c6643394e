//! Ceremonies: one reviewed file goes in, one transcript comes out.
//!
//! | module | one idea |
//! |---|---|
//! | [`file`] | the reviewed file: who, which keys, which custodians |
//! | [`plan`] | the file as steps, in the order in which they are done |
//! | [`transcript`] | what happened, signed by officers and HSM, chained to the ceremony before; checked without any service |
//! | [`words`] | a digest as words to read aloud |

pub mod file;
pub mod plan;
pub mod transcript;
pub mod words;

#[cfg(test)]
mod tests;

use sm3::{Digest, Sm3};
use thiserror::Error;

use crate::approval::ApprovalError;

pub use file::Ceremony;
pub use plan::{Deed, Step};
pub use transcript::{Body, Transcript};

/// SM3 of a text: what a ceremony, and a transcript, is called by.
#[must_use]
pub fn digest(text: &[u8]) -> [u8; 32] {
    Sm3::digest(text).into()
}

/// What a reviewer signs: never the file itself, which could be made to be something else, too.
#[must_use]
pub fn review_statement(ceremony: &[u8; 32]) -> String {
    format!("rhc-kms ceremony review {}", hex::encode_upper(ceremony))
}

/// What the officers sign when it is over.
#[must_use]
pub fn transcript_statement(transcript: &[u8; 32]) -> String {
    format!(
        "rhc-kms ceremony transcript {}",
        hex::encode_upper(transcript)
    )
}

/// A file or transcript that is not what it must be; the name of each is stable.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CeremonyError {
    /// Not TOML of this form.
    #[error("ceremony-form: {0}")]
    Form(String),
    /// The parts contradict each other.
    #[error("ceremony-sense: {0}")]
    Sense(String),
    /// TEST ceremonies are rehearsals, and no others.
    #[error(
        "ceremony-rehearsal: a ceremony of mark test is a rehearsal (rehearsal = true), any other is none"
    )]
    Rehearsal,
    /// Public test keys elsewhere than in TEST.
    #[error("ceremony-test-keys: public test keys belong into a rehearsal")]
    TestKeys,
    /// A key that is not born at this tier.
    #[error("ceremony-key: {0} is no key that is born at this tier")]
    Key(String),
    /// Not reviewed by two officers who did not write it.
    #[error("{0}")]
    Review(ApprovalError),
    /// Not a transcript's text.
    #[error("transcript-form: {0}")]
    TranscriptForm(String),
    /// A signature or digest in it does not fit.
    #[error("transcript-altered: {0}")]
    Altered(String),
    /// It does not follow what it should.
    #[error("transcript-chain: {0}")]
    Chain(String),
}
