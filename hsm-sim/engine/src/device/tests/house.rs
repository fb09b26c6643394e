//! A store in a temporary directory, its officers, and short ways to ask.

use super::super::*;
use crate::{Birth, Engine, UnsealSecret, World};
use hsm_wire::device::Secret;
use hsm_wire::fill::Factor;
use hsm_wire::officer::{KeySource, OfficerRequest, OrderOp};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::order::{Body, OfficerKey, Order};
use hsm_wire::ticket::{Target, TicketSpec, TicketStatus};
use hsm_wire::{Algorithm, Hex, KeyAttributes, Leaves, Mark, Usage};
use std::time::{SystemTime, UNIX_EPOCH};

pub const PASSWORD: &[u8] = b"correct horse";

pub struct House {
    dir: tempfile::TempDir,
    officers: [OfficerKey; 2],
    engine: Option<Engine>,
}

pub fn secret() -> UnsealSecret {
    UnsealSecret::from_hex("77".repeat(32).as_bytes()).unwrap()
}

pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

impl House {
    pub fn new() -> Self {
        let officers = ["zhang", "li"].map(|name| OfficerKey::generate(name).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let birth = Birth {
            mark: Mark::Test,
            officers: officers.iter().map(|o| o.public().unwrap()).collect(),
            operator_hash: Hex([0; 32]),
            auditor_hash: None,
        };
        let store = dir.path().join("hsm");
        Engine::create(&store, &birth, &secret(), World::system()).unwrap();
        let mut house = Self {
            dir,
            officers,
            engine: None,
        };
        house.reopen();
        house
    }

    pub fn reopen(&mut self) {
        self.engine = None;
        let store = self.dir.path().join("hsm");
        self.engine = Some(Engine::open(&store, &secret(), World::system()).unwrap());
    }

    pub fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    pub fn order(&mut self, op: OrderOp) {
        let info = self.engine().info();
        let body = Body {
            hsm: info.id,
            sequence: info.next_order,
            expires: now() + 60,
            op,
        };
        let mut order = Order::new(body.to_text().unwrap());
        for officer in &self.officers {
            order.sign(officer).unwrap();
        }
        let done = self.engine().officer(OfficerRequest::Execute(order));
        assert!(done.is_ok());
    }

    pub fn key(
        &mut self,
        id: &str,
        algorithm: Algorithm,
        usage: Usage,
        change: fn(&mut KeyAttributes),
    ) {
        let mut attributes = KeyAttributes {
            algorithm,
            name: id.into(),
            version: 0,
            usage,
            leaves: Leaves::default(),
            depth: 0,
            quota: None,
            not_after: None,
        };
        change(&mut attributes);
        self.order(OrderOp::GenerateKey {
            id: id.into(),
            attributes,
            source: KeySource::Random,
        });
    }

    pub fn password(&mut self, index: u32) {
        let verifier = index_password_verifier(PASSWORD, [3; 16]).unwrap();
        self.order(OrderOp::SetIndexPassword { index, verifier });
    }

    pub fn ticket(&mut self, id: &str, kind: Target, count: u64, attempts: u32) {
        let spec = TicketSpec {
            id: id.into(),
            kind,
            count,
            max_attempts_per_factor: attempts,
            not_after: now() + 60,
            base_keys: vec!["none".into()],
        };
        self.order(OrderOp::CreateTicket { ticket: spec });
    }

    pub fn status(&mut self, id: &str) -> TicketStatus {
        match self
            .engine()
            .operator(OperatorRequest::Ticket { id: id.into() })
        {
            Ok(OperatorAnswer::Ticket(status)) => *status,
            _ => panic!("no ticket"),
        }
    }

    pub fn ask(
        &mut self,
        session: &mut DeviceSession,
        request: DeviceRequest,
    ) -> Result<DeviceAnswer, ErrorCode> {
        let request = OperatorRequest::Device(Box::new(request));
        match self.engine().operator_on(session, request) {
            Ok(OperatorAnswer::Device(answer)) => Ok(*answer),
            Ok(_) => panic!("another answer"),
            Err(error) => Err(error.code),
        }
    }

    /// The refusal, or nothing.
    pub fn code(
        &mut self,
        session: &mut DeviceSession,
        request: DeviceRequest,
    ) -> Option<ErrorCode> {
        self.ask(session, request).err()
    }

    /// What the audit says last: operation, object, outcome.
    pub fn last_audit(&mut self) -> (String, String, String) {
        let from = self.engine().info().audit.count - 1;
        match self.engine().operator(OperatorRequest::Audit { from }) {
            Ok(OperatorAnswer::Audit(mut page)) => {
                let record = page.pop().unwrap();
                (record.operation, record.object, record.outcome)
            }
            _ => panic!("no audit"),
        }
    }
}

pub fn access(password: &[u8]) -> DeviceRequest {
    DeviceRequest::Access {
        index: 1,
        password: Secret(password.to_vec()),
    }
}

pub fn diversify(ticket: &str, key: &str, factors: &[Factor]) -> DeviceRequest {
    DeviceRequest::Diversify {
        ticket: ticket.into(),
        key: key.into(),
        factors: factors.to_vec(),
    }
}
