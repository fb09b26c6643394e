//! The script phase by phase, the read-back, the registration: each announced in the journal before it begins.

use std::time::Instant;

use cardlib_card::content::CardContent;
use kms_api::{CardState, PersonalisationRequest, Script, Secret};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::card::Work;
use super::digest::code_check;
use super::{Evidence, Station, Verdict};
use crate::fault::Fault;
use crate::journal::{Event, Job, Phase, ScriptNote};
use crate::ports::Registration;
use crate::probe::Seen;
use crate::script;
use crate::timing::{Timed, Timings};

pub(super) const LOST: Fault = Fault::Script("the journal lost a job");

/// What the card is to become, and the job it belongs to.
pub(super) struct Task {
    pub(super) job: Job,
    pub(super) content: CardContent,
    pub(super) number: Zeroizing<String>,
    pub(super) verdict: Verdict,
}

impl Station<'_> {
    pub(super) fn carry_out(
        &mut self,
        card: &mut Timed<'_>,
        seen: &Seen,
        task: &Task,
        work: &mut Work<'_>,
    ) -> Result<(), Fault> {
        if let Some(base) = seen.base {
            let script = self.ask(seen, base, task, &mut work.outcome.timings)?;
            self.write(card, &script, task, &mut work.outcome.timings)?;
        }
        // Reading changes nothing on the card: the line may reach the disk meanwhile.
        self.announce(task, Phase::ReadBack, None)?;
        let job = self
            .journal
            .open_job_of(&task.job.factor)
            .cloned()
            .ok_or(LOST)?;
        let is_code = |code: &str| {
            job.script
                .as_ref()
                .is_some_and(|script| script.code == code_check(&job, code))
        };
        let examiner = &mut *work.examiner;
        let examined = work.outcome.timings.phase("read-back", |_| {
            examiner.examine(card, &seen.atr, &task.content, &is_code)
        });
        let Evidence {
            sam_serial: sam,
            digest,
        } = examined?;
        // On its way to the disk while the registry is told: were the line lost, the card would be read and registered again,
        // which changes nothing.
        let read_back = Event::ReadBack { sam, digest };
        self.journal.announce(self.clock.now(), job.id, read_back)?;
        let told = Instant::now();
        let job = self
            .journal
            .open_job_of(&task.job.factor)
            .cloned()
            .ok_or(LOST)?;
        let registered = self.register(&job);
        work.outcome.timings.registry += told.elapsed();
        registered
    }

    /// One round trip to the key service. A job of which nothing was sent yet is paid by the ticket at hand: the one it was
    /// begun with may be what it failed for.
    fn ask(
        &self,
        seen: &Seen,
        base: CardState,
        task: &Task,
        timings: &mut Timings,
    ) -> Result<Script, Fault> {
        let ticket = if task.job.phase.is_none() {
            &self.ticket
        } else {
            &task.job.ticket
        };
        let request = PersonalisationRequest {
            request_id: Uuid::new_v4(),
            ticket: ticket.clone(),
            factor: seen.atr.factor,
            vendor: seen.atr.vendor,
            cos_version: seen.atr.version,
            card: base,
            person: Secret::new(task.number.to_string()),
            content: task.content.clone(),
        };
        let asked = Instant::now();
        let script = self.keys.card(&request);
        timings.kms += asked.elapsed();
        Ok(script?)
    }

    /// Sends the script. Each phase is announced in the journal while the last commands of the one before are under way, and
    /// begins when that line is on the disk.
    fn write(
        &mut self,
        card: &mut Timed<'_>,
        script: &Script,
        task: &Task,
        timings: &mut Timings,
    ) -> Result<(), Fault> {
        let code = script
            .security_code
            .as_deref()
            .ok_or(Fault::Script("no security code"))?;
        let mut note = Some(ScriptNote {
            digest: script.digest.clone(),
            code: code_check(&task.job, code),
            receipt: script.receipt.clone(),
        });
        let phases = script::ready(script)?;
        let names = phases
            .iter()
            .map(|phase| Phase::of_script(phase.name).ok_or(Fault::Script("unknown phase")));
        let mut names = names.collect::<Result<Vec<_>, _>>()?.into_iter();
        if let Some(first) = names.next() {
            self.announce(task, first, note.take())?;
        }
        for phase in &phases {
            self.journal.settled()?;
            let mut next = names.next();
            let mut near_end = || {
                next.take()
                    .map_or(Ok(()), |next| self.announce(task, next, None))
            };
            let kept = timings.phase(phase.name, |_| phase.run(card, &mut near_end))?;
            if !kept.is_empty() {
                return Err(Fault::Script("a user card has no answer to keep"));
            }
        }
        Ok(())
    }

    fn announce(
        &mut self,
        task: &Task,
        phase: Phase,
        script: Option<ScriptNote>,
    ) -> Result<(), Fault> {
        let event = Event::Phase { phase, script };
        Ok(self
            .journal
            .announce(self.clock.now(), task.job.id, event)?)
    }

    pub(super) fn register(&mut self, job: &Job) -> Result<(), Fault> {
        let (sam_serial, read_back_digest) = job
            .read_back
            .clone()
            .ok_or(Fault::ReadBack(String::new()))?;
        self.registry.register(&Registration {
            serial: job.serial.clone(),
            factor: job.factor.clone(),
            data_hash: job.data_hash.clone(),
            read_back_digest,
            sam_serial,
            // A card whose code differs never comes here: it is no read-back.
            security_code: true,
            receipt: job
                .script
                .as_ref()
                .and_then(|script| script.receipt.clone()),
        })?;
        // Were this line lost, the card would be registered again, which changes nothing.
        Ok(self
            .journal
            .announce(self.clock.now(), job.id, Event::Registered)?)
    }
}
