//! How each operation is tried.

use super::super::common::*;
use super::house::Trial;
use hsm_wire::attributes::Hold;
use hsm_wire::fill::FillRequest;
use hsm_wire::officer::{ExportEntry, KeySource, OfficerRequest, OrderDone, OrderOp, PeerKind};
use hsm_wire::operator::{OperatorRequest, SignInput};
use hsm_wire::order::OfficerKey;
use hsm_wire::ticket::{Target, TicketSpec};
use hsm_wire::{Hex, HsmError, Mark, Usage};

/// Every operation of the two sockets, by the names that the audit has.
pub const OPERATIONS: [&str; 39] = [
    "info",
    "audit",
    "list-keys",
    "list-tickets",
    "ticket",
    "list-peers",
    "last-package",
    "random",
    "device",
    "key",
    "mac",
    "sm2-sign",
    "fill-card",
    "fill-sam",
    "generate-key",
    "import-raw",
    "destroy-key",
    "hold-key",
    "enrol-officer",
    "remove-officer",
    "enrol-peer",
    "remove-peer",
    "load-policy",
    "remove-policy",
    "create-ticket",
    "close-ticket",
    "export-package",
    "import-package",
    "sign",
    "set-operator",
    "combine-keys",
    "back-up-keys",
    "restore-keys",
    "reshare-keys",
    "seal-transcript",
    "set-terms",
    "issue-lease",
    "take-lease",
    "list-leases",
];

fn export(key: &str) -> OrderOp {
    OrderOp::ExportPackage {
        receiver: "lower".to_owned(),
        purpose: "trial".to_owned(),
        entries: vec![ExportEntry {
            key: key.to_owned(),
            factors: vec![],
            new_id: "handed-down".to_owned(),
            leaves: None,
        }],
        payload: String::new(),
    }
}

/// A package from an HSM above.
fn package(trial: &mut Trial) -> String {
    let mut upper = Hsm::new(Mark::Test);
    upper.enrol("lower", PeerKind::Lower, &trial.hsm.info());
    let fresh = trial.hsm.request_id()[7];
    let name = format!("upper{fresh}");
    trial.hsm.enrol(&name, PeerKind::Upper, &upper.info());
    let attributes = sm4("new", Usage::Mac, 0, (Some(0), None, None));
    upper.random_key("new", attributes).ok().unwrap();
    match upper.order(export("new")).unwrap() {
        OrderDone::Package(text) => text,
        _ => panic!("no package"),
    }
}

fn terms(peer: &str) -> OrderOp {
    OrderOp::SetTerms {
        peer: peer.to_owned(),
        terms: hsm_wire::lease::Terms {
            lease_seconds: 60,
            standing: hsm_wire::lease::Standing::Active,
            withdrawn: vec![],
            quota: None,
        },
    }
}

/// A lease of an HSM above.
fn lease(trial: &mut Trial) -> String {
    let mut upper = Hsm::new(Mark::Test);
    upper.enrol("lower", PeerKind::Lower, &trial.hsm.info());
    let fresh = trial.hsm.request_id()[7];
    let name = format!("leasing{fresh}");
    trial.hsm.enrol(&name, PeerKind::Upper, &upper.info());
    upper.order(terms("lower")).unwrap();
    let request = OperatorRequest::IssueLease {
        peer: "lower".to_owned(),
    };
    match upper.engine.operator(request).unwrap() {
        hsm_wire::operator::OperatorAnswer::Lease(text) => text,
        _ => panic!("no lease"),
    }
}

fn reading(trial: &mut Trial, operation: &str) -> Option<OperatorRequest> {
    Some(match operation {
        "audit" => OperatorRequest::Audit { from: 0 },
        "list-keys" => OperatorRequest::ListKeys,
        "list-tickets" => OperatorRequest::ListTickets,
        "ticket" => OperatorRequest::Ticket {
            id: "trial-cards".to_owned(),
        },
        "list-peers" => OperatorRequest::ListPeers,
        "last-package" => {
            trial.hsm.order(export("provincial")).unwrap();
            OperatorRequest::LastPackage {
                peer: "lower".to_owned(),
            }
        }
        "random" => OperatorRequest::Random { length: 16 },
        "list-leases" => OperatorRequest::Leases,
        "issue-lease" => {
            trial.hsm.order(terms("lower")).unwrap();
            OperatorRequest::IssueLease {
                peer: "lower".to_owned(),
            }
        }
        "take-lease" => OperatorRequest::TakeLease {
            lease: lease(trial),
        },
        _ => return None,
    })
}

/// The connection's own part needs a session: the role decides before it.
fn device(trial: &mut Trial, role: &str) -> Result<(), HsmError> {
    use hsm_engine::device::DeviceSession;
    use hsm_wire::device::DeviceRequest;
    let request = OperatorRequest::Device(Box::new(DeviceRequest::GeneratePair));
    if role == "operator" {
        let mut session = DeviceSession::new();
        return trial
            .hsm
            .engine
            .operator_on(&mut session, request)
            .map(drop);
    }
    trial.ask(role, request).map(drop)
}

/// An operation that concerns no key.
pub fn plain(trial: &mut Trial, operation: &str, role: &str) -> Result<(), HsmError> {
    if operation == "device" {
        return device(trial, role);
    }
    if operation == "info" {
        return if role.ends_with("officer") || role.ends_with("officers") {
            trial.hsm.engine.officer(OfficerRequest::Info).map(drop)
        } else {
            trial.ask(role, OperatorRequest::Info).map(drop)
        };
    }
    if let Some(request) = reading(trial, operation) {
        return trial.ask(role, request).map(drop);
    }
    let op = order(trial, operation);
    trial.order(role, op)
}

fn order(trial: &mut Trial, operation: &str) -> OrderOp {
    let name = || "new".to_owned();
    let mac = || sm4("new", Usage::Mac, 0, (None, None, None));
    match operation {
        "generate-key" => OrderOp::GenerateKey {
            id: name(),
            attributes: mac(),
            source: KeySource::Random,
        },
        "import-raw" => OrderOp::ImportRaw {
            id: name(),
            attributes: mac(),
            bytes: "00".repeat(16),
        },
        "import-package" => OrderOp::ImportPackage {
            package: package(trial),
        },
        "enrol-officer" => OrderOp::EnrolOfficer {
            name: name(),
            public_key: OfficerKey::generate("new")
                .unwrap()
                .public()
                .unwrap()
                .public_key,
        },
        "remove-officer" => OrderOp::RemoveOfficer {
            name: "wang".to_owned(),
        },
        "enrol-peer" => {
            let info = Hsm::new(Mark::Test).info();
            OrderOp::EnrolPeer {
                name: name(),
                kind: PeerKind::Lower,
                signing_key: info.signing_key,
                encryption_key: info.encryption_key,
                fingerprint: info.id,
            }
        }
        "remove-peer" => OrderOp::RemovePeer {
            name: "lower".to_owned(),
        },
        "load-policy" => OrderOp::LoadPolicy {
            policy: serde_json::from_str(hsm_engine::POLICY_STANDARD).unwrap(),
        },
        "remove-policy" => OrderOp::RemovePolicy,
        "create-ticket" => OrderOp::CreateTicket {
            ticket: TicketSpec {
                id: name(),
                kind: Target::Card,
                count: 1,
                max_attempts_per_factor: 1,
                not_after: NOW + 1000,
                base_keys: vec!["CMK".to_owned()],
            },
        },
        "close-ticket" => OrderOp::CloseTicket {
            id: "cards".to_owned(),
        },
        "set-operator" => OrderOp::SetOperator {
            secret_hash: Hex([7; 32]),
        },
        "set-auditor" => OrderOp::SetAuditor {
            secret_hash: Hex([7; 32]),
        },
        "set-index-password" => OrderOp::SetIndexPassword {
            index: 1,
            verifier: Hex([7; 48]),
        },
        "set-terms" => terms("lower"),
        other => ceremony(trial, other),
    }
}

/// Steps of a ceremony, each with what it needs to succeed.
fn ceremony(trial: &mut Trial, operation: &str) -> OrderOp {
    use crate::custody::{CEREMONY, back_up, custody, given};
    let people = ["chen", "chu"];
    match operation {
        "combine-keys" => crate::custody::combination(&trial.hsm),
        "back-up-keys" => OrderOp::BackUpKeys {
            ceremony: CEREMONY,
            keys: vec!["CMK".to_owned()],
            custody: custody(&trial.hsm, 2, &people),
        },
        "restore-keys" => {
            let made = back_up(&mut trial.hsm, &["CMK"], 2, &people);
            OrderOp::RestoreKeys {
                ceremony: CEREMONY,
                shares: given(&trial.hsm, &made, &people),
                backup: made.backup,
            }
        }
        "reshare-keys" => {
            let made = back_up(&mut trial.hsm, &["CMK"], 2, &people);
            OrderOp::ReshareKeys {
                ceremony: CEREMONY,
                shares: given(&trial.hsm, &made, &people),
                backup: made.backup,
                custody: custody(&trial.hsm, 2, &people),
            }
        }
        "seal-transcript" => OrderOp::SealTranscript {
            ceremony: CEREMONY,
            previous: Hex([0; 32]),
            transcript: Hex([1; 32]),
        },
        other => panic!("no attempt at {other}"),
    }
}

fn card(trial: &mut Trial, change: impl FnOnce(&mut FillRequest)) -> OperatorRequest {
    let mut request = trial.hsm.card_request();
    request.ticket = "trial-cards".to_owned();
    change(&mut request);
    OperatorRequest::FillCard(Box::new(request))
}

fn sam(trial: &mut Trial, change: impl FnOnce(&mut FillRequest)) -> OperatorRequest {
    let mut request = trial.hsm.sam_request();
    request.ticket = "trial-sams".to_owned();
    change(&mut request);
    OperatorRequest::FillSam(Box::new(request))
}

/// An operation with the key of the trial.
pub fn with_key(trial: &mut Trial, operation: &str, role: &str) -> Result<(), HsmError> {
    let subject = |name: &str| format!("subject-{name}");
    let request = match operation {
        "key-attributes" => OperatorRequest::Key { id: subject("mac") },
        "mac" => OperatorRequest::Mac {
            key: subject("mac"),
            message: vec![1, 2, 3],
            length: 4,
        },
        "sm2-sign" => OperatorRequest::Sm2Sign {
            key: subject("sign"),
            input: SignInput::Message(vec![1, 2, 3]),
        },
        "sm2-sign-many" => OperatorRequest::Sm2SignMany {
            key: subject("sign"),
            inputs: vec![SignInput::Digest([7; 32]); 3],
        },
        "fill-card-slot" => card(trial, |r| r.slots[2].key = subject("slot")),
        "fill-card-base" => card(trial, |r| r.base.key = subject("card")),
        "fill-card-text" => card(trial, |r| r.mac_texts[0].key = subject("mac")),
        "fill-sam-slot" => sam(trial, |r| r.slots[1].key = subject("slot")),
        "fill-sam-base" => sam(trial, |r| r.base.key = subject("sam")),
        "sign" => {
            let op = OrderOp::Sign {
                key: subject("root"),
                message: "0102".to_owned(),
            };
            return trial.order(role, op);
        }
        "export-package" => return trial.order(role, export("subject-slot")),
        "hold-key" => {
            let (id, hold) = (subject("mac"), Hold::Suspended);
            return trial.order(role, OrderOp::HoldKey { id, hold });
        }
        "destroy-key" => {
            let op = OrderOp::DestroyKey { id: subject("mac") };
            return trial.order(role, op);
        }
        other => panic!("no attempt at {other}"),
    };
    trial.ask(role, request).map(drop)
}
