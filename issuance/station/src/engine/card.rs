//! What card is in the reader, whose it is to become, and what is left over from earlier runs.

use std::time::Instant;

use cardlib_card::content::CardContent;
use cardlib_card::profile::LifeCycle;
use cardlib_reader::{Card, Transaction};
use issuance_application::{Applicant, Issue, prepare};
use jiff::civil::Date;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::digest::data_hash;
use super::make::{LOST, Task};
use super::{Examiner, Issuer, Outcome, Station, Verdict, today};
use crate::fault::Fault;
use crate::journal::{Event, Job, Status};
use crate::ports::{Reservation, ServiceFault};
use crate::probe::{Seen, probe};
use crate::timing::{Timed, Timings};

/// A card being worked on.
pub(super) struct Work<'w> {
    pub(super) outcome: Outcome,
    pub(super) examiner: &'w mut dyn Examiner,
}

impl Station<'_> {
    /// Makes or finishes the card that is in the reader. `next` is the applicant whose turn it is; a half-made card is
    /// finished for its own person, whoever's turn it is.
    pub fn card(
        &mut self,
        card: &mut dyn Card,
        examiner: &mut dyn Examiner,
        applicants: &[Applicant],
        next: Option<usize>,
    ) -> Outcome {
        let start = Instant::now();
        let outcome = Outcome {
            applicant: None,
            factor: None,
            serial: None,
            result: Err(Fault::OnlyHalfMade),
            timings: Timings::default(),
        };
        let sam_before = examiner.spent();
        let mut work = Work { outcome, examiner };
        work.outcome.result = self.transaction(card, &mut work, applicants, next);
        work.outcome.timings.sam = work.examiner.spent() - sam_before;
        work.outcome.timings.total = start.elapsed();
        work.outcome
    }

    fn transaction(
        &mut self,
        card: &mut dyn Card,
        work: &mut Work<'_>,
        applicants: &[Applicant],
        next: Option<usize>,
    ) -> Result<Verdict, Fault> {
        let begun = Instant::now();
        let mut transaction = Transaction::begin(card)?;
        let atr = transaction.atr().to_vec();
        work.outcome.timings.card += begun.elapsed();
        let mut timed = Timed::new(&mut transaction);
        let result = self.make(&mut timed, &atr, work, applicants, next);
        work.outcome.timings.card += timed.spent;
        work.outcome.timings.commands = timed.commands;
        // The reset at the end is the card's time too; that it failed matters to nobody after the verdict.
        let ending = Instant::now();
        drop(transaction);
        work.outcome.timings.card += ending.elapsed();
        result
    }

    fn make(
        &mut self,
        card: &mut Timed<'_>,
        atr: &[u8],
        work: &mut Work<'_>,
        applicants: &[Applicant],
        next: Option<usize>,
    ) -> Result<Verdict, Fault> {
        let seen = work
            .outcome
            .timings
            .phase("probe", |_| probe(card, atr, self.profile))?;
        work.outcome.factor = Some(seen.factor());
        let task = self.task(&seen, &mut work.outcome, applicants, next)?;
        let result = self.carry_out(card, &seen, &task, work);
        if let Err(fault) = &result {
            self.note_failure(&task.job, fault);
        }
        result.map(|()| task.verdict)
    }

    /// Which job the card belongs to; a new one is on the disk when this returns.
    fn task(
        &mut self,
        seen: &Seen,
        outcome: &mut Outcome,
        applicants: &[Applicant],
        next: Option<usize>,
    ) -> Result<Task, Fault> {
        let factor = seen.factor();
        let active = seen.atr.state == LifeCycle::Active;
        if let Some(job) = self.journal.open_job_of(&factor).cloned() {
            match self.person_of(&job, applicants) {
                Ok((at, content)) => {
                    outcome.serial = Some(job.serial.clone());
                    outcome.applicant = Some(at);
                    let number = Zeroizing::new(applicants[at].number().as_str().to_owned());
                    let verdict = if active {
                        Verdict::Recovered
                    } else {
                        Verdict::Finished
                    };
                    return Ok(Task {
                        job,
                        content,
                        number,
                        verdict,
                    });
                }
                // Nothing was sent to this card yet: its row may have been corrected since, and it can begin anew. The
                // registry's reservation stays and gives the same person the same serial.
                Err(_) if job.phase.is_none() && seen.atr.state == LifeCycle::Blank => {
                    let reason = "begun anew".to_owned();
                    self.journal
                        .write(self.clock.now(), job.id, Event::Voided { reason })?;
                }
                Err(fault) => {
                    outcome.serial = Some(job.serial);
                    return Err(fault);
                }
            }
        }
        let given_up = self
            .journal
            .jobs()
            .iter()
            .any(|job| job.factor == factor && job.status == Status::Voided);
        match seen.atr.state {
            LifeCycle::Blank => {}
            _ if given_up => return Err(Fault::Voided),
            _ if active => return Err(Fault::AlreadyPersonalised),
            _ => return Err(Fault::HalfMadeElsewhere),
        }
        let at = next.ok_or(Fault::OnlyHalfMade)?;
        outcome.applicant = Some(at);
        self.begin(factor, &applicants[at], outcome)
    }

    /// Reserves a serial and writes the job down.
    fn begin(
        &mut self,
        factor: String,
        applicant: &Applicant,
        outcome: &mut Outcome,
    ) -> Result<Task, Fault> {
        let number = Zeroizing::new(applicant.number().as_str().to_owned());
        let asked = Instant::now();
        let serial = self.registry.reserve(&Reservation {
            card_number: &number,
            area: &self.issuer.area,
            factor: &factor,
        });
        outcome.timings.registry += asked.elapsed();
        let serial = serial?;
        outcome.serial = Some(serial.clone());
        let issued = today(self.clock);
        let content = prepare(applicant, &self.issue(&serial, issued), self.profile)?;
        let job = Uuid::new_v4();
        let data_hash = data_hash(&content);
        let ticket = self.ticket.clone();
        self.journal.write(
            self.clock.now(),
            job,
            Event::Begin {
                factor: factor.clone(),
                serial,
                data_hash,
                issued,
                ticket,
            },
        )?;
        let job = self.journal.open_job_of(&factor).cloned().ok_or(LOST)?;
        Ok(Task {
            job,
            content,
            number,
            verdict: Verdict::Issued,
        })
    }

    /// Writes down that an attempt ended early. Where the key service refuses this very card before anything was sent to
    /// it, the job is given up at once, so that its person can have another card.
    fn note_failure(&mut self, job: &Job, fault: &Fault) {
        let untouched = self
            .journal
            .open_job_of(&job.factor)
            .is_some_and(|job| job.phase.is_none());
        let refused = matches!(fault, Fault::Service(fault) if fault.refuses_the_card());
        let kind = fault.kind();
        let noted = self.journal.write(
            self.clock.now(),
            job.id,
            Event::Failed { kind: kind.clone() },
        );
        if noted.is_ok() && untouched && refused && self.registry.void(&job.serial, &kind).is_ok() {
            // Without this line the job stays open and can be voided by hand.
            let _ = self
                .journal
                .write(self.clock.now(), job.id, Event::Voided { reason: kind });
        }
    }

    /// Registers the cards that were read back before a crash or while the registry was down; how many, and which the
    /// registry refuses.
    ///
    /// # Errors
    /// The registry is down, or the journal fails.
    pub fn settle(&mut self) -> Result<(usize, Vec<(String, ServiceFault)>), Fault> {
        let read_back = |job: &&Job| job.read_back.is_some();
        let waiting: Vec<Job> = self
            .journal
            .open_jobs()
            .filter(read_back)
            .cloned()
            .collect();
        let mut refused = Vec::new();
        for job in &waiting {
            match self.register(job) {
                Err(Fault::Service(fault)) if !fault.is_down() => {
                    refused.push((job.serial.clone(), fault))
                }
                done => done?,
            }
        }
        Ok((waiting.len() - refused.len(), refused))
    }

    /// Places of the applicants who have a half-made card already.
    #[must_use]
    pub fn held(&self, applicants: &[Applicant]) -> Vec<usize> {
        self.journal
            .open_jobs()
            .filter_map(|job| self.person_of(job, applicants).ok())
            .map(|(at, _)| at)
            .collect()
    }

    /// The applicant whose content has the job's hash: the journal names nobody.
    fn person_of(
        &self,
        job: &Job,
        applicants: &[Applicant],
    ) -> Result<(usize, CardContent), Fault> {
        let issue = self.issue(&job.serial, job.issued);
        for (at, applicant) in applicants.iter().enumerate() {
            let Ok(content) = prepare(applicant, &issue, self.profile) else {
                continue;
            };
            if data_hash(&content) == job.data_hash {
                return Ok((at, content));
            }
        }
        Err(Fault::PersonNotInFile {
            serial: job.serial.clone(),
        })
    }

    fn issue(&self, serial: &str, issued: Date) -> Issue {
        let Issuer {
            name,
            code,
            certificate,
            area,
        } = self.issuer.clone();
        Issue {
            issuer_name: name,
            issuer_code: code,
            issuer_certificate: certificate,
            issued,
            area,
            serial: serial.to_owned(),
        }
    }
}
