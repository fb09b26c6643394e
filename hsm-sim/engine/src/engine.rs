//! The HSM as its two sockets see it: every request is planned, audited, made durable, applied, and then answered.

use crate::sm2key::Sm2Key;
use crate::state::{Event, State};
use crate::store::{Store, StoreError, UnsealSecret};
use crate::world::World;
use crate::{fill, operator, orders};
use hsm_wire::fill::FillRequest;
use hsm_wire::info::{AuditHead, HsmInfo};
use hsm_wire::officer::{OfficerAnswer, OfficerRequest, OfficerResult};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest, OperatorResult};
use hsm_wire::order::{OfficerPublic, Order};
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Hex, HsmError, Mark, gm, valid_name};
use sm3::{Digest, Sm3};
use std::collections::BTreeMap;
use std::path::Path;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Most audit records of one answer.
const AUDIT_PAGE: usize = 1000;

/// An HSM that cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Refused(#[from] HsmError),
    #[error("at least two officers with different names and keys are needed")]
    Officers,
}

/// What a new HSM starts with.
pub struct Birth {
    pub mark: Mark,
    pub officers: Vec<OfficerPublic>,
    /// SM3 of the operator's secret.
    pub operator_hash: Hex<32>,
}

/// An open HSM.
pub struct Engine {
    state: State,
    store: Store,
    world: World,
    /// Store or audit could not be written: nothing works any more (fail closed).
    closed: bool,
}

impl Engine {
    /// Makes a new HSM in a directory that does not hold one. It is left closed; open it to use it.
    ///
    /// # Errors
    /// Fewer than two officers, or the store cannot be written.
    pub fn create(
        dir: &Path,
        birth: &Birth,
        secret: &UnsealSecret,
        mut world: World,
    ) -> Result<HsmInfo, OpenError> {
        let officers = check_officers(&birth.officers)?;
        let keys = (Sm2Key::random(&mut world)?, Sm2Key::random(&mut world)?);
        let mut state = State::new(birth.mark, keys, officers, birth.operator_hash)?;
        let genesis = state.next_audit(
            world.clock.now(),
            "hsm",
            "init",
            &birth.mark.to_string(),
            "done",
        );
        state.apply(Event::Audit(genesis));
        Store::create(dir, secret, &state, &mut world)?;
        Ok(state.info())
    }

    /// Opens an HSM.
    ///
    /// # Errors
    /// Wrong secret, a store that was changed, or one that another process has open.
    pub fn open(dir: &Path, secret: &UnsealSecret, world: World) -> Result<Self, OpenError> {
        let opened = Store::open(dir, secret)?;
        let mut engine = Self {
            state: opened.state,
            store: opened.store,
            world,
            closed: false,
        };
        if opened.dropped > 0 {
            tracing::warn!(
                bytes = opened.dropped,
                "dropped a write that was cut off; nothing was given out for it"
            );
        }
        engine.commit(
            Vec::new(),
            "hsm",
            "open",
            &format!("dropped {} bytes", opened.dropped),
            "done",
        )?;
        Ok(engine)
    }

    /// The HSM itself.
    #[must_use]
    pub fn info(&self) -> HsmInfo {
        self.state.info()
    }

    /// Compares the operator's secret; a wrong one is audited.
    ///
    /// # Errors
    /// It is another one.
    pub fn check_operator(&mut self, secret: &[u8; 32]) -> Result<(), HsmError> {
        let hash: Zeroizing<[u8; 32]> = Zeroizing::new(Sm3::digest(secret).into());
        if bool::from(hash.ct_eq(&self.state.operator_hash.0)) {
            return Ok(());
        }
        self.commit(
            Vec::new(),
            "operator",
            "hello",
            "",
            ErrorCode::WrongCredential.name(),
        )?;
        Err(ErrorCode::WrongCredential.into())
    }

    /// Serves the operator, who has proved to be him.
    ///
    /// # Errors
    /// The refusal, for the operator.
    pub fn operator(&mut self, request: OperatorRequest) -> OperatorResult {
        if self.closed {
            return Err(ErrorCode::AuditClosed.into());
        }
        if let Some(answer) = operator::read(&self.state, &mut self.world, &request) {
            return answer;
        }
        if let OperatorRequest::Audit { from } = request {
            return self.audit_page(from);
        }
        match &request {
            OperatorRequest::FillCards(requests) => return self.fill_all(Target::Card, requests),
            OperatorRequest::FillSams(requests) => return self.fill_all(Target::Sam, requests),
            _ => {}
        }
        let (operation, object) = operator::describe(&request);
        let planned = operator::plan(&self.state, &mut self.world, &request);
        self.finish(planned, "operator", operation, &object)
    }

    /// A batch of fills: an outcome and an audit record for each, and one durable write for all.
    fn fill_all(&mut self, target: Target, requests: &[FillRequest]) -> OperatorResult {
        let operation = match target {
            Target::Card => "fill-card",
            Target::Sam => "fill-sam",
        };
        if let Err(error) = operator::check_batch(requests) {
            let object = format!("a batch of {}", requests.len());
            return self.finish(Err(error), "operator", operation, &object);
        }
        let planned = fill::plan_all(&self.state, &mut self.world, target, requests);
        let mut entries = Vec::with_capacity(requests.len());
        let mut events = Vec::new();
        let mut answers = Vec::with_capacity(requests.len());
        for (request, planned) in requests.iter().zip(planned) {
            entries.push(Entry {
                operation,
                object: operator::filled(request),
                outcome: outcome(&planned),
            });
            answers.push(planned.map(|(planned, answer)| {
                events.extend(planned);
                answer
            }));
        }
        self.commit_all(events, "operator", &entries)?;
        Ok(OperatorAnswer::FilledMany(answers))
    }

    /// Serves the officers' socket.
    ///
    /// # Errors
    /// The refusal, for whoever brought the order.
    pub fn officer(&mut self, request: OfficerRequest) -> OfficerResult {
        if self.closed {
            return Err(ErrorCode::AuditClosed.into());
        }
        match request {
            OfficerRequest::Info => Ok(OfficerAnswer::Info(Box::new(self.state.info()))),
            OfficerRequest::Execute(order) => self.execute(&order),
        }
    }

    fn execute(&mut self, order: &Order) -> OfficerResult {
        let authentic = match orders::authenticate(&self.state, self.world.clock.now(), order) {
            Ok(authentic) => authentic,
            Err(error) => {
                let object = format!("SM3 {}", Hex::<32>(Sm3::digest(&order.body).into()));
                return self.finish(Err(error), "officers:unproved", "order", &object);
            }
        };
        let object = orders::object(&authentic.op);
        let operation = authentic.op.name();
        // An authentic order is spent whether or not it succeeds: nobody keeps one in a drawer.
        let mut events = vec![Event::OrderSpent];
        let planned = orders::plan(&self.state, &mut self.world, authentic.op);
        let outcome = outcome(&planned);
        let result = planned.map(|(planned, done)| {
            events.extend(planned);
            OfficerAnswer::Executed(done)
        });
        self.commit(events, &authentic.actor, operation, &object, outcome)?;
        result
    }

    /// Audits and makes durable what was planned, then answers; a refusal is audited too.
    fn finish<A>(
        &mut self,
        planned: Result<(Vec<Event>, A), HsmError>,
        actor: &str,
        operation: &'static str,
        object: &str,
    ) -> Result<A, HsmError> {
        let outcome = outcome(&planned);
        let (events, result) = match planned {
            Ok((events, answer)) => (events, Ok(answer)),
            Err(error) => (Vec::new(), Err(error)),
        };
        self.commit(events, actor, operation, object, outcome)?;
        result
    }

    fn commit(
        &mut self,
        events: Vec<Event>,
        actor: &str,
        operation: &'static str,
        object: &str,
        outcome: &'static str,
    ) -> Result<(), HsmError> {
        let object = object.to_owned();
        let entry = Entry {
            operation,
            object,
            outcome,
        };
        self.commit_all(events, actor, &[entry])
    }

    /// Rule 5: quota, audit and every other change are on the disk when this returns; if they cannot be, the HSM stops.
    fn commit_all(
        &mut self,
        mut events: Vec<Event>,
        actor: &str,
        entries: &[Entry],
    ) -> Result<(), HsmError> {
        if self.closed {
            return Err(ErrorCode::AuditClosed.into());
        }
        let (now, mut head) = (self.world.clock.now(), self.state.audit);
        for Entry {
            operation,
            object,
            outcome,
        } in entries
        {
            let record = crate::state::audit_after(&head, now, actor, operation, object, outcome);
            head = AuditHead {
                count: record.number + 1,
                hash: record.hash,
            };
            events.push(Event::Audit(record));
        }
        if let Err(error) = self.store.append(&events, &mut self.world) {
            // The nonce is drawn before the first byte is written: nothing has changed, and nothing is given out.
            if matches!(error, StoreError::Entropy) {
                tracing::error!("no random numbers for the journal: the operation was refused");
                return Err(ErrorCode::EntropyFailed.into());
            }
            tracing::error!(%error, "the store cannot be written; the HSM stops working");
            self.closed = true;
            return Err(ErrorCode::AuditClosed.into());
        }
        for event in events {
            self.state.apply(event);
        }
        if self.store.wants_compaction() {
            self.compact();
        }
        Ok(())
    }

    /// Starts a new snapshot and journal. Not being able to is no harm: the journal goes on.
    pub fn compact(&mut self) {
        if let Err(error) = self.store.compact(&mut self.state, &mut self.world) {
            tracing::warn!(%error, "the store could not be compacted; the journal goes on");
        }
    }

    fn audit_page(&mut self, from: u64) -> OperatorResult {
        let recent_from = self
            .state
            .audit_recent
            .first()
            .map_or(self.state.audit.count, |record| record.number);
        let mut page = Vec::new();
        if from < recent_from {
            page = self
                .store
                .archived_audit(from, AUDIT_PAGE)
                .map_err(|error| {
                    tracing::error!(%error, "audit archive");
                    HsmError::about(ErrorCode::Internal, "audit archive")
                })?;
            page.retain(|record| record.number < recent_from);
        }
        let recent = self
            .state
            .audit_recent
            .iter()
            .filter(|record| record.number >= from);
        page.extend(recent.take(AUDIT_PAGE - page.len()).cloned());
        Ok(OperatorAnswer::Audit(page))
    }
}

/// What the audit will say of one operation.
struct Entry {
    operation: &'static str,
    object: String,
    outcome: &'static str,
}

fn outcome<A>(planned: &Result<A, HsmError>) -> &'static str {
    match planned {
        Ok(_) => "done",
        Err(error) => error.code.name(),
    }
}

fn check_officers(officers: &[OfficerPublic]) -> Result<BTreeMap<String, Hex<64>>, OpenError> {
    let mut found: BTreeMap<String, Hex<64>> = BTreeMap::new();
    for officer in officers {
        let usable = valid_name(&officer.name) && gm::check_public_key(&officer.public_key).is_ok();
        let new = !found.contains_key(&officer.name)
            && !found.values().any(|key| *key == officer.public_key);
        if !usable || !new {
            return Err(OpenError::Officers);
        }
        found.insert(officer.name.clone(), officer.public_key);
    }
    if found.len() < 2 {
        return Err(OpenError::Officers);
    }
    Ok(found)
}
