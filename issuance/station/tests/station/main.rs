//! The station against simulated cards, a key service and a registry in the same process.

mod pulls;
mod refusals;
mod sams;
mod support;
