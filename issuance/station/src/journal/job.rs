//! What the lines of one job add up to.

use jiff::civil::Date;
use uuid::Uuid;

use super::record::{Event, Phase, Record, ScriptNote};

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Half made: to be finished or voided.
    Open,
    /// In the registry.
    Registered,
    /// Given up.
    Voided,
}

/// One card, from taking on to registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: Uuid,
    /// Card factor, hexadecimal.
    pub factor: String,
    /// Serial from the registry.
    pub serial: String,
    /// SM3 of the content.
    pub data_hash: String,
    /// Issue date in the content.
    pub issued: Date,
    /// Ticket.
    pub ticket: String,
    /// The last phase whose intent was written; none before the first.
    pub phase: Option<Phase>,
    /// The last script that was begun.
    pub script: Option<ScriptNote>,
    /// Serial of the SAM through which it was read back and found right, and the digest of what was read.
    pub read_back: Option<(String, String)>,
    /// How it stands.
    pub status: Status,
}

impl Job {
    /// Takes a line into the list of jobs; whether it made sense there.
    pub(crate) fn replay(jobs: &mut Vec<Self>, record: Record) -> bool {
        let known = jobs.iter().rposition(|job| job.id == record.job);
        match (record.event, known) {
            (
                Event::Begin {
                    factor,
                    serial,
                    data_hash,
                    issued,
                    ticket,
                },
                None,
            ) => {
                let (phase, script, read_back, status) = (None, None, None, Status::Open);
                jobs.push(Self {
                    id: record.job,
                    factor,
                    serial,
                    data_hash,
                    issued,
                    ticket,
                    phase,
                    script,
                    read_back,
                    status,
                });
                true
            }
            (Event::Begin { .. }, Some(_)) | (_, None) => false,
            (event, Some(at)) => jobs[at].take(event),
        }
    }

    fn take(&mut self, event: Event) -> bool {
        if self.status != Status::Open {
            return false;
        }
        match event {
            Event::Begin { .. } => return false,
            Event::Phase { phase, script } => {
                self.phase = Some(phase);
                self.script = script.or(self.script.take());
            }
            Event::Failed { .. } => {}
            Event::ReadBack { sam, digest } => self.read_back = Some((sam, digest)),
            Event::Registered => self.status = Status::Registered,
            Event::Voided { .. } => self.status = Status::Voided,
        }
        true
    }
}
