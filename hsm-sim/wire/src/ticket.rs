//! Tickets: how many cards or SAMs may be filled. Two officers create them; each distinct factor spends one count.

use serde::{Deserialize, Serialize};

/// What a ticket fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Card,
    Sam,
}

/// A ticket as ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketSpec {
    pub id: String,
    pub kind: Target,
    /// Distinct factors.
    pub count: u64,
    /// Answers per factor, the first included (resumed cards need further ones).
    pub max_attempts_per_factor: u32,
    /// Seconds since 1970.
    pub not_after: u64,
    /// Base keys with which scripts under this ticket may start.
    pub base_keys: Vec<String>,
}

/// A ticket and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketStatus {
    pub spec: TicketSpec,
    /// Distinct factors served.
    pub used: u64,
    /// Scripts answered.
    pub answers: u64,
    pub closed: bool,
    pub created: u64,
}

impl TicketStatus {
    /// Counts left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.spec.count.saturating_sub(self.used)
    }
}
