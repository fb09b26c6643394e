//! From steps to finished commands.

use super::keys::SlotKeys;
use crate::keys::check_test_label;
use crate::policy;
use crate::scp::{COUNTER_END, MAX_PLAIN_ENC, MAX_PLAIN_MAC, Session};
use crate::sm2key::test_scalar;
use crate::state::State;
use crate::world::World;
use hsm_wire::fill::{FillRequest, Level, ScriptStep, Segment, SessionKey, Step};
use hsm_wire::policy::Policy;
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, HsmError, Usage};
use zeroize::Zeroizing;

/// Every step in turn; an error names its step.
pub(super) fn script(
    state: &State,
    world: &mut World,
    policy: &Policy,
    target: Target,
    request: &FillRequest,
    keys: &SlotKeys,
) -> Result<Vec<ScriptStep>, HsmError> {
    let mut done = Vec::with_capacity(request.steps.len() + 8);
    let mut session = None;
    for (number, step) in request.steps.iter().enumerate() {
        match step {
            Step::Open {
                with,
                key_version,
                counter,
                level,
            } => {
                let (opened, steps) =
                    Current::open(world, keys, (*with, *key_version, *counter, *level))
                        .map_err(|e| e.at(number))?;
                session = Some(opened);
                done.extend(steps);
            }
            Step::Command {
                header,
                segments,
                level,
            } => {
                let command = Command {
                    header: *header,
                    segments,
                    level: *level,
                };
                let session = session.as_mut().ok_or(ErrorCode::NoSession);
                let made = session
                    .map_err(HsmError::from)
                    .and_then(|session| command.build(state, policy, target, session, keys));
                done.push(made.map_err(|e| e.at(number))?);
            }
        }
    }
    Ok(done)
}

/// The session that commands go into.
struct Current {
    session: Session,
    /// Opened with a transport key, which the maker knows too.
    transport: bool,
}

impl Current {
    /// Rule 2: the host challenge is drawn here, fresh for each session.
    fn open(
        world: &mut World,
        keys: &SlotKeys,
        (with, key_version, counter, level): (SessionKey, u8, u32, Level),
    ) -> Result<(Self, [ScriptStep; 2]), HsmError> {
        if counter >= COUNTER_END {
            return Err(ErrorCode::CounterExhausted.into());
        }
        let (base, transport) = keys.session(with)?;
        let host_challenge = world.random()?;
        let (session, steps) = Session::open(base, key_version, counter, level, host_challenge);
        Ok((Self { session, transport }, steps))
    }
}

struct Command<'a> {
    header: [u8; 4],
    segments: &'a [Segment],
    level: Level,
}

impl Command<'_> {
    fn build(
        &self,
        state: &State,
        policy: &Policy,
        target: Target,
        current: &mut Current,
        keys: &SlotKeys,
    ) -> Result<ScriptStep, HsmError> {
        let session = &mut current.session;
        let rule = policy::find(policy, target, self.header).ok_or(ErrorCode::CommandNotAllowed)?;
        policy::check_shape(rule, self.segments, self.level, |slot| keys.usage(slot))?;
        if current.transport && self.loads_application_key(keys) {
            return Err(HsmError::about(
                ErrorCode::KeySlotMisplaced,
                "under a transport key only a master key",
            ));
        }
        let plain = self.plain(state, session, keys)?;
        if !plain.is_empty() && self.level != session.level() {
            let clear_slot = self
                .segments
                .iter()
                .any(|s| matches!(s, Segment::KeySlot(_)));
            return Err(if clear_slot {
                ErrorCode::SlotInClear
            } else {
                ErrorCode::LevelMismatch
            }
            .into());
        }
        let limit = if session.level() == Level::MacEnc {
            MAX_PLAIN_ENC
        } else {
            MAX_PLAIN_MAC
        };
        if plain.len() > limit {
            return Err(HsmError::about(ErrorCode::TooLarge, "command data"));
        }
        Ok(session.command(self.header, &plain))
    }

    fn loads_application_key(&self, keys: &SlotKeys) -> bool {
        self.segments.iter().any(
            |s| matches!(s, Segment::KeySlot(slot) if keys.usage(*slot) == Some(Usage::Derive)),
        )
    }

    /// The command's data before protection; key slots are wrapped already.
    fn plain(
        &self,
        state: &State,
        session: &Session,
        keys: &SlotKeys,
    ) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        // Room for every segment at its longest, so that the buffer never moves and leaves no copy.
        let mut plain = Zeroizing::new(Vec::with_capacity(256 * (self.segments.len() + 1)));
        for segment in self.segments {
            match segment {
                Segment::Literal(bytes) => plain.extend_from_slice(bytes),
                Segment::KeySlot(slot) => plain.extend_from_slice(&session.wrap(keys.slot(*slot)?)),
                Segment::CheckValue(slot) => plain.extend_from_slice(&keys.check_value(*slot)?.0),
                Segment::MacText(text) => {
                    let text = keys
                        .mac_texts()
                        .get(usize::from(*text))
                        .ok_or(ErrorCode::BadSlot)?;
                    plain.extend_from_slice(text.as_bytes());
                }
                Segment::TestScalar(label) => {
                    check_test_label(state.mark, label)?;
                    plain.extend_from_slice(&test_scalar(label)[..]);
                }
            }
        }
        Ok(plain)
    }
}
