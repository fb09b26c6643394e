//! The HSM as its two sockets see it: every request is planned, audited, made durable, applied, and then answered.

mod commit;
mod open;

use commit::{Entry, outcome};
pub use open::{Birth, OpenError};

use crate::control::{Control, enforced};
use crate::device::{self, DeviceSession};
use crate::state::{Event, State};
use crate::store::Store;
use crate::world::World;
use crate::{fill, operator, orders};
use hsm_wire::device::DeviceRequest;
use hsm_wire::fill::FillRequest;
use hsm_wire::info::HsmInfo;
use hsm_wire::officer::{OfficerAnswer, OfficerRequest, OfficerResult};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest, OperatorResult};
use hsm_wire::order::Order;
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Hex, HsmError};
use sm3::{Digest, Sm3};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Most audit records of one answer.
const AUDIT_PAGE: usize = 1000;

/// Who speaks on the operator's socket. (Officers speak on theirs, and prove each order; custodians are asked before
/// there is an engine, see [`crate::shares`].)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Has said no hello.
    Stranger,
    /// Reads the audit, and what the HSM is.
    Auditor,
    /// Uses keys.
    Operator,
}

impl Role {
    fn actor(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }
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

    /// Whether it works; after a write that failed it does not.
    ///
    /// # Errors
    /// It does not.
    pub fn check_works(&self) -> Result<(), HsmError> {
        if self.closed {
            return Err(ErrorCode::AuditClosed.into());
        }
        Ok(())
    }

    /// Serves a connection of the operator, who has proved to be him, with the part of the HSM that is its own.
    ///
    /// # Errors
    /// The refusal, for the operator.
    pub fn operator_on(
        &mut self,
        session: &mut DeviceSession,
        request: OperatorRequest,
    ) -> OperatorResult {
        match request {
            OperatorRequest::Device(request) => self.device(session, *request),
            other => self.operator(other),
        }
    }

    fn device(&mut self, session: &mut DeviceSession, request: DeviceRequest) -> OperatorResult {
        self.check_works()?;
        let audited = device::describe(&request);
        let (events, planned) = device::plan(&self.state, &mut self.world, session, request);
        if let Some((operation, object)) = audited {
            let outcome = outcome(&planned);
            self.commit(events, "operator", operation, &object, outcome)?;
        }
        let (effect, answer) = planned?;
        session.apply(effect);
        Ok(OperatorAnswer::Device(Box::new(answer)))
    }

    /// Compares the auditor's secret; a wrong one is audited.
    ///
    /// # Errors
    /// It is another one, or this HSM has no auditor.
    pub fn check_auditor(&mut self, secret: &[u8; 32]) -> Result<(), HsmError> {
        let hash: Zeroizing<[u8; 32]> = Zeroizing::new(Sm3::digest(secret).into());
        let known = self.state.auditor_hash;
        if known.is_some_and(|known| bool::from(hash.ct_eq(&known.0))) {
            return Ok(());
        }
        let wrong = ErrorCode::WrongCredential;
        self.commit(Vec::new(), "auditor", "hello", "", wrong.name())?;
        Err(wrong.into())
    }

    /// Serves whoever speaks on the operator's socket, within his role.
    ///
    /// # Errors
    /// The refusal, for him.
    pub fn serve(&mut self, role: Role, request: OperatorRequest) -> OperatorResult {
        let reads = matches!(
            request,
            OperatorRequest::Info | OperatorRequest::Audit { .. }
        );
        let refusal = match role {
            Role::Stranger => ErrorCode::NotAuthenticated,
            Role::Auditor if !reads => ErrorCode::RoleNotAllowed,
            Role::Auditor | Role::Operator => return self.operator(request),
        };
        if !enforced(Control::Role) {
            return self.operator(request);
        }
        let (operation, object) = operator::describe(&request);
        self.commit(Vec::new(), role.actor(), operation, &object, refusal.name())?;
        Err(refusal.into())
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
            let object = operator::batch_of(requests);
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
}
