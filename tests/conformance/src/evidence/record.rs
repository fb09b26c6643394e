//! What is written down while a suite runs, one JSON object a line: enough to make every report again, and to check every
//! verdict by hand.

use serde::{Deserialize, Serialize};

use crate::step::Which;
use crate::suite::{Severity, Text};

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
    /// The environment gave no verdict: a reader failed, time ran out.
    Inconclusive,
    /// Not run, with a reason.
    Skipped,
}

impl Verdict {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
        }
    }
}

/// Where in a case a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Start,
    Body,
    Cleanup,
}

/// What was expected and what was seen where a case first failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub phase: Phase,
    /// From 1, among the phase's steps.
    pub step: usize,
    pub text: String,
    pub expected: String,
    pub seen: String,
}

/// The head of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHead {
    /// Version of the harness.
    pub harness: String,
    /// Edition of the suites.
    pub suites: String,
    pub suite: crate::suite::Kind,
    pub preset: String,
    /// Given by a server, or drawn here.
    pub seed: String,
    pub destructive: bool,
    pub repeats: u32,
    /// Selection of cases, as given.
    pub cases: Vec<String>,
    /// What a laboratory calls the product.
    pub product: String,
    pub bench: String,
    /// Start of the run, UTC.
    pub began: String,
    /// Cases planned.
    pub planned: usize,
    /// Samples needed for the plan.
    pub samples: u32,
}

/// What the products under test say of themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub card_atr: Option<String>,
    pub sam_atr: Option<String>,
    pub area: String,
    pub factor: String,
    /// The reader fetches `61 L` itself.
    pub reader_fetches: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub enum Record {
    Run(RunHead),
    Sample {
        number: u32,
        facts: Facts,
    },
    Case(Box<CaseHead>),
    /// A step begins.
    Step {
        phase: Phase,
        n: usize,
        text: String,
    },
    /// A reset and its answer, microseconds.
    Atr {
        c: Which,
        a: String,
        us: u64,
    },
    /// A command, its answer (none where the transport failed), microseconds.
    X {
        c: Which,
        q: String,
        a: Option<String>,
        us: u64,
    },
    /// The transport failed.
    Trouble {
        what: String,
    },
    Verdict(CaseEnd),
    End {
        ended: String,
        pass: usize,
        fail: usize,
        inconclusive: usize,
        skipped: usize,
    },
}

/// What a case is, so that a report needs nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseHead {
    pub id: String,
    pub group: String,
    pub group_title: Text,
    pub title: Text,
    pub purpose: Text,
    pub clause: String,
    pub covers: Vec<String>,
    pub severity: Severity,
    pub destructive: bool,
    /// From 1; later attempts are repetitions.
    pub attempt: u32,
    /// Milliseconds since the run began.
    pub at_ms: u64,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseEnd {
    pub id: String,
    pub verdict: Verdict,
    /// Another attempt ended otherwise.
    pub unstable: bool,
    /// Why, where it is not a pass.
    pub reason: Option<String>,
    pub finding: Option<Finding>,
    pub commands: usize,
    pub ms: u64,
}

/// Takes records.
pub trait Sink {
    /// Writes one down.
    fn note(&mut self, record: &Record);
}

/// Keeps nothing, for runs of which only the verdicts count.
#[derive(Debug, Default)]
pub struct NoSink;

impl Sink for NoSink {
    fn note(&mut self, _: &Record) {}
}
