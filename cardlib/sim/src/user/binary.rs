//! READ and UPDATE BINARY (R11, R13, R15): photo and visit files, plain, after external authentication.

use cardlib_card::profile::{File, FileKind};
use cardlib_card::status::Status;

use super::UserCard;
use super::memory::Change;
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::flaw::Flaw;
use crate::tree;

impl UserCard {
    pub(super) fn read_binary(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, _| p1 < 0x80)?;
        command.lc_is(|lc| lc == 0)?;
        let (_, file, memory) = self.current_file()?;
        require_binary(file)?;
        self.check_right(&file.read)?;
        tree::read_binary(command, &memory.bytes).map(Outcome::Data)
    }

    pub(super) fn update_binary(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, _| p1 < 0x80)?;
        command.lc_is(|lc| lc > 0)?;
        let (at, file, _) = self.current_file()?;
        require_binary(file)?;
        let readers_may = self.has(Flaw::VisitUpdateByReaders) && file.path == "DF03/EE02";
        self.check_right(if readers_may {
            &file.read
        } else {
            &file.update
        })?;
        let offset = usize::from(u16::from_be_bytes([command.p1, command.p2]));
        require(offset < file.size, Status::OFFSET)?;
        require(offset + command.data.len() <= file.size, Status::NO_SPACE)?;
        self.commit(&[Change::Write(at, offset, command.data.to_vec())])?;
        Ok(Outcome::Done)
    }
}

fn require_binary(file: &File) -> Result<(), Status> {
    require(file.kind == FileKind::Binary, Status::STRUCTURE)
}
