//! Evidence: every command with its answer and time, chained and signed.
//!
//! | module | one idea |
//! |---|---|
//! | [`record`] | one line of the record |
//! | [`chain`] | the file of records, SM3-chained; written, resumed, read |
//! | [`package`] | the signed folder, and its check |
//! | [`key`] | the laboratory's SM2 key |

pub mod chain;
pub mod key;
pub mod package;
pub mod record;
