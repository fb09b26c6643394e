//! `result.json`: what became of each card, for programs and for the golden test.

use serde::Serialize;

/// One thing the demo did to a card or a SAM.
#[derive(Serialize)]
pub struct Entry {
    /// Which: `1`–`3`, `forged`, `not-listed`, `sam-5`, …
    pub card: String,
    /// `produce`, `issue` or `verify`.
    pub act: &'static str,
    /// Health card number; of a SAM its chip serial.
    pub number: Option<String>,
    pub serial: Option<String>,
    pub verdict: String,
    pub reason: Option<String>,
    /// The verdict that the demo is to show.
    pub expected: &'static str,
    pub exit_code: i32,
    /// The whole program, its start included.
    pub took_ms: u64,
    /// As the program itself reports them.
    pub timings: serde_json::Value,
}

impl Entry {
    pub fn is_expected(&self) -> bool {
        self.verdict == self.expected
    }
}

/// How many of the card keys a tier holds after the hand-down.
#[derive(Serialize)]
pub struct TierKeys {
    pub tier: &'static str,
    pub card_keys: usize,
}

/// The whole run.
#[derive(Serialize)]
pub struct Report {
    pub province: &'static str,
    pub prefecture: &'static str,
    pub mark: &'static str,
    pub keys: Vec<TierKeys>,
    pub sams: Vec<Entry>,
    pub issued: Vec<Entry>,
    pub verified: Vec<Entry>,
    pub refused: Vec<Entry>,
    pub total_ms: u64,
}

impl Report {
    /// Whether every card got the verdict it deserves, and refusals the exit code of a refusal.
    pub fn is_well(&self) -> bool {
        let good = self.sams.iter().chain(&self.issued).chain(&self.verified);
        let good = good.map(|entry| (entry, 0));
        let bad = self.refused.iter().map(|entry| (entry, 3));
        good.chain(bad)
            .all(|(entry, code)| entry.is_expected() && entry.exit_code == code)
    }
}
