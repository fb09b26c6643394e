//! The station's memory: one append-only file in which the intent of every phase stands before its first command
//! (`docs/architecture.md`, rule 4: intent before deed).
//!
//! What is in it: job numbers, card factors, serials, the hash of the data, phases, times. What is not: names, numbers,
//! data, keys, scripts. Each line is JSON, a tab, and 16 hexadecimal digits of an SM3 chain over the lines before it;
//! it is synced to the disk before what it announces begins. A line cut by a power failure is dropped on the next start; a
//! damaged line with others behind it is refused.

mod file;
mod job;
mod record;
mod syncer;

pub use file::{Journal, JournalError};
pub use job::{Job, Status};
pub use record::{Event, Phase, Record, ScriptNote};
