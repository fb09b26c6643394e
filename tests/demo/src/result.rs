//! `result.json`: what became of each card, for programs and for the golden test.

use serde::Serialize;

/// One thing the demo did to a card or a SAM.
#[derive(Serialize)]
pub struct Entry {
    /// Which card: `1`–`3`, `forged`, `not-listed`, …
    pub card: String,
    /// `issue`, `verify` or `produce`.
    pub act: &'static str,
    /// Health card number, serial or chip serial, where there is one.
    pub number: Option<String>,
    pub serial: Option<String>,
    pub verdict: String,
    pub reason: Option<String>,
    pub exit_code: i32,
    pub took_ms: u64,
    /// As the program itself reports them.
    pub timings: serde_json::Value,
}

/// The whole run.
#[derive(Serialize)]
pub struct Report {
    pub province: &'static str,
    pub prefecture: &'static str,
    pub mark: &'static str,
    pub keys: Vec<Tier>,
    pub sams: Vec<Entry>,
    pub issued: Vec<Entry>,
    pub verified: Vec<Entry>,
    pub refused: Vec<Entry>,
    pub total_ms: u64,
}

/// How many keys a tier holds after the hand-down.
#[derive(Serialize)]
pub struct Tier {
    pub tier: String,
    pub keys: usize,
}
