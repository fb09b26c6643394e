//! A chip's script in the wire's words, and the answer in ours.

use cardlib_card::dialect::{Level, Segment, Step};
use hsm_wire::fill as wire;
use kms_core::port::{FillRequest, Filled, FilledStep, HsmError, KeyRef};

use super::convert::wire_mark;

pub(crate) fn fill(request: &FillRequest) -> Result<wire::FillRequest, HsmError> {
    let steps = request
        .steps
        .iter()
        .map(|step| fill_step(step, level(request.level)));
    let texts = request.mac_texts.iter().map(|text| wire::MacText {
        key: text.key.clone(),
        message: text.text.to_vec(),
        digits: text.digits,
    });
    Ok(wire::FillRequest {
        request_id: *request.request_id.as_bytes(),
        ticket: request.ticket.clone(),
        mark: wire_mark(request.mark),
        mechanism: request.mechanism.clone(),
        factor: request.factor,
        base: derived(&request.base),
        slots: request.slots.iter().map(derived).collect(),
        mac_texts: texts.collect(),
        steps: steps.collect::<Result<_, _>>()?,
    })
}

fn derived(key: &KeyRef) -> wire::Derived {
    wire::Derived {
        key: key.id.clone(),
        factors: key.factors.clone(),
    }
}

fn level(level: Level) -> wire::Level {
    match level {
        Level::Mac => wire::Level::Mac,
        Level::MacEncrypt => wire::Level::MacEnc,
    }
}

fn fill_step(step: &Step, session: wire::Level) -> Result<wire::Step, HsmError> {
    Ok(match step {
        Step::Open {
            base,
            key_version,
            counter,
            level: opened,
        } => wire::Step::Open {
            with: base.slot().map_or(Ok(wire::SessionKey::Base), |slot| {
                number(slot).map(wire::SessionKey::Slot)
            })?,
            key_version: *key_version,
            counter: *counter,
            level: level(*opened),
        },
        Step::Command {
            header, segments, ..
        } => wire::Step::Command {
            header: *header,
            segments: segments.iter().map(segment).collect::<Result<_, _>>()?,
            level: session,
        },
    })
}

fn segment(segment: &Segment) -> Result<wire::Segment, HsmError> {
    Ok(match segment {
        Segment::Literal(bytes) => wire::Segment::Literal(bytes.to_vec()),
        Segment::Key(slot) => wire::Segment::KeySlot(number(*slot)?),
        Segment::CheckValue(slot) => wire::Segment::CheckValue(number(*slot)?),
        Segment::MacText(text) => wire::Segment::MacText(number(*text)?),
        Segment::TestScalar(label) => wire::Segment::TestScalar(label.clone()),
    })
}

fn number(index: usize) -> Result<u16, HsmError> {
    u16::try_from(index).map_err(|_| HsmError::Refused {
        rule: "TooLarge".into(),
        detail: "more slots or texts than the HSM numbers".into(),
    })
}

/// The answer, if it is whole.
pub(crate) fn checked(answer: wire::FillAnswer) -> Result<Filled, HsmError> {
    if answer.digest == wire::script_digest(&answer.steps) {
        Ok(filled(answer))
    } else {
        Err(HsmError::Unavailable(
            "the HSM's script does not fit its own digest".into(),
        ))
    }
}

fn filled(answer: wire::FillAnswer) -> Filled {
    let steps = answer.steps.into_iter().map(|step| FilledStep {
        apdu: step.apdu,
        sw: step.sw,
        expect_tail: step.expect_tail,
    });
    Filled {
        steps: steps.collect(),
        check_values: answer
            .check_values
            .into_iter()
            .map(|value| value.0)
            .collect(),
        mac_texts: answer.mac_texts,
        digest: answer.digest.0,
        quota_left: answer.quota_left,
    }
}
