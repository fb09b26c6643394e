//! The personalisation dialect on a user card (`docs/cos-dialect.md`): keys, files and data, until ACTIVATE.

use cardlib_card::profile::{Access, File, FileKind, SecureMessaging};
use cardlib_card::status::Status;

use super::UserCard;
use super::memory::{Change, KeyMemory, creation, record_place};
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::gate::{Content, NewKey, ins};
use crate::stage::{BaseKey, Stage};

/// Key version of the card master key.
const MASTER: u8 = 0x01;
/// Header of the card master key in WRITE KEY.
const MASTER_HEADER: [u8; 9] = [0, 0, 0, 1, MASTER, 0, 0, 0, 0];
/// Bytes of `DF FID ‖ EF FID ‖ offset` in STORE DATA.
const PLACE_LEN: usize = 6;

impl UserCard {
    pub(super) fn personalise(&mut self, command: &Incoming<'_>) -> Answer {
        match command.ins {
            ins::INITIALIZE_UPDATE => {
                let memory = self.nvm.get();
                let state = self.profile.life_cycle.byte(memory.stage.life_cycle());
                self.volatile
                    .gate
                    .initialize_update(command, &memory.chip, &memory.base, state)
            }
            ins::EXTERNAL_AUTHENTICATE => self.open_session(command),
            ins::WRITE_KEY => self.write_key(command),
            ins::CREATE_FILE => self.create_file(command),
            ins::STORE_DATA => self.store_data(command),
            ins::WIPE => self.wipe(command),
            ins::SET_STATE => self.set_state(command),
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
        let master = command.p1 == MASTER;
        require(
            master || self.stage() == Stage::Initialised,
            Status::CONDITIONS,
        )?;
        command.p1p2_is(|p1, p2| p1 <= MASTER && p2 == 0)?;
        let new = self.volatile.gate.enter_key(command)?;
        if master {
            self.write_master_key(&new)
        } else {
            self.write_application_key(&new)
        }
    }

    fn write_master_key(&mut self, new: &NewKey) -> Answer {
        require(new.header == MASTER_HEADER, Status::DATA)?;
        if self.stage() == Stage::Blank {
            let base = BaseKey::fresh(MASTER, new.key.clone());
            self.commit(&[Change::Base(base), Change::Stage(Stage::Initialised)])?;
            self.volatile.gate.close();
            return Ok(Outcome::Done);
        }
        // A resumed script brings the same key again; another one is no resumption.
        require(self.memory().base.key.is_same(&new.key), Status::DATA)?;
        Ok(Outcome::Done)
    }

    fn write_application_key(&mut self, new: &NewKey) -> Answer {
        let classes = &self.profile.dialect.key_classes;
        let found = self.profile.key_instances().enumerate().find(|(_, i)| {
            let key = i.key;
            let fid = self.profile.df(&key.df).map_or(0, |df| df.fid);
            let [high, low] = fid.to_be_bytes();
            let algorithm = self.profile.crypto.algorithm;
            let class = classes.code(key.class);
            let limit = key.error_limit;
            new.header == [high, low, class, key.kid, i.version, algorithm, limit, 0, 0]
        });
        let (at, instance) = found.ok_or(Status::DATA)?;
        let df = self
            .profile
            .dfs
            .iter()
            .position(|df| df.name == instance.key.df);
        self.require_df(df)?;
        let memory = KeyMemory {
            key: new.key.clone(),
            tries: instance.key.error_limit,
        };
        self.commit(&[Change::WriteKey(at, memory)])?;
        Ok(Outcome::Done)
    }

    fn create_file(&mut self, command: &Incoming<'_>) -> Answer {
        require(self.stage() == Stage::Initialised, Status::CONDITIONS)?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        let content = self.volatile.gate.enter(command, Content::Exactly(14))?;
        let (parent, fid) = (word(&content, 0)?, word(&content, 2)?);
        if content[4] == self.profile.dialect.file_types.df {
            self.create_df(parent, fid, &content)
        } else {
            self.create_ef(parent, fid, &content)
        }
    }

    fn create_df(&mut self, parent: u16, fid: u16, content: &[u8]) -> Answer {
        let parent_at = self.profile.dfs.iter().position(|df| df.fid == parent);
        let parent_name = parent_at.map(|at| self.profile.dfs[at].name.as_str());
        let at = self
            .profile
            .dfs
            .iter()
            .position(|df| df.fid == fid && df.parent.as_deref() == parent_name)
            .ok_or(Status::DATA)?;
        require(content[5..].iter().all(|byte| *byte == 0), Status::DATA)?;
        self.require_df(parent_at)?;
        require(!self.memory().dfs[at].exists, Status::NO_SPACE)?;
        self.commit(&[Change::CreateDf(at)])?;
        Ok(Outcome::Done)
    }

    fn create_ef(&mut self, parent: u16, fid: u16, content: &[u8]) -> Answer {
        let parent_at = self.profile.dfs.iter().position(|df| df.fid == parent);
        let (at, file) = self.find_file(parent, fid).ok_or(Status::DATA)?;
        let expected = self.descriptor(file).ok_or(Status::DATA)?;
        require(content[4..] == expected, Status::DATA)?;
        self.require_df(parent_at)?;
        require(self.memory().files[at].is_none(), Status::NO_SPACE)?;
        self.commit(&creation(at, file))?;
        Ok(Outcome::Done)
    }

    /// What CREATE FILE must say about a file after the two identifiers.
    fn descriptor(&self, file: &File) -> Option<[u8; 10]> {
        let codes = &self.profile.dialect;
        let kid = |name: &str| self.profile.key(name).map(|key| key.kid);
        let access = |access: &Access| match access {
            Access::Free => Some(codes.access.free),
            Access::Never => Some(codes.access.never),
            Access::Key(name) => kid(name),
        };
        let [high, low] = u16::try_from(file.size).ok()?.to_be_bytes();
        let maintenance = match &file.maintenance {
            Some(name) => kid(name)?,
            None => codes.access.no_maintenance,
        };
        let messaging = match file.secure_messaging {
            SecureMessaging::None => 0,
            SecureMessaging::Mac => codes.flags.mac,
            SecureMessaging::CipherMac => codes.flags.cipher_mac,
        };
        let once = if file.write_once {
            codes.flags.write_once
        } else {
            0
        };
        Some([
            codes.file_types.code(file.kind),
            high,
            low,
            u8::try_from(file.records).ok()?,
            access(&file.read)?,
            access(&file.update)?,
            access(&file.erase)?,
            maintenance,
            messaging | once,
            0,
        ])
    }

    fn store_data(&mut self, command: &Incoming<'_>) -> Answer {
        require(self.stage() == Stage::Initialised, Status::CONDITIONS)?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        let content = self
            .volatile
            .gate
            .enter(command, Content::AtLeast(PLACE_LEN + 1))?;
        let (at, file) = self
            .find_file(word(&content, 0)?, word(&content, 2)?)
            .filter(|(at, _)| self.memory().files[*at].is_some())
            .ok_or(Status::NO_FILE)?;
        let offset = usize::from(word(&content, 4)?);
        let changes = stored(at, file, offset, &content[PLACE_LEN..])?;
        self.commit(&changes)?;
        Ok(Outcome::Done)
    }

    fn wipe(&mut self, command: &Incoming<'_>) -> Answer {
        require(self.stage() != Stage::Blank, Status::CONDITIONS)?;
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        self.volatile.gate.enter(command, Content::Exactly(0))?;
        let limit = self.profile.assumed.mac_error_limit.value;
        self.commit(&[Change::Wipe(limit), Change::Stage(Stage::Initialised)])?;
        // The directory that was current may be gone.
        self.forget_rights();
        (self.volatile.df, self.volatile.ef) = (0, None);
        Ok(Outcome::Done)
    }

    fn set_state(&mut self, command: &Incoming<'_>) -> Answer {
        let next = [Stage::Personalised, Stage::Active]
            .into_iter()
            .find(|s| self.profile.life_cycle.byte(s.life_cycle()) == command.p1);
        let from = match next {
            Some(Stage::Personalised) => Stage::Initialised,
            _ => Stage::Personalised,
        };
        require(next.is_none() || self.stage() == from, Status::CONDITIONS)?;
        let next = next.ok_or(Status::P1P2)?;
        command.p1p2_is(|_, p2| p2 == 0)?;
        self.volatile.gate.enter(command, Content::Exactly(0))?;
        require(self.memory().is_complete(), Status::CONDITIONS)?;
        self.commit(&[Change::Stage(next)])?;
        if next == Stage::Active {
            self.volatile.gate.close();
        }
        Ok(Outcome::Done)
    }

    fn find_file(&self, df: u16, fid: u16) -> Option<(usize, &'static File)> {
        let df = self.profile.df_by_fid(df)?;
        let found = self.profile.file_by_fid(&df.name, fid)?;
        let at = self
            .profile
            .files
            .iter()
            .position(|f| f.path == found.path)?;
        Some((at, &self.profile.files[at]))
    }

    fn require_df(&self, at: Option<usize>) -> Result<(), Status> {
        let exists = at.is_some_and(|at| self.memory().dfs[at].exists);
        require(exists, Status::NO_FILE)
    }
}

/// The changes of one STORE DATA: all of it or a status word.
fn stored(at: usize, file: &File, offset: usize, bytes: &[u8]) -> Result<Vec<Change>, Status> {
    match file.kind {
        FileKind::Binary => {
            require(offset + bytes.len() <= file.size, Status::NO_SPACE)?;
            Ok(vec![Change::Write(at, offset, bytes.to_vec())])
        }
        FileKind::Fixed => {
            let number = u8::try_from(offset).map_err(|_| Status::NO_SPACE)?;
            let (start, len) = record_place(file, number).ok_or(Status::NO_SPACE)?;
            require(bytes.len() == len, Status::DATA)?;
            Ok(vec![Change::Write(at, start, bytes.to_vec())])
        }
        FileKind::Cyclic => {
            require(offset == 0 && bytes.len() == file.size, Status::DATA)?;
            Ok(vec![Change::Append(at, bytes.to_vec())])
        }
        FileKind::Variable => {
            require(offset == 0, Status::DATA)?;
            stored_records(at, file, bytes)
        }
    }
}

fn stored_records(at: usize, file: &File, mut bytes: &[u8]) -> Result<Vec<Change>, Status> {
    let mut changes = Vec::new();
    while let [tag, said, ..] = bytes {
        let (number, element) = file.position(*tag).ok_or(Status::DATA)?;
        require(usize::from(*said) == element.len, Status::DATA)?;
        let (start, len) = record_place(file, number).ok_or(Status::DATA)?;
        let (record, rest) = bytes.split_at_checked(len).ok_or(Status::DATA)?;
        changes.push(Change::Write(at, start, record.to_vec()));
        bytes = rest;
    }
    require(bytes.is_empty(), Status::DATA)?;
    Ok(changes)
}

fn word(content: &[u8], at: usize) -> Result<u16, Status> {
    let bytes = content.get(at..at + 2).ok_or(Status::DATA)?;
    Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
}
