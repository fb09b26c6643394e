//! Evidence: every command with its answer and time, chained and signed.

pub mod record;
