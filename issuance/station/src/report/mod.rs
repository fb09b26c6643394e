//! What a run tells: a table for people, JSON for programs. Card numbers and serials are in it, because they are what the
//! issuing office reconciles; names are not.

mod table;

use issuance_application::{Applicant, Fault as RowFault, TableError};
use kms_platform::exit::Exit;
use kms_platform::lang::{Lang, current};
use serde::Serialize;

use crate::engine::Outcome;
use crate::fault::Fault;
use crate::ports::ServiceFault;
use crate::run::Ended;
use crate::timing::TimingsReport;

/// A whole run. No `Debug`: it names card numbers.
#[derive(Serialize)]
pub struct Report {
    /// `done`, or the kind of what ended the run, or `rows-faulty`, `cards-failed`.
    pub verdict: String,
    /// `test`, `demo` or `production` (D38); empty when the services were not asked.
    pub mark: String,
    /// Exit code of the program.
    pub exit_code: u8,
    /// Cards that were in the reader.
    pub cards: Vec<CardReport>,
    /// Rows that were not issued because they are faulty.
    pub row_faults: Vec<RowReport>,
    /// Lines of persons whose turn never came.
    pub not_reached: Vec<u64>,
    /// Persons whom the registry refuses a card.
    pub passed_over: Vec<PassedOver>,
    /// Lines of those of them who have a card already, with whom nothing is wrong.
    pub already_issued: Vec<u64>,
    /// Cards of an earlier run that were registered now.
    pub settled: usize,
    /// Cards of an earlier run that the registry refuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<Unsettled>,
    /// Why the run ended early, in the user's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One card. No `Debug`: it names a card number.
#[derive(Serialize)]
pub struct CardReport {
    /// Data row from 1, where the person is known.
    pub row: Option<u64>,
    /// Line of the file.
    pub line: Option<u64>,
    /// Health card number.
    pub card_number: Option<String>,
    /// 发卡序列号.
    pub serial: Option<String>,
    /// Card factor.
    pub factor: Option<String>,
    /// `issued`, `finished`, `recovered` or `failed`.
    pub verdict: &'static str,
    /// Kind of the failure.
    pub kind: Option<String>,
    /// In the user's language.
    pub message: Option<String>,
    /// What to do next.
    pub next: Option<String>,
    /// What the exit code would be with this card alone.
    pub exit_code: u8,
    /// Whose time it took.
    pub timings: TimingsReport,
}

/// A person who gets no card.
#[derive(Debug, Serialize)]
pub struct PassedOver {
    /// Data row from 1.
    pub row: u64,
    /// Line of the file.
    pub line: u64,
    /// `person-has-card` (nothing is wrong with that) or `person-has-reservation`.
    pub kind: String,
    /// In the user's language.
    pub message: String,
}

/// A finished card that the registry does not take.
#[derive(Debug, Serialize)]
pub struct Unsettled {
    /// 发卡序列号.
    pub serial: String,
    /// The refusal's name.
    pub kind: String,
    /// In the user's language.
    pub message: String,
}

/// One fault of one row.
#[derive(Debug, Serialize)]
pub struct RowReport {
    /// Line of the file.
    pub line: u64,
    /// Column, empty for the whole row.
    pub column: &'static str,
    /// In the user's language.
    pub reason: String,
}

impl RowReport {
    /// A row's fault in the user's language.
    #[must_use]
    pub fn of(fault: &RowFault) -> Self {
        let reason = match current() {
            Lang::Zh => fault.reason.zh(),
            Lang::En => fault.reason.en(),
        };
        Self {
            line: fault.line,
            column: fault.column,
            reason,
        }
    }
}

/// A file's fault in the user's language.
#[must_use]
pub fn table_error(error: &TableError) -> String {
    match current() {
        Lang::Zh => error.zh(),
        Lang::En => error.to_string(),
    }
}

impl CardReport {
    /// Tells one card.
    #[must_use]
    pub fn of(outcome: &Outcome, applicants: &[Applicant]) -> Self {
        let person = outcome.applicant.and_then(|at| applicants.get(at));
        let fault = outcome.result.as_ref().err();
        Self {
            row: person.map(Applicant::row),
            line: person.map(Applicant::line),
            card_number: person.map(|applicant| applicant.number().as_str().to_owned()),
            serial: outcome.serial.clone(),
            factor: outcome.factor.clone(),
            verdict: outcome
                .result
                .as_ref()
                .map_or("failed", |verdict| verdict.name()),
            kind: fault.map(Fault::kind),
            message: fault.map(Fault::message),
            next: fault.and_then(Fault::next),
            exit_code: fault.map_or(0, |fault| fault.exit() as u8),
            timings: outcome.timings.report(),
        }
    }
}

impl Report {
    /// Tells a run.
    #[must_use]
    pub fn of(ended: &Ended, mark: &str, applicants: &[Applicant], faults: &[RowFault]) -> Self {
        let line = |at: &usize| applicants.get(*at).map(Applicant::line);
        let cards: Vec<CardReport> = ended
            .outcomes
            .iter()
            .map(|outcome| CardReport::of(outcome, applicants))
            .collect();
        let (verdict, exit) = Self::verdict(ended, &cards, faults);
        Self {
            verdict,
            mark: mark.to_owned(),
            exit_code: exit as u8,
            cards,
            row_faults: faults.iter().map(RowReport::of).collect(),
            not_reached: ended.not_reached.iter().filter_map(line).collect(),
            passed_over: ended
                .passed_over
                .iter()
                .filter_map(|(at, fault)| passed_over(applicants.get(*at)?, fault))
                .collect(),
            already_issued: ended
                .passed_over
                .iter()
                .filter(|(_, fault)| fault.slug.as_deref() == Some(HAS_CARD))
                .filter_map(|(at, _)| line(at))
                .collect(),
            settled: ended.settled,
            unsettled: ended.unsettled.iter().map(unsettled).collect(),
            message: ended.fault.as_ref().map(Fault::message),
            next: ended.fault.as_ref().and_then(Fault::next),
        }
    }

    fn verdict(ended: &Ended, cards: &[CardReport], faults: &[RowFault]) -> (String, Exit) {
        if let Some(fault) = &ended.fault {
            return (fault.kind(), fault.exit());
        }
        let failed: Vec<&CardReport> = cards.iter().filter(|card| card.exit_code != 0).collect();
        if failed
            .iter()
            .any(|card| card.exit_code == Exit::Environment as u8)
        {
            return ("cards-failed".into(), Exit::Environment);
        }
        let refused = ended
            .passed_over
            .iter()
            .any(|(_, fault)| fault.slug.as_deref() != Some(HAS_CARD));
        if refused || !failed.is_empty() || !ended.unsettled.is_empty() {
            return ("cards-failed".into(), Exit::Wrong);
        }
        if !faults.is_empty() {
            return ("rows-faulty".into(), Exit::Wrong);
        }
        ("done".into(), Exit::Done)
    }

    /// Exit code of the program.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.exit_code {
            0 => Exit::Done,
            2 => Exit::Usage,
            3 => Exit::Wrong,
            _ => Exit::Environment,
        }
    }

    /// What to do next: about the run, or about the last card that failed.
    #[must_use]
    pub fn next_step(&self) -> Option<&str> {
        self.next.as_deref().or_else(|| {
            self.cards
                .iter()
                .rev()
                .find_map(|card| card.next.as_deref())
        })
    }
}

/// The refusal with which nothing is wrong: a file is run a second time.
const HAS_CARD: &str = "person-has-card";

fn passed_over(applicant: &Applicant, fault: &ServiceFault) -> Option<PassedOver> {
    let kind = fault.slug.clone()?;
    Some(PassedOver {
        row: applicant.row(),
        line: applicant.line(),
        kind,
        message: fault.message.clone(),
    })
}

fn unsettled((serial, fault): &(String, ServiceFault)) -> Unsettled {
    let kind = fault.slug.clone().unwrap_or_default();
    Unsettled {
        serial: serial.clone(),
        kind,
        message: fault.message.clone(),
    }
}
