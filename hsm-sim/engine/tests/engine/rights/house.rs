//! An HSM for one attempt: keys of every usage in the state of the trial.

use super::super::common::*;
use hsm_engine::Role;
use hsm_wire::attributes::Hold;
use hsm_wire::officer::{OrderOp, PeerKind};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::ticket::Target;
use hsm_wire::{BaseClass, HsmError, KeyAttributes, Mark, Usage};
use std::sync::atomic::Ordering;

/// When keys of state `expired` end.
const END: u64 = NOW + 100;

pub struct Trial {
    pub hsm: Hsm,
    pub state: String,
}

impl Trial {
    /// The keys `subject-…`, one for each operation, are in this state.
    pub fn new(state: &str) -> Self {
        let mut hsm = Hsm::province(Mark::Test, None);
        let lower = Hsm::new(Mark::Test);
        hsm.enrol("lower", PeerKind::Lower, &lower.info());
        let base = |class| sm4("base", Usage::SessionBase(class), 0, (Some(0), None, None));
        let derive = sm4("slot", Usage::Derive, 0, (Some(0), Some(0), Some(1)));
        let mac = sm4("mac", Usage::Mac, 0, (Some(0), None, None));
        for (id, attributes, other) in [
            ("subject-mac", mac.clone(), derive.clone()),
            (
                "subject-sign",
                sm2("sign", Usage::Sign),
                sm2("sign", Usage::SignByOrder),
            ),
            (
                "subject-root",
                sm2("root", Usage::SignByOrder),
                sm2("root", Usage::Decrypt),
            ),
            ("subject-slot", derive.clone(), mac.clone()),
            (
                "subject-card",
                base(BaseClass::CardTransport),
                derive.clone(),
            ),
            ("subject-sam", base(BaseClass::SamTransport), derive),
        ] {
            let attributes = if state == "other-usage" {
                other
            } else {
                attributes
            };
            let limits = KeyAttributes {
                not_after: (state == "expired").then_some(END),
                quota: (state == "used-up").then_some(1),
                ..attributes
            };
            hsm.random_key(id, limits).ok().unwrap();
        }
        hsm.ticket(
            "trial-cards",
            Target::Card,
            9,
            &["transport", "subject-card"],
        );
        hsm.ticket(
            "trial-sams",
            Target::Sam,
            9,
            &["sam-transport", "subject-sam"],
        );
        let mut trial = Self {
            hsm,
            state: state.to_owned(),
        };
        trial.bring_about();
        trial
    }

    /// Time passes, uses are made, keys go.
    fn bring_about(&mut self) {
        const SUBJECTS: [&str; 6] = [
            "subject-mac",
            "subject-sign",
            "subject-root",
            "subject-slot",
            "subject-card",
            "subject-sam",
        ];
        match self.state.as_str() {
            "expired" => self.hsm.clock.0.store(END + 1, Ordering::SeqCst),
            "destroyed" => {
                for id in SUBJECTS {
                    self.hsm
                        .order(OrderOp::DestroyKey { id: id.to_owned() })
                        .unwrap();
                }
            }
            "suspended" | "barred" => {
                let hold = match self.state.as_str() {
                    "barred" => Hold::Barred,
                    _ => Hold::Suspended,
                };
                for id in SUBJECTS {
                    let id = id.to_owned();
                    self.hsm.order(OrderOp::HoldKey { id, hold }).unwrap();
                }
            }
            "used-up" => {
                for operation in [
                    "mac",
                    "sm2-sign",
                    "sign",
                    "fill-card-slot",
                    "fill-card-base",
                    "fill-sam-base",
                ] {
                    let by = if operation == "sign" {
                        "two-officers"
                    } else {
                        "operator"
                    };
                    super::attempts::with_key(self, operation, by).unwrap();
                }
            }
            _ => {}
        }
    }

    /// On the operator's socket.
    pub fn ask(
        &mut self,
        role: &str,
        request: OperatorRequest,
    ) -> Result<OperatorAnswer, HsmError> {
        let role = match role {
            "operator" => Role::Operator,
            "auditor" => Role::Auditor,
            // Officers have no secret for this socket.
            _ => Role::Stranger,
        };
        self.hsm.engine.serve(role, request)
    }

    /// On the officers' socket, with as many signatures as the role has.
    pub fn order(&mut self, role: &str, op: OrderOp) -> Result<(), HsmError> {
        let signers: &[usize] = match role {
            "two-officers" => &[0, 1],
            "one-officer" => &[0],
            _ => &[],
        };
        let order = self.hsm.signed(&self.hsm.body(op), signers);
        self.hsm.execute(order).map(drop)
    }

    pub fn last_outcome(&mut self) -> String {
        let from = self.hsm.info().audit.count - 1;
        match self.hsm.engine.operator(OperatorRequest::Audit { from }) {
            Ok(OperatorAnswer::Audit(records)) => records[0].outcome.clone(),
            _ => panic!("no audit"),
        }
    }
}
