//! The part of the HSM that belongs to one connection, as a machine of GM/T 0018 has it: session keys and agreements
//! by handle, access rights to the private keys of an index, a running hash; and the user files that all share.
//!
//! Session keys are here and nowhere else: they are never stored, never answered, and go with the connection. A request
//! is planned on an unchanged session and an unchanged state; what it changes is applied when its audit record is durable.
//! Uses of stored keys, and every change, are audited; work with session keys, public keys and hashes is not.

mod agreement;
mod bulk;
mod envelope;
mod files;
mod hash;
mod local;
mod pairs;
pub(crate) mod persistent;
mod rights;
mod session;
#[cfg(test)]
mod tests;

pub use rights::index_password_verifier;
pub use session::DeviceSession;
pub(crate) use session::Effect;

use crate::keys::Key;
use crate::state::{Event, State, shown};
use crate::world::World;
use hsm_wire::device::{DeviceAnswer, DeviceRequest, encryption_key, kek, sign_key};
use hsm_wire::{ErrorCode, HsmError};

/// What a request wants of the session and what it answers; a refusal may leave events too (a counted password).
pub(crate) type Planned = (Vec<Event>, Outcome);

/// The session's change and the answer.
pub(crate) type Outcome = Result<(Effect, DeviceAnswer), HsmError>;

/// Plans a request.
pub(crate) fn plan(
    state: &State,
    world: &mut World,
    session: &DeviceSession,
    request: DeviceRequest,
) -> Planned {
    match request {
        DeviceRequest::Access { index, password } => rights::access(state, index, &password.0),
        DeviceRequest::CreateFile { name, size } => files::create(state, &name.0, size),
        DeviceRequest::WriteFile { name, offset, data } => {
            files::write(state, &name.0, offset, &data.0)
        }
        DeviceRequest::DeleteFile { name } => files::delete(state, &name.0),
        DeviceRequest::Diversify {
            ticket,
            key,
            factors,
        } => bulk::diversify(state, world, session, &ticket, &key, &factors),
        DeviceRequest::DeriveAndWrap {
            ticket,
            kek,
            keys,
            chains,
        } => bulk::derive_and_wrap(state, world, &ticket, kek, &keys, &chains),
        other => {
            let key = stored_key(session, &other).and_then(|id| state.keys.get(&id));
            if let Some(Err(error)) = key.map(|key| key.check_usable(world.clock.now(), 0)) {
                return (Vec::new(), Err(error));
            }
            let outcome = use_keys(state, world, session, other);
            let used = key.filter(|_| outcome.is_ok()).and_then(Key::use_event);
            (used.into_iter().collect(), outcome)
        }
    }
}

/// The stored private key, or key encryption key, that a request uses.
fn stored_key(session: &DeviceSession, request: &DeviceRequest) -> Option<String> {
    Some(match request {
        DeviceRequest::Sign { index, .. } => sign_key(*index),
        DeviceRequest::Decrypt { index, .. }
        | DeviceRequest::ImportEnvelope { index, .. }
        | DeviceRequest::ExchangeEnvelope { index, .. }
        | DeviceRequest::AgreementStart { index, .. }
        | DeviceRequest::AgreementAnswer { index, .. } => encryption_key(*index),
        DeviceRequest::AgreementFinish { agreement, .. } => {
            encryption_key(session.agreement(*agreement).ok()?.index)
        }
        DeviceRequest::GenerateUnderKek { kek: index }
        | DeviceRequest::ImportUnderKek { kek: index, .. } => kek(*index),
        _ => return None,
    })
}

/// What changes nothing but the session.
fn use_keys(
    state: &State,
    world: &mut World,
    session: &DeviceSession,
    request: DeviceRequest,
) -> Outcome {
    match request {
        DeviceRequest::Release { index } => Ok((Effect::Release(index), DeviceAnswer::Done)),
        DeviceRequest::PublicKey { index, pair } => pairs::public_key(state, index, pair),
        DeviceRequest::GeneratePair => pairs::generate(world),
        DeviceRequest::Sign { index, e } => pairs::sign(state, session, index, &e),
        DeviceRequest::Verify {
            index,
            e,
            signature,
        } => pairs::verify(state, index, &e, &signature),
        DeviceRequest::EncryptForIndex { index, plain } => {
            envelope::encrypt_for_index(state, world, index, &plain.0)
        }
        DeviceRequest::EncryptFor { public_key, plain } => {
            envelope::encrypt_for(world, &public_key, &plain.0)
        }
        DeviceRequest::Decrypt { index, envelope } => {
            envelope::decrypt(state, session, index, &envelope)
        }
        DeviceRequest::GenerateForIndex { index } => {
            envelope::generate_for_index(state, world, session, index)
        }
        DeviceRequest::GenerateFor { public_key } => {
            envelope::generate_for(world, session, &public_key)
        }
        DeviceRequest::ImportEnvelope { index, envelope } => {
            envelope::import(state, session, index, &envelope)
        }
        DeviceRequest::ExchangeEnvelope {
            index,
            public_key,
            envelope,
        } => envelope::exchange(state, world, session, index, &public_key, &envelope),
        DeviceRequest::GenerateUnderKek { kek } => {
            envelope::generate_under_kek(state, world, session, kek)
        }
        DeviceRequest::ImportUnderKek { kek, wrapped } => {
            envelope::import_under_kek(state, session, kek, &wrapped)
        }
        DeviceRequest::AgreementStart { index, identity } => {
            agreement::start(state, world, session, index, identity)
        }
        DeviceRequest::AgreementFinish { agreement, peer } => {
            agreement::finish(state, session, agreement, &peer)
        }
        DeviceRequest::AgreementAnswer {
            index,
            identity,
            peer,
        } => agreement::answer(state, world, session, index, &identity, &peer),
        DeviceRequest::Destroy { handle } => session.destroy(handle),
        DeviceRequest::ReadFile {
            name,
            offset,
            length,
        } => files::read(state, &name.0, offset, length),
        other => local::plan(session, other),
    }
}

/// Name and object for the audit; `None`: nothing of the store is used or changed.
pub(crate) fn describe(request: &DeviceRequest) -> Option<(&'static str, String)> {
    let at = |index: &u32| format!("index {index}");
    let kek = |index: &u32| format!("kek {index}");
    let file = |name: &[u8]| shown(&String::from_utf8_lossy(name));
    Some(match request {
        DeviceRequest::Access { index, .. } => ("device-access", at(index)),
        DeviceRequest::Sign { index, .. } => ("device-sign", at(index)),
        DeviceRequest::Decrypt { index, .. } => ("device-decrypt", at(index)),
        DeviceRequest::ImportEnvelope { index, .. } => ("device-import", at(index)),
        DeviceRequest::ExchangeEnvelope { index, .. } => ("device-exchange", at(index)),
        DeviceRequest::AgreementStart { index, .. }
        | DeviceRequest::AgreementAnswer { index, .. } => ("device-agree", at(index)),
        DeviceRequest::AgreementFinish { agreement, .. } => {
            ("device-agree", format!("agreement {agreement}"))
        }
        DeviceRequest::GenerateUnderKek { kek: index } => ("device-generate", kek(index)),
        DeviceRequest::ImportUnderKek { kek: index, .. } => ("device-import", kek(index)),
        DeviceRequest::CreateFile { name, .. } => ("file-create", file(&name.0)),
        DeviceRequest::WriteFile { name, .. } => ("file-write", file(&name.0)),
        DeviceRequest::DeleteFile { name } => ("file-delete", file(&name.0)),
        DeviceRequest::Diversify { ticket, key, .. } => (
            "device-diversify",
            format!("{} {}", shown(ticket), shown(key)),
        ),
        DeviceRequest::DeriveAndWrap {
            ticket,
            keys,
            chains,
            ..
        } => (
            "device-derive",
            format!("{} {} x {}", shown(ticket), keys.len(), chains.len()),
        ),
        _ => return None,
    })
}

fn too_large(what: &str) -> HsmError {
    HsmError::about(ErrorCode::TooLarge, what)
}
