//! One card, from "seen" to "registered": probe, reserve, one call to the key service, the script phase by phase, read
//! back through a SAM, register. The intent of every phase is in the journal before its first command, so that after a
//! crash or a pulled card the next attempt knows what is certain (`docs/architecture.md`, rule 4).

use std::time::{Duration, Instant};

use cardlib_card::content::CardContent;
use cardlib_card::profile::{AtrFacts, LifeCycle, Profile};
use cardlib_reader::{Card, Channel, Transaction};
use issuance_application::{Applicant, Issue, prepare};
use jiff::civil::Date;
use kms_api::{CardState, PersonalisationRequest, Script, Secret};
use kms_platform::clock::Clock;
use sm3::{Digest, Sm3};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::journal::{Event, Job, Journal, Phase, ScriptNote, Status};
use crate::ports::{Keys, Registration, Registry, Reservation};
use crate::probe::{Seen, probe};
use crate::script;
use crate::timing::{Timed, Timings};

/// Reads a card through a SAM and compares it with what was meant.
pub trait Examiner {
    /// Fails unless the card is one of ours and holds exactly this; `is_code` knows 安全码, which is not in the content.
    ///
    /// # Errors
    /// What differs, or why it could not be read.
    fn examine(
        &mut self,
        card: &mut dyn Channel,
        facts: &AtrFacts,
        content: &CardContent,
        is_code: &dyn Fn(&str) -> bool,
    ) -> Result<Evidence, Fault>;

    /// Time spent in the SAM so far.
    fn spent(&self) -> Duration;
}

/// What proves that a card was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Serial of the SAM.
    pub sam_serial: String,
    /// SM3 over the canonical bytes of what was read, 安全码 left out.
    pub digest: String,
}

/// Who issues.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// 发卡机构名称.
    pub name: String,
    /// 发卡机构代码 (D24), 16 digits.
    pub code: String,
    /// 发卡机构证书 (D20).
    pub certificate: Vec<u8>,
    /// 应用城市代码, six digits.
    pub area: String,
}

/// What a station needs to make cards.
pub struct Station<'a> {
    /// The card profile.
    pub profile: &'a Profile,
    /// The key service.
    pub keys: &'a dyn Keys,
    /// The registry.
    pub registry: &'a dyn Registry,
    /// The journal.
    pub journal: &'a mut Journal,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Who issues.
    pub issuer: Issuer,
    /// Ticket for new cards.
    pub ticket: String,
}

const LOST: Fault = Fault::Script("the journal lost a job");

/// How a card ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Made in one go.
    Issued,
    /// Begun earlier, finished now.
    Finished,
    /// Active already, not yet registered: read back and registered now.
    Recovered,
}

impl Verdict {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Finished => "finished",
            Self::Recovered => "recovered",
        }
    }
}

/// What became of a card in the reader.
pub struct Outcome {
    /// Whose card: place in the list of applicants.
    pub applicant: Option<usize>,
    /// Factor in hexadecimal, as far as the card told it.
    pub factor: Option<String>,
    /// Serial, as far as one was reserved.
    pub serial: Option<String>,
    /// How it ended.
    pub result: Result<Verdict, Fault>,
    /// Whose time it took.
    pub timings: Timings,
}

/// A card being worked on.
struct Work<'w> {
    outcome: Outcome,
    examiner: &'w mut dyn Examiner,
}

/// What the card is to become, and the job it belongs to.
struct Task {
    job: Job,
    content: CardContent,
    number: Zeroizing<String>,
    verdict: Verdict,
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
            outcome.serial = Some(job.serial.clone());
            let (at, content) = self.person_of(&job, applicants)?;
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
        let issued = self.today();
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

    fn carry_out(
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
        self.intend(task, Phase::ReadBack, None)?;
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
        self.journal
            .write(self.clock.now(), job.id, Event::ReadBack { sam, digest })?;
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

    /// Sends the script, each phase announced in the journal.
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
        });
        for phase in script::ready(script)? {
            let name = Phase::of_script(phase.name).ok_or(Fault::Script("unknown phase"))?;
            self.intend(task, name, note.take())?;
            timings.phase(phase.name, |_| phase.run(card))?;
        }
        Ok(())
    }

    fn intend(
        &mut self,
        task: &Task,
        phase: Phase,
        script: Option<ScriptNote>,
    ) -> Result<(), Fault> {
        Ok(self.journal.write(
            self.clock.now(),
            task.job.id,
            Event::Phase { phase, script },
        )?)
    }

    fn register(&mut self, job: &Job) -> Result<(), Fault> {
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
            script_digest: job.script.as_ref().map(|script| script.digest.clone()),
        })?;
        Ok(self
            .journal
            .write(self.clock.now(), job.id, Event::Registered)?)
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

    /// Registers the cards that were read back before a crash or while the registry was down.
    ///
    /// # Errors
    /// The registry refuses or is down, or the journal fails.
    pub fn settle(&mut self) -> Result<usize, Fault> {
        let waiting: Vec<Job> = self
            .journal
            .open_jobs()
            .filter(|job| job.read_back.is_some())
            .cloned()
            .collect();
        for job in &waiting {
            self.register(job)?;
        }
        Ok(waiting.len())
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

    fn today(&self) -> Date {
        today(self.clock)
    }
}

/// The date in China, which has one time zone.
#[must_use]
pub fn today(clock: &dyn Clock) -> Date {
    jiff::tz::Offset::constant(8)
        .to_datetime(clock.now())
        .date()
}

/// What the journal can check a security code with: it is three characters, so this hides it from the eye, not from an
/// attacker; it is printed on the card anyway (D22).
fn code_check(job: &Job, code: &str) -> String {
    let hash = Sm3::new()
        .chain_update(&job.serial)
        .chain_update(&job.data_hash)
        .chain_update(code)
        .finalize();
    hex::encode(&hash[..4])
}

/// What binds a card to its data: SM3 over the content's canonical bytes.
#[must_use]
pub fn data_hash(content: &CardContent) -> String {
    let mut bytes = content.canonical_bytes();
    let hash = hex::encode(Sm3::digest(&bytes));
    zeroize::Zeroize::zeroize(&mut bytes);
    hash
}
