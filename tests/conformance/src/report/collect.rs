//! From the record to cases: what each was for, how it ended, and the conversation of the attempt that decided it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::evidence::chain;
use crate::evidence::record::{CaseEnd, CaseHead, Facts, Phase, Record, RunHead, Verdict};
use crate::run::Tally;
use crate::step::Which;

use super::ReportError;

/// Lines of one conversation that a report shows; the record has all.
const SHOWN: usize = 120;

/// A line of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Step {
        phase: Phase,
        text: String,
    },
    Atr {
        chip: Which,
        atr: String,
        us: u64,
    },
    Exchange {
        chip: Which,
        command: String,
        answer: Option<String>,
        us: u64,
    },
    Trouble(String),
}

/// One case.
#[derive(Debug, Clone)]
pub struct Told {
    pub head: CaseHead,
    pub end: CaseEnd,
    pub lines: Vec<Line>,
    /// Lines that are only in the record.
    pub more: usize,
    pub attempts: u32,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Report {
    pub head: RunHead,
    pub samples: Vec<(u32, Facts)>,
    pub cases: Vec<Told>,
    pub tally: Tally,
    pub ended: Option<String>,
    pub chain: String,
    pub commands: usize,
}

impl Report {
    /// Conformant, not, or no verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.tally.fail > 0 {
            Verdict::Fail
        } else if self.tally.inconclusive > 0 || self.ended.is_none() {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }

    /// Tally for each value that `by` gives, in the order of first appearance.
    pub fn tallies(&self, by: impl Fn(&Told) -> Vec<String>) -> Vec<(String, Tally)> {
        let mut places = BTreeMap::new();
        let mut rows: Vec<(String, Tally)> = Vec::new();
        for told in &self.cases {
            for name in by(told) {
                let at = *places.entry(name.clone()).or_insert_with(|| {
                    rows.push((name, Tally::default()));
                    rows.len() - 1
                });
                rows[at].1.count(told.end.verdict);
            }
        }
        rows
    }
}

#[derive(Default)]
struct Open {
    head: Option<CaseHead>,
    lines: Vec<Line>,
    more: usize,
    failed: bool,
}

impl Open {
    fn add(&mut self, line: Line) {
        if self.head.is_none() {
            return;
        }
        if self.lines.len() < SHOWN {
            self.lines.push(line);
        } else {
            // The end of a conversation says most about a failure: keep its last lines too.
            self.more += 1;
            if self.lines.len() == SHOWN {
                self.lines.push(line);
            } else {
                let last = self.lines.len() - 1;
                self.lines[last] = line;
            }
        }
    }
}

/// Reads and checks the record.
///
/// # Errors
/// [`ReportError`] when it is broken or empty.
pub fn collect(path: &Path) -> Result<Report, ReportError> {
    let mut head = None;
    let mut samples = Vec::new();
    let mut cases = Vec::new();
    let mut tally = Tally::default();
    let mut ended = None;
    let mut open = Open::default();
    let mut commands = 0;
    let read = chain::read(path, |record| match record {
        Record::Run(run) => head = Some(run),
        Record::Sample { number, facts } => samples.push((number, facts)),
        Record::Case(case) => {
            // A later attempt replaces the conversation unless the earlier one is the one that failed.
            let keep = open.failed && case.attempt > 1;
            if keep {
                open.head = Some(*case);
            } else {
                open = Open {
                    head: Some(*case),
                    ..Open::default()
                };
            }
        }
        Record::Step { phase, text, .. } => open.add(Line::Step { phase, text }),
        Record::Atr { c, a, us } => open.add(Line::Atr {
            chip: c,
            atr: a,
            us,
        }),
        Record::X { c, q, a, us } => {
            commands += 1;
            open.add(Line::Exchange {
                chip: c,
                command: q,
                answer: a,
                us,
            });
        }
        Record::Trouble { what } => open.add(Line::Trouble(what)),
        Record::Verdict(end) => {
            tally.count(end.verdict);
            let done = std::mem::take(&mut open);
            if let Some(head) = done.head {
                let attempts = head.attempt;
                cases.push(Told {
                    head,
                    end,
                    lines: done.lines,
                    more: done.more,
                    attempts,
                });
            }
        }
        Record::End { ended: at, .. } => ended = Some(at),
    })?;
    let head = head.ok_or(ReportError::NoHead)?;
    Ok(Report {
        head,
        samples,
        cases,
        tally,
        ended,
        chain: read.value,
        commands,
    })
}
