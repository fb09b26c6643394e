//! Transcripts of ceremonies: each names the one before, and the HSM signs none that does not follow its last.

use super::Planned;
use crate::parts::Sealed;
use crate::state::{Event, State};
use hsm_wire::custody::{SEAL_FORMAT, Seal, SealBody};
use hsm_wire::officer::OrderDone;
use hsm_wire::{ErrorCode, Hex};

/// Asked again for its last transcript (the answer was lost), the HSM gives the same seal.
pub(super) fn seal(
    state: &State,
    now: u64,
    ceremony: Hex<32>,
    previous: Hex<32>,
    transcript: Hex<32>,
) -> Planned {
    if let Some(last) = &state.ceremonies.last
        && (last.ceremony, last.previous, last.transcript) == (ceremony, previous, transcript)
    {
        let seal = Box::new(last.seal.clone());
        return Ok((Vec::new(), OrderDone::Sealed(seal)));
    }
    let head = state.ceremony_head();
    if previous != head.hash {
        return Err(ErrorCode::CeremonyOutOfSequence.into());
    }
    let body = SealBody {
        format: SEAL_FORMAT.to_owned(),
        hsm: state.id(),
        mark: state.mark,
        number: head.count + 1,
        previous,
        ceremony,
        transcript,
        time: now,
    };
    let text = serde_json::to_string(&body).map_err(|_| ErrorCode::Internal)?;
    let signature = state.signing.sign(text.as_bytes())?;
    let seal = Seal { text, signature };
    let sealed = Sealed {
        ceremony,
        previous,
        transcript,
        seal: seal.clone(),
    };
    Ok((
        vec![Event::CeremonySealed(Box::new(sealed))],
        OrderDone::Sealed(Box::new(seal)),
    ))
}
