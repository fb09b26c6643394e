//! The port's words into the wire's and back.

use hsm_wire::attributes::{Hold as WireHold, KeyAttributes, KeyInfo};
use hsm_wire::client::ClientError;
use hsm_wire::custody as wire;
use hsm_wire::info::HsmInfo;
use hsm_wire::lease;
use hsm_wire::officer::{ExportEntry, KeySource, OrderDone, OrderOp, PeerKind as WirePeerKind};
use hsm_wire::policy::{Load, Policy, Rule, Shape};
use hsm_wire::ticket::{Target as WireTarget, TicketSpec};
use hsm_wire::{self as hsm, Algorithm, Hex, Leaves, Usage};
use kms_core::approval::Officer;
use kms_core::port::{
    BackedUp, BaseClass, Custody, Entry, Export, GivenShare, HeldKey, Hold, HsmError, HsmIdentity,
    KeySpec, KeyUse, Lease, Mark, Operation, Outcome, PeerKind, PolicyRule, Receipt, RuleShape,
    Seal, Standing, Target, Terms, TicketOrder, Ways,
};

pub(crate) fn error(error: ClientError) -> HsmError {
    match error {
        ClientError::Refused(answer) => refusal(answer),
        other => HsmError::Unavailable(other.to_string()),
    }
}

pub(crate) fn refusal(refusal: hsm::HsmError) -> HsmError {
    let at = refusal
        .step
        .map(|step| format!("step {step}: "))
        .unwrap_or_default();
    HsmError::Refused {
        rule: refusal.code.name().to_owned(),
        detail: format!("{at}{}", refusal.detail),
    }
}

pub(crate) fn mark(mark: hsm::Mark) -> Mark {
    match mark {
        hsm::Mark::Test => Mark::Test,
        hsm::Mark::Demo => Mark::Demo,
        hsm::Mark::Production => Mark::Production,
    }
}

pub(crate) fn wire_mark(mark: Mark) -> hsm::Mark {
    match mark {
        Mark::Test => hsm::Mark::Test,
        Mark::Demo => hsm::Mark::Demo,
        Mark::Production => hsm::Mark::Production,
    }
}

pub(crate) fn identity(info: HsmInfo) -> HsmIdentity {
    let officers = info.officers.into_iter().zip(&info.officer_keys);
    HsmIdentity {
        fingerprint: info.id.0,
        mark: mark(info.mark),
        signing_key: info.signing_key.0,
        encryption_key: info.encryption_key.0,
        officers: officers
            .map(|(name, key)| Officer {
                name,
                public_key: key.0,
            })
            .collect(),
        policy: info.policy.map(|(name, _)| name),
        ceremonies: (info.ceremonies.count, info.ceremonies.hash.0),
        simulator: info.simulator,
    }
}

/// `None`: a key of another application on the same HSM, which the key service neither knows nor touches.
pub(crate) fn held(info: KeyInfo) -> Option<HeldKey> {
    let attributes = info.attributes;
    let leaves = attributes.leaves;
    Some(HeldKey {
        spec: KeySpec {
            id: info.id,
            name: attributes.name,
            version: attributes.version,
            usage: key_use(attributes.usage)?,
            ways: Ways {
                hsm: leaves.hsm,
                sam: leaves.sam,
                card: leaves.card,
            },
            depth: attributes.depth,
            is_key_pair: !attributes.algorithm.is_block_cipher(),
        },
        check_value: info.check_value.0,
        public_key: info.public_key.map(|key| key.0),
    })
}

fn key_use(usage: Usage) -> Option<KeyUse> {
    Some(match usage {
        Usage::Derive => KeyUse::Derive,
        Usage::Mac => KeyUse::Mac,
        Usage::Sign => KeyUse::Sign,
        Usage::SignByOrder => KeyUse::SignByOrder,
        Usage::SessionBase(class) => KeyUse::SessionBase(match class {
            hsm::BaseClass::CardTransport => BaseClass::CardTransport,
            hsm::BaseClass::CardMaster => BaseClass::CardMaster,
            hsm::BaseClass::SamTransport => BaseClass::SamTransport,
            hsm::BaseClass::SamMaster => BaseClass::SamMaster,
        }),
        Usage::Decrypt | Usage::KeyEncryption => return None,
    })
}

fn usage(usage: KeyUse) -> Usage {
    match usage {
        KeyUse::Derive => Usage::Derive,
        KeyUse::Mac => Usage::Mac,
        KeyUse::Sign => Usage::Sign,
        KeyUse::SignByOrder => Usage::SignByOrder,
        KeyUse::SessionBase(class) => Usage::SessionBase(match class {
            BaseClass::CardTransport => hsm::BaseClass::CardTransport,
            BaseClass::CardMaster => hsm::BaseClass::CardMaster,
            BaseClass::SamTransport => hsm::BaseClass::SamTransport,
            BaseClass::SamMaster => hsm::BaseClass::SamMaster,
        }),
    }
}

fn leaves(ways: Ways) -> Leaves {
    Leaves {
        hsm: ways.hsm,
        sam: ways.sam,
        card: ways.card,
    }
}

fn attributes(spec: KeySpec) -> (String, KeyAttributes) {
    let attributes = KeyAttributes {
        algorithm: if spec.is_key_pair {
            Algorithm::Sm2
        } else {
            Algorithm::Sm4
        },
        name: spec.name,
        version: spec.version,
        usage: usage(spec.usage),
        leaves: leaves(spec.ways),
        depth: spec.depth,
        quota: None,
        not_after: None,
    };
    (spec.id, attributes)
}

fn target(target: Target) -> WireTarget {
    match target {
        Target::Card => WireTarget::Card,
        Target::Sam => WireTarget::Sam,
    }
}

pub(crate) fn operation(operation: Operation) -> OrderOp {
    match operation {
        Operation::Generate(spec) => generate(spec, KeySource::Random),
        Operation::TestKey(spec, label) => generate(spec, KeySource::TestFormula(label)),
        Operation::ImportRaw(spec, bytes) => {
            let (id, attributes) = attributes(spec);
            OrderOp::ImportRaw {
                id,
                attributes,
                bytes: bytes.to_string(),
            }
        }
        Operation::EnrolOfficer { name, public_key } => OrderOp::EnrolOfficer {
            name,
            public_key: Hex(public_key),
        },
        Operation::RemoveOfficer { name } => OrderOp::RemoveOfficer { name },
        Operation::CloseTicket { id } => OrderOp::CloseTicket { id },
        Operation::SetTerms { peer, terms } => OrderOp::SetTerms {
            peer,
            terms: wire_terms(terms),
        },
        Operation::EnrolPeer {
            name,
            kind,
            signing_key,
            encryption_key,
            fingerprint,
        } => OrderOp::EnrolPeer {
            name,
            kind: peer_kind(kind),
            signing_key: Hex(signing_key),
            encryption_key: Hex(encryption_key),
            fingerprint: Hex(fingerprint),
        },
        Operation::LoadPolicy {
            name,
            mechanism,
            rules,
        } => OrderOp::LoadPolicy {
            policy: Policy {
                name,
                mechanism,
                rules: rules.into_iter().map(rule).collect(),
            },
        },
        Operation::CreateTicket(ticket) => OrderOp::CreateTicket {
            ticket: ticket_spec(ticket),
        },
        Operation::ExportPackage {
            receiver,
            purpose,
            entries,
            payload,
        } => OrderOp::ExportPackage {
            receiver,
            purpose,
            entries: entries.into_iter().map(export).collect(),
            payload: hex::encode_upper(payload),
        },
        Operation::ImportPackage(package) => OrderOp::ImportPackage { package },
        Operation::HoldKey { id, hold } => OrderOp::HoldKey {
            id,
            hold: match hold {
                Hold::Free => WireHold::Free,
                Hold::Suspended => WireHold::Suspended,
                Hold::Barred => WireHold::Barred,
            },
        },
        Operation::Sign { key, message } => OrderOp::Sign {
            key,
            message: hex::encode_upper(message),
        },
        Operation::DestroyKey(id) => OrderOp::DestroyKey { id },
        Operation::Combine {
            ceremony,
            keys,
            components,
        } => OrderOp::CombineKeys {
            ceremony: Hex(ceremony),
            keys: keys.into_iter().map(combined).collect(),
            components: components.into_iter().map(entry).collect(),
        },
        Operation::BackUp {
            ceremony,
            keys,
            custody,
        } => OrderOp::BackUpKeys {
            ceremony: Hex(ceremony),
            keys,
            custody: custodians(custody),
        },
        Operation::Restore {
            ceremony,
            backup,
            shares,
        } => OrderOp::RestoreKeys {
            ceremony: Hex(ceremony),
            backup,
            shares: shares.into_iter().map(given).collect(),
        },
        Operation::Reshare {
            ceremony,
            backup,
            shares,
            custody,
        } => OrderOp::ReshareKeys {
            ceremony: Hex(ceremony),
            backup,
            shares: shares.into_iter().map(given).collect(),
            custody: custodians(custody),
        },
        Operation::Seal {
            ceremony,
            previous,
            transcript,
        } => OrderOp::SealTranscript {
            ceremony: Hex(ceremony),
            previous: Hex(previous),
            transcript: Hex(transcript),
        },
    }
}

fn combined(spec: KeySpec) -> wire::CombinedKey {
    let (id, attributes) = attributes(spec);
    wire::CombinedKey {
        id,
        attributes,
        check_value: None,
    }
}

fn entry(entry: Entry) -> wire::Entry {
    wire::Entry {
        custodian: entry.custodian,
        sealed: entry.sealed,
    }
}

fn given(given: GivenShare) -> wire::GivenShare {
    wire::GivenShare {
        share: given.share,
        entry: entry(given.entry),
    }
}

fn custodians(custody: Custody) -> wire::Custody {
    wire::Custody {
        threshold: custody.threshold,
        custodians: custody.custodians.into_iter().map(entry).collect(),
        memory_kib: custody.memory_kib,
    }
}

fn wire_terms(terms: Terms) -> lease::Terms {
    lease::Terms {
        lease_seconds: terms.lease_seconds,
        standing: match terms.standing {
            Standing::Active => lease::Standing::Active,
            Standing::Suspended => lease::Standing::Suspended,
            Standing::Revoked => lease::Standing::Revoked,
        },
        withdrawn: terms.withdrawn,
        quota: terms.quota,
    }
}

pub(crate) fn leased(status: lease::LeaseStatus) -> Lease {
    Lease {
        peer: status.peer,
        given: status.given,
        standing: match status.standing {
            lease::Standing::Active => Standing::Active,
            lease::Standing::Suspended => Standing::Suspended,
            lease::Standing::Revoked => Standing::Revoked,
        },
        sequence: status.sequence,
        lease_seconds: status.lease_seconds,
        not_after: status.not_after,
        withdrawn: status.withdrawn,
        quota: status.quota,
        spent: status.spent,
    }
}

/// What a receipt says, if this key signed it.
pub(crate) fn receipt(text: &str, signing_key: &[u8; 64]) -> Option<Receipt> {
    let file: lease::LeaseFile = serde_json::from_str(text).ok()?;
    // One text for one receipt: a changed byte outside the signed body is a change too.
    if serde_json::to_string(&file).ok()? != text.trim_end() {
        return None;
    }
    hsm::gm::verify(&Hex(*signing_key), file.body.as_bytes(), &file.signature).ok()?;
    let body: lease::ReceiptBody = serde_json::from_str(&file.body).ok()?;
    (body.format == lease::RECEIPT_FORMAT).then_some(Receipt {
        sender: body.sender.0,
        receiver: body.receiver.0,
        sequence: body.sequence,
        package: body.package.0,
        taken: body.taken,
    })
}

fn generate(spec: KeySpec, source: KeySource) -> OrderOp {
    let (id, attributes) = attributes(spec);
    OrderOp::GenerateKey {
        id,
        attributes,
        source,
    }
}

fn peer_kind(kind: PeerKind) -> WirePeerKind {
    match kind {
        PeerKind::Upper => WirePeerKind::Upper,
        PeerKind::Lower => WirePeerKind::Lower,
        PeerKind::Maker => WirePeerKind::Maker,
    }
}

fn export(entry: Export) -> ExportEntry {
    ExportEntry {
        new_id: entry.id.clone(),
        key: entry.id,
        factors: entry.factors.into_iter().map(Hex).collect(),
        leaves: Some(leaves(entry.ways)),
    }
}

fn rule(rule: PolicyRule) -> Rule {
    let [cla, ins, p1, _] = rule.header;
    let (shape, load) = match rule.shape {
        RuleShape::ApplicationKey(literal) => (Shape::KeyLoad { literal }, Some(Load::Application)),
        RuleShape::MasterKey(literal) => (Shape::KeyLoad { literal }, Some(Load::Master)),
        RuleShape::Data(max) => (Shape::Data { max }, None),
        RuleShape::TestScalar => (Shape::TestScalar {}, None),
    };
    Rule {
        target: target(rule.target),
        cla: Hex([cla]),
        ins: Hex([ins]),
        p1: Some(Hex([p1])),
        shape,
        load,
    }
}

fn ticket_spec(ticket: TicketOrder) -> TicketSpec {
    TicketSpec {
        id: ticket.id,
        kind: target(ticket.target),
        count: ticket.count,
        max_attempts_per_factor: ticket.scripts_per_chip,
        not_after: ticket.not_after,
        base_keys: ticket.base_keys,
    }
}

pub(crate) fn outcome(done: OrderDone) -> Outcome {
    match done {
        OrderDone::Done | OrderDone::Ticket(_) | OrderDone::Peer(_) | OrderDone::Policy(_) => {
            Outcome::Done
        }
        OrderDone::Key(info) => {
            held(*info).map_or(Outcome::Done, |key| Outcome::Key(Box::new(key)))
        }
        OrderDone::Package(text) => Outcome::Package(text),
        OrderDone::Imported(report) => Outcome::Imported {
            sender: report.sender,
            sequence: report.sequence,
            keys: report.keys.into_iter().filter_map(held).collect(),
            payload: report.payload,
            receipt: Some(report.receipt),
        },
        OrderDone::Signature(signature) => Outcome::Signature(signature.0),
        OrderDone::Keys(keys) => Outcome::Keys(keys.into_iter().filter_map(held).collect()),
        OrderDone::BackedUp(made) => Outcome::BackedUp(Box::new(BackedUp {
            backup: made.backup,
            shares: made.shares,
        })),
        OrderDone::Sealed(seal) => Outcome::Sealed(Box::new(Seal {
            text: seal.text,
            signature: seal.signature.0,
        })),
    }
}
