//! What the issuer does with a SAM in use, in a session under SMK_P (D12, D40, D45, `docs/cos-dialect.md`): new key versions
//! in, retired ones out, ceilings of use, a new PIN, lock, unlock, destruction.

use cardlib_card::status::Status;

use super::SamCard;
use super::memory::{Ceiling, Change};
use super::perso::PROVINCIAL;
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::gate::{Content, ins};
use crate::stage::Stage;

/// P1 of MANAGE SAM.
mod act {
    pub const LOCK: u8 = 0x01;
    pub const UNLOCK: u8 = 0x02;
    pub const DESTROY: u8 = 0x03;
}

/// Where the SAM type stands in its public file.
const TYPE_AT: usize = 11;

impl SamCard {
    /// Whether this stage knows a command of the dialect at all; otherwise it answers 6D00 or 6E00.
    pub(super) fn knows(&self, instruction: u8) -> bool {
        let later = matches!(
            instruction,
            ins::INITIALIZE_UPDATE
                | ins::EXTERNAL_AUTHENTICATE
                | ins::WRITE_KEY
                | ins::SET_PIN
                | ins::SET_CEILING
                | ins::RETIRE_KEY
                | ins::MANAGE
        );
        self.stage() != Stage::Active || (later && self.memory().base.version == PROVINCIAL)
    }

    /// `84 DC 00 00 index ‖ version ‖ limit(4)`; limit 0 takes the ceiling away. Answers the uses counted so far.
    pub(super) fn set_ceiling(&mut self, command: &Incoming<'_>) -> Answer {
        self.require_in_use()?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        let content = self.volatile.gate.enter(command, Content::Exactly(6))?;
        let (place, limit) = content.split_first_chunk::<2>().ok_or(Status::DATA)?;
        let limit = u32::from_be_bytes(limit.try_into().map_err(|_| Status::DATA)?);
        let [index, version] = *place;
        let key = self.memory().key(index, version).ok_or(Status::NO_KEY)?;
        let used = key.ceiling.map_or(0, |ceiling| ceiling.used);
        let ceiling = (limit > 0).then_some(Ceiling { limit, used });
        self.commit(&[Change::Ceiling(index, version, ceiling)])?;
        Ok(Outcome::Waiting(used.to_be_bytes().to_vec()))
    }

    /// `84 E6 00 00 index ‖ version`: DELIVERY does not find the key any more.
    pub(super) fn retire_key(&mut self, command: &Incoming<'_>) -> Answer {
        self.require_in_use()?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        let content = self.volatile.gate.enter(command, Content::Exactly(2))?;
        let (index, version) = (content[0], content[1]);
        require(self.memory().key(index, version).is_some(), Status::NO_KEY)?;
        self.volatile.session = None;
        self.forget_after(&[Change::Retire(index, version)])?;
        Ok(Outcome::Done)
    }

    /// `84 F2 act 00`.
    pub(super) fn manage(&mut self, command: &Incoming<'_>) -> Answer {
        self.require_in_use()?;
        command.p1p2_is(|p1, p2| (act::LOCK..=act::DESTROY).contains(&p1) && p2 == 0)?;
        self.volatile.gate.enter(command, Content::Exactly(0))?;
        let locked = self.memory().locked;
        match command.p1 {
            act::LOCK => {
                require(!locked, Status::CONDITIONS)?;
                self.commit(&[Change::Locked(true)])?;
            }
            act::UNLOCK => {
                require(locked, Status::CONDITIONS)?;
                self.commit(&[Change::Locked(false)])?;
            }
            _ => {
                self.forget_after(&[Change::Destroy])?;
                self.volatile.gate.close();
            }
        }
        self.volatile.session = None;
        self.volatile.hash = None;
        self.volatile.pin_verified = false;
        Ok(Outcome::Done)
    }

    /// Counts a use of a key that has a ceiling, durably, before the session key is made (D45, R70).
    pub(super) fn count_use(&mut self, index: u8, version: u8) -> Result<(), Status> {
        let key = self.memory().key(index, version).ok_or(Status::NO_KEY)?;
        let Some(Ceiling { limit, used }) = key.ceiling else {
            return Ok(());
        };
        require(used < limit, Status::CONDITIONS)?;
        let used = used + 1;
        self.commit(&[Change::Ceiling(
            index,
            version,
            Some(Ceiling { limit, used }),
        )])
    }

    /// Whether the type written in the public file has this key.
    pub(super) fn type_has(&self, key: &str) -> bool {
        let public = self.profile.sam.files.iter().position(|f| f.fid == 0x0015);
        let number = public
            .and_then(|at| self.memory().files.get(at))
            .and_then(|file| file.bytes.get(TYPE_AT));
        number
            .and_then(|number| self.profile.sam_type(*number))
            .is_some_and(|kind| kind.keys.iter().any(|name| name == key))
    }

    fn require_in_use(&self) -> Result<(), Status> {
        require(self.stage() == Stage::Active, Status::CONDITIONS)
    }

    fn forget_after(&mut self, changes: &[Change]) -> Result<(), Status> {
        self.nvm.commit_and_forget(changes).map_err(|cause| {
            tracing::error!(%cause, "the SAM's memory cannot be written");
            Status::MEMORY
        })
    }
}
