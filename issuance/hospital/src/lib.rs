//! The hospital's side: is the card in the reader good, and may this terminal read it?
//!
//! | module | one idea |
//! |---|---|
//! | [`check`] | the verification of one card, step by step, in one transaction per chip |
//! | [`certificates`] | do the card's issuer and the SAM's belong together |
//! | [`registry`] | what the registry says of the card |
//! | [`verdict`] | the answers a verification can have, their reasons and exit codes |
//! | [`report`], [`reason`], [`mask`] | the answer as a table or JSON, why, personal data masked |
//! | [`trouble`] | why there is no answer: reader, SAM, registry |
//! | [`cli`] | the command line |

pub mod certificates;
pub mod check;
pub mod cli;
pub mod mask;
pub mod reason;
pub mod registry;
pub mod report;
pub mod trouble;
pub mod verdict;
