//! From steps to drafted sessions.

use super::keys::SlotKeys;
use crate::cipher::Block;
use crate::keys::check_test_label;
use crate::policy;
use crate::scp::{COUNTER_END, MAX_PLAIN_ENC, MAX_PLAIN_MAC, Session};
use crate::sm2key::test_scalar;
use crate::state::State;
use crate::world::World;
use hsm_wire::fill::{FillRequest, Level, Segment, SessionKey, Step};
use hsm_wire::policy::Policy;
use hsm_wire::ticket::Target;
use hsm_wire::{ErrorCode, HsmError, Usage};
use zeroize::Zeroizing;

/// Every step in turn, into sessions that are still to be sealed; an error names its step.
pub(super) fn draft(
    state: &State,
    world: &mut World,
    policy: &Policy,
    target: Target,
    request: &FillRequest,
    keys: &SlotKeys,
) -> Result<Vec<Session>, HsmError> {
    let mut sessions: Vec<Current> = Vec::new();
    for (number, step) in request.steps.iter().enumerate() {
        match step {
            Step::Open {
                with,
                key_version,
                counter,
                level,
            } => {
                let opened = Current::open(world, keys, (*with, *key_version, *counter, *level));
                sessions.push(opened.map_err(|e| e.at(number))?);
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
                let session = sessions.last_mut().ok_or(ErrorCode::NoSession);
                session
                    .map_err(HsmError::from)
                    .and_then(|session| command.draft(state, policy, target, session, keys))
                    .map_err(|e| e.at(number))?;
            }
        }
    }
    Ok(sessions
        .into_iter()
        .map(|current| current.session)
        .collect())
}

/// The session that commands go into.
struct Current {
    session: Session,
    /// Opened with a transport key, which the maker knows too.
    transport: bool,
    /// Every slot's key under this session's K_DEK, made when the first is wanted.
    wrapped: Option<Vec<Block>>,
}

impl Current {
    /// Rule 2: the host challenge is drawn here, fresh for each session.
    fn open(
        world: &mut World,
        keys: &SlotKeys,
        (with, key_version, counter, level): (SessionKey, u8, u32, Level),
    ) -> Result<Self, HsmError> {
        if counter >= COUNTER_END {
            return Err(ErrorCode::CounterExhausted.into());
        }
        let (base, transport) = keys.session(with)?;
        let host_challenge = world.random()?;
        Ok(Self {
            session: Session::open(base, key_version, counter, level, host_challenge),
            transport,
            wrapped: None,
        })
    }

    fn wrapped(&mut self, keys: &SlotKeys, slot: u16) -> Result<Block, HsmError> {
        let wrapped = self.wrapped.get_or_insert_with(|| {
            let mut blocks: Vec<Block> = keys.keys().map(|key| *key.expose()).collect();
            self.session.wrap(&mut blocks);
            blocks
        });
        wrapped
            .get(usize::from(slot))
            .copied()
            .ok_or_else(|| ErrorCode::BadSlot.into())
    }
}

struct Command<'a> {
    header: [u8; 4],
    segments: &'a [Segment],
    level: Level,
}

impl Command<'_> {
    fn draft(
        &self,
        state: &State,
        policy: &Policy,
        target: Target,
        current: &mut Current,
        keys: &SlotKeys,
    ) -> Result<(), HsmError> {
        let rule = policy::find(policy, target, self.header).ok_or(ErrorCode::CommandNotAllowed)?;
        policy::check_shape(rule, self.segments, self.level, |slot| keys.usage(slot))?;
        if current.transport && self.loads_application_key(keys) {
            return Err(HsmError::about(
                ErrorCode::KeySlotMisplaced,
                "under a transport key only a master key",
            ));
        }
        let plain = self.plain(state, current, keys)?;
        let session = &mut current.session;
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
        session.command(self.header, plain);
        Ok(())
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
        current: &mut Current,
        keys: &SlotKeys,
    ) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        // Room for every segment and the padding, so that the buffer never moves and leaves no copy.
        let room = self.segments.iter().map(|segment| match segment {
            Segment::Literal(bytes) => bytes.len(),
            _ => 32,
        });
        let mut plain = Zeroizing::new(Vec::with_capacity(room.sum::<usize>() + 16));
        for segment in self.segments {
            match segment {
                Segment::Literal(bytes) => plain.extend_from_slice(bytes),
                Segment::KeySlot(slot) => plain.extend_from_slice(&current.wrapped(keys, *slot)?),
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
