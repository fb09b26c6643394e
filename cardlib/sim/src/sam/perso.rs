//! The personalisation dialect on a SAM, in two stages (D43, `docs/cos-dialect.md`).
//!
//! National: master key, the provincial stage's master key, national keys. Provincial: provincial keys, key pair, files,
//! PIN, ACTIVATE. A stage's commands are refused in the other one with 6985.

use cardlib_card::profile::{Key as KeyInfo, Scope};
use cardlib_card::status::Status;

use super::SamCard;
use super::memory::{Change, Pin, SamKey};
use super::pin::decimal;
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::body::ChipMemory;
use crate::gate::{Content, NewKey, ins};
use crate::stage::{BaseKey, Stage};

/// Key version of the national stage's master key.
pub(super) const NATIONAL: u8 = 0x01;
/// Key version of the provincial stage's master key.
pub(super) const PROVINCIAL: u8 = 0x02;
/// Bytes of `DF FID ‖ EF FID ‖ offset` in STORE DATA.
const PLACE_LEN: usize = 6;

impl SamCard {
    pub(super) fn personalise(&mut self, command: &Incoming<'_>) -> Answer {
        match command.ins {
            ins::INITIALIZE_UPDATE => {
                let state = self.profile.life_cycle.byte(self.memory().life_cycle());
                let memory = self.nvm.get();
                self.volatile
                    .gate
                    .initialize_update(command, &memory.chip, &memory.base, state)
            }
            ins::EXTERNAL_AUTHENTICATE => self.open_session(command),
            ins::WRITE_KEY => self.write_key(command),
            ins::STORE_DATA => self.store_data(command),
            ins::WIPE => self.wipe(command),
            ins::GENERATE_KEY_PAIR => self.generate_key_pair(command),
            ins::IMPORT_KEY_PAIR => self.import_key_pair(command),
            ins::PROVE_KEY_PAIR => self.prove_key_pair(command),
            ins::SET_PIN => self.set_pin(command),
            ins::SET_STATE => self.set_state(command),
            ins::SET_CEILING => self.set_ceiling(command),
            ins::RETIRE_KEY => self.retire_key(command),
            ins::MANAGE => self.manage(command),
            _ => Err(Status::INS),
        }
    }

    /// The counter advances durably before the answer, so a script runs at most once.
    fn open_session(&mut self, command: &Incoming<'_>) -> Answer {
        let base = &self.nvm.get().base;
        let next = base.counter + 1;
        let session = self.volatile.gate.external_authenticate(command, base)?;
        self.commit(&[Change::Counter(next)])?;
        self.volatile.gate.admit(session);
        Ok(Outcome::Done)
    }

    fn write_key(&mut self, command: &Incoming<'_>) -> Answer {
        let master = command.p1 == 1;
        // A SAM in use keeps its master key.
        require(!master || self.stage() != Stage::Active, Status::CONDITIONS)?;
        require(master || self.stage() != Stage::Blank, Status::CONDITIONS)?;
        command.p1p2_is(|p1, p2| p1 <= 1 && p2 == 0)?;
        let new = self.volatile.gate.enter_key(command)?;
        if master {
            self.write_master_key(&new)
        } else {
            self.write_application_key(&new)
        }
    }

    fn write_master_key(&mut self, new: &NewKey) -> Answer {
        let version = new.header[4];
        require(
            new.header == [0, 0, 0, 1, version, 0, 0, 0, 0]
                && matches!(version, NATIONAL | PROVINCIAL),
            Status::DATA,
        )?;
        match (self.memory().base.version, version) {
            (0, NATIONAL) => {
                let base = BaseKey::fresh(NATIONAL, new.key.clone());
                self.commit(&[Change::Base(base), Change::Stage(Stage::Initialised)])?;
                self.volatile.gate.close();
            }
            (NATIONAL, PROVINCIAL) => {
                self.commit(&[Change::ProvincialMaster(new.key.clone())])?;
            }
            // A resumed script brings the same key again; another one is no resumption.
            (base, again) if base == again => {
                require(self.memory().base.key.is_same(&new.key), Status::DATA)?;
            }
            _ => return Err(Status::CONDITIONS),
        }
        Ok(Outcome::Done)
    }

    /// National keys in the national stage, provincial ones in the provincial; later either, if the SAM's type has it.
    fn write_application_key(&mut self, new: &NewKey) -> Answer {
        let [high, low] = self.profile.sam.df.fid.to_be_bytes();
        let version = new.header[4];
        let algorithm = self.profile.crypto.algorithm;
        let said = |key: &KeyInfo| {
            let (usage, index, levels) = (key.sam_usage, key.sam_index, key.levels());
            [high, low, usage, index, version, algorithm, levels, 0, 0]
        };
        let key = self
            .profile
            .keys
            .iter()
            .find(|key| said(key) == new.header && version < key.groups && self.takes_key(key))
            .ok_or(Status::DATA)?;
        self.commit(&[Change::WriteKey(SamKey {
            usage: key.sam_usage,
            index: key.sam_index,
            version,
            national: key.scope == Scope::National,
            key: new.key.clone(),
            ceiling: None,
        })])?;
        Ok(Outcome::Done)
    }

    fn takes_key(&self, key: &KeyInfo) -> bool {
        match (self.stage(), self.memory().base.version) {
            (Stage::Active, _) => self.type_has(&key.name),
            (_, NATIONAL) => key.scope == Scope::National,
            _ => key.scope == Scope::Provincial,
        }
    }

    fn store_data(&mut self, command: &Incoming<'_>) -> Answer {
        self.require_provincial_stage()?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        let content = self
            .volatile
            .gate
            .enter(command, Content::AtLeast(PLACE_LEN + 1))?;
        let word = |at: usize| u16::from_be_bytes([content[at], content[at + 1]]);
        let in_df = word(0) == self.profile.sam.df.fid;
        require(in_df || word(0) == crate::tree::MF, Status::NO_FILE)?;
        let files = &self.profile.sam.files;
        let at = files
            .iter()
            .position(|f| f.fid == word(2) && (f.df() == self.profile.sam.df.name) == in_df)
            .ok_or(Status::NO_FILE)?;
        let (offset, bytes) = (usize::from(word(4)), &content[PLACE_LEN..]);
        require(offset + bytes.len() <= files[at].size, Status::NO_SPACE)?;
        self.commit(&[Change::Write(at, offset, bytes.to_vec())])?;
        Ok(Outcome::Done)
    }

    fn wipe(&mut self, command: &Incoming<'_>) -> Answer {
        require(self.stage() != Stage::Blank, Status::CONDITIONS)?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        self.volatile.gate.enter(command, Content::Exactly(0))?;
        let change = if self.memory().base.version == PROVINCIAL {
            Change::WipeProvincial
        } else {
            Change::WipeAll
        };
        self.commit(&[change])?;
        Ok(Outcome::Done)
    }

    fn set_pin(&mut self, command: &Incoming<'_>) -> Answer {
        self.require_provincial_stage()?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        let content = self.volatile.gate.enter(command, Content::Exactly(3))?;
        let digits = decimal(&content).ok_or(Status::DATA)?;
        let tries = self.profile.assumed.sam_pin_tries.value;
        self.commit(&[Change::Pin(Pin { digits, tries })])?;
        Ok(Outcome::Done)
    }

    /// S = 03 ends the national stage, S = 07 the provincial one.
    fn set_state(&mut self, command: &Incoming<'_>) -> Answer {
        let next = [Stage::Initialised, Stage::Active]
            .into_iter()
            .find(|s| self.profile.life_cycle.byte(s.life_cycle()) == command.p1);
        let from = match next {
            Some(Stage::Initialised) => NATIONAL,
            _ => PROVINCIAL,
        };
        let base = self.memory().base.version;
        require(next.is_none() || base == from, Status::CONDITIONS)?;
        let next = next.ok_or(Status::P1P2)?;
        command.p1p2_is(|_, p2| p2 == 0)?;
        self.volatile.gate.enter(command, Content::Exactly(0))?;
        if next == Stage::Initialised {
            self.end_national_stage()?;
        } else {
            require(self.memory().is_complete(), Status::CONDITIONS)?;
            require(self.is_certified(), Status::CONDITIONS)?;
            self.commit(&[Change::Stage(Stage::Active)])?;
        }
        self.volatile.gate.close();
        Ok(Outcome::Done)
    }

    fn end_national_stage(&mut self) -> Result<(), Status> {
        let memory = self.memory();
        require(!memory.keys.is_empty(), Status::CONDITIONS)?;
        let master = memory.provincial_master.clone();
        let master = master.ok_or(Status::CONDITIONS)?;
        self.commit(&[Change::Base(BaseKey::fresh(PROVINCIAL, master))])
    }

    pub(super) fn require_provincial_stage(&self) -> Result<(), Status> {
        require(self.memory().base.version == PROVINCIAL, Status::CONDITIONS)
    }
}
