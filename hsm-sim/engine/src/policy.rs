//! The skeleton policy at work: what a command may carry (rule 3 of the HSM port).

use crate::control::{Control, enforced};
use crate::keys::MAX_LABEL;
use hsm_wire::fill::{Level, MECHANISM, Segment};
use hsm_wire::policy::{Load, Policy, Rule, Shape};
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, Hex, HsmError, Mark, Usage, valid_name};
use sm3::{Digest, Sm3};

/// Most rules of a policy.
const MAX_RULES: usize = 256;

/// SM3 over the policy's JSON text as this program writes it.
pub(crate) fn hash(policy: &Policy) -> Result<Hex<32>, HsmError> {
    let text = serde_json::to_vec(policy).map_err(|_| ErrorCode::Internal)?;
    Ok(Hex(Sm3::digest(text).into()))
}

/// Whether a policy may be loaded at all.
pub(crate) fn check(policy: &Policy, mark: Mark) -> Result<(), HsmError> {
    let refuse = |what: &str| Err(HsmError::about(ErrorCode::BadAttributes, what));
    if !valid_name(&policy.name) {
        return Err(HsmError::about(ErrorCode::BadName, "policy"));
    }
    if policy.mechanism != MECHANISM {
        return Err(ErrorCode::UnknownMechanism.into());
    }
    if policy.rules.is_empty() || policy.rules.len() > MAX_RULES {
        return refuse("1 to 256 rules");
    }
    for rule in &policy.rules {
        let (cla, ins) = (rule.cla.0[0], rule.ins.0[0]);
        if matches!((cla, ins), (0x80, 0x50) | (0x84, 0x82)) {
            return refuse("INITIALIZE UPDATE and EXTERNAL AUTHENTICATE are the mechanism's own");
        }
        if cla & 0x04 == 0 {
            return refuse("a rule's CLA has the secure-messaging bit 04");
        }
        if rule.load.is_some() && !matches!(rule.shape, Shape::KeyLoad { .. }) {
            return refuse("load belongs to a key load");
        }
        if matches!(rule.shape, Shape::TestScalar {}) && mark != Mark::Test {
            return Err(ErrorCode::TestOnly.into());
        }
    }
    Ok(())
}

/// The rule that lists this command.
pub(crate) fn find(policy: &Policy, target: Target, header: [u8; 4]) -> Option<&Rule> {
    let [cla, ins, p1, _] = header;
    policy.rules.iter().find(|rule| {
        rule.target == target
            && rule.cla.0 == [cla]
            && rule.ins.0 == [ins]
            && rule.p1.is_none_or(|p| p.0 == [p1])
    })
}

/// Whether a command's segments have the rule's shape. `usage_of` tells a slot's usage.
pub(crate) fn check_shape(
    rule: &Rule,
    segments: &[Segment],
    level: Level,
    usage_of: impl Fn(u16) -> Option<Usage>,
) -> Result<(), HsmError> {
    let has_slot = segments
        .iter()
        .any(|s| matches!(s, Segment::KeySlot(_) | Segment::CheckValue(_)));
    match rule.shape {
        Shape::KeyLoad { literal } => {
            let slot = key_load_slot(segments, usize::from(literal))?;
            if level != Level::MacEnc && enforced(Control::KeySlotEncrypted) {
                return Err(ErrorCode::SlotInClear.into());
            }
            let fits = match (rule.load, usage_of(slot).ok_or(ErrorCode::BadSlot)?) {
                (Some(Load::Application) | None, Usage::Derive) => true,
                (Some(Load::Master) | None, Usage::SessionBase(class)) => class.is_master(),
                _ => false,
            };
            if fits {
                Ok(())
            } else {
                Err(ErrorCode::KeySlotMisplaced.into())
            }
        }
        Shape::Data { max } => {
            if has_slot {
                return Err(ErrorCode::KeySlotMisplaced.into());
            }
            if segments.iter().any(|s| matches!(s, Segment::TestScalar(_))) {
                return Err(HsmError::about(
                    ErrorCode::CommandNotAllowed,
                    "a test private key here",
                ));
            }
            let literals: usize = segments.iter().map(literal_length).sum();
            if literals > usize::from(max) {
                return Err(HsmError::about(
                    ErrorCode::CommandNotAllowed,
                    "data longer than the rule's maximum",
                ));
            }
            Ok(())
        }
        Shape::TestScalar {} => match segments {
            [Segment::TestScalar(label)] if label.len() <= MAX_LABEL => Ok(()),
            _ if has_slot => Err(ErrorCode::KeySlotMisplaced.into()),
            _ => Err(HsmError::about(
                ErrorCode::LiteralInKeySlot,
                "a test private key by its label alone",
            )),
        },
    }
}

/// The slot of `literal ‖ key slot ‖ check value of the same slot`.
fn key_load_slot(segments: &[Segment], literal: usize) -> Result<u16, HsmError> {
    match segments {
        [
            Segment::Literal(header),
            Segment::KeySlot(slot),
            Segment::CheckValue(check),
        ] if header.len() == literal && slot == check => Ok(*slot),
        _ if segments.iter().any(|s| matches!(s, Segment::KeySlot(_))) => {
            Err(ErrorCode::KeySlotNotWhole.into())
        }
        _ => Err(ErrorCode::LiteralInKeySlot.into()),
    }
}

fn literal_length(segment: &Segment) -> usize {
    match segment {
        Segment::Literal(bytes) => bytes.len(),
        _ => 0,
    }
}
