//! Requests that need nothing of the store: session keys, public keys that come along, hashes.

use super::{DeviceSession, Effect, Outcome, hash, too_large};
use hsm_wire::device::{DeviceAnswer, DeviceRequest, MAX_DATA, Secret};
use hsm_wire::{ErrorCode, Hex, HsmError, gm};

impl DeviceSession {
    /// Serves a request that needs nothing of the store, so that connections need not wait for each other; any other
    /// comes back.
    ///
    /// # Errors
    /// The request itself, for the engine.
    pub fn local(
        &mut self,
        request: Box<DeviceRequest>,
    ) -> Result<Result<DeviceAnswer, HsmError>, Box<DeviceRequest>> {
        match *request {
            DeviceRequest::Cipher { .. }
            | DeviceRequest::Mac { .. }
            | DeviceRequest::VerifyWith { .. }
            | DeviceRequest::HashInit { .. }
            | DeviceRequest::HashUpdate { .. }
            | DeviceRequest::HashFinal => Ok(plan(self, *request).map(|(effect, answer)| {
                self.apply(effect);
                answer
            })),
            _ => Err(request),
        }
    }
}

pub(super) fn plan(session: &DeviceSession, request: DeviceRequest) -> Outcome {
    match request {
        DeviceRequest::Cipher {
            key,
            mode,
            decrypt,
            mut iv,
            mut data,
        } => {
            check_length(&data)?;
            session.cipher(key, mode, decrypt, &mut iv.0, &mut data.0)?;
            Ok((Effect::None, DeviceAnswer::Block(iv, data)))
        }
        DeviceRequest::Mac { key, mut iv, data } => {
            check_length(&data)?;
            session.mac(key, &mut iv.0, &data.0)?;
            Ok((Effect::None, DeviceAnswer::Block(iv, Secret::default())))
        }
        DeviceRequest::VerifyWith {
            public_key,
            e,
            signature,
        } => verify_with(&public_key, &e, &signature),
        DeviceRequest::HashInit { hash, signer } => hash::begin(hash, signer.as_ref()),
        DeviceRequest::HashUpdate { data } => hash::update(session.hash.as_ref(), &data.0),
        DeviceRequest::HashFinal => hash::finish(session.hash.as_ref()),
        _ => Err(ErrorCode::BadRequest.into()),
    }
}

pub(super) fn verify_with(public_key: &Hex<64>, e: &Hex<32>, signature: &Hex<64>) -> Outcome {
    gm::check_public_key(public_key).map_err(|_| ErrorCode::BadPublicKey)?;
    gm::verify_digest(public_key, &e.0, signature).map_err(|_| ErrorCode::VerifyFailed)?;
    Ok((Effect::None, DeviceAnswer::Done))
}

fn check_length(data: &Secret) -> Result<(), HsmError> {
    if data.0.len() > MAX_DATA {
        return Err(too_large("data"));
    }
    Ok(())
}
