//! READ, UPDATE, WRITE and ERASE RECORD (R7, R13, R16–R20, R27–R29).

use cardlib_card::profile::{Access, File, FileKind, RecordAddress};
use cardlib_card::status::Status;

use super::UserCard;
use super::memory::{Change, FileMemory, record_place};
use super::secure::{self, Counting, MAC_LEN};
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::crypto::BLOCK;
use crate::flaw::Flaw;

/// P2: the record whose number is P1.
const BY_NUMBER: u8 = 0x04;
/// P2: the record before the newest, which is to append.
const APPEND: u8 = 0x03;
/// P2: the record whose tag is P1; in WRITE and ERASE RECORD the only value.
const PLAIN: u8 = 0x00;
/// An index record that stands for a visit, and one that does not.
const VALID: u8 = 0x00;
const EMPTY: u8 = 0xFF;

impl UserCard {
    pub(super) fn read_record(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|_, p2| matches!(p2, PLAIN | BY_NUMBER))?;
        command.lc_is(|lc| lc == 0)?;
        let (_, file, memory) = self.current_file()?;
        require(file.kind != FileKind::Binary, Status::STRUCTURE)?;
        let by_tag = command.p2 == PLAIN;
        require(
            !by_tag || file.address == RecordAddress::TagOrPosition,
            Status::P1P2,
        )?;
        if !(self.has(Flaw::SpecialDataUnguarded) && file.path == "DF02/EF06") {
            self.check_right(&file.read)?;
        }
        let number = if by_tag {
            file.position(command.p1).map(|(number, _)| number)
        } else {
            Some(command.p1)
        };
        let record = number
            .and_then(|number| record(file, memory, number))
            .ok_or(Status::NO_RECORD)?;
        // A record has at most 254 bytes.
        let right_le = Status::wrong_le(record.len().to_le_bytes()[0]);
        require(
            command.wanted().is_none_or(|le| le == record.len()),
            right_le,
        )?;
        Ok(Outcome::Data(record.to_vec()))
    }

    /// `04 DC rec 04 Lc cipher MAC`, cyclic `04 DC 00 03 …`; `00 DC` is what R16 speaks of.
    pub(super) fn update_record(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|_, p2| matches!(p2, APPEND | BY_NUMBER))?;
        let secure = command.cla == 0x04;
        if secure {
            command.lc_is(|lc| {
                lc.checked_sub(MAC_LEN)
                    .is_some_and(|body| body > 0 && body % BLOCK == 0)
            })?;
        }
        let (at, file, memory) = self.current_file()?;
        require(
            matches!(file.kind, FileKind::Variable | FileKind::Cyclic),
            Status::STRUCTURE,
        )?;
        let append = file.kind == FileKind::Cyclic;
        let header_fits = if append {
            command.p1 == 0 && command.p2 == APPEND
        } else {
            command.p2 == BY_NUMBER
        };
        require(header_fits, Status::P1P2)?;
        self.check_right(&file.update)?;
        let place = record_place(file, command.p1).filter(|_| !append);
        require(append || place.is_some(), Status::NO_RECORD)?;
        let head = place
            .and_then(|(offset, _)| memory.bytes.get(offset..offset + 2))
            .map(<[u8]>::to_vec);
        require(secure, Status::SM_MISSING)?;

        let session = self.check_mac(command, Counting::Counted)?;
        let body = &command.data[..command.data.len() - MAC_LEN];
        let content = secure::decrypt(&session, body)?;
        let change = match (place, head) {
            (Some((offset, len)), Some(head)) => {
                // Tag and length are those of the record (R28).
                require(
                    content.len() == len && content.starts_with(&head),
                    Status::DATA,
                )?;
                Change::Write(at, offset, content.to_vec())
            }
            _ => {
                require(content.len() == file.size, Status::DATA)?;
                Change::Append(at, content.to_vec())
            }
        };
        self.commit(&[change])?;
        Ok(Outcome::Done)
    }

    /// `84 D2 rec 00 04 MAC`: the record stands for a visit from now on.
    pub(super) fn write_record(&mut self, command: &Incoming<'_>) -> Answer {
        self.set_flag(command, |file| &file.update, VALID)
    }

    /// `84 0C rec 00 04 MAC`: the record is empty again; the visit file stays as it is (R25).
    pub(super) fn erase_record(&mut self, command: &Incoming<'_>) -> Answer {
        if self.has(Flaw::EraseByWriters) {
            return self.set_flag(command, |file| &file.update, EMPTY);
        }
        self.set_flag(command, |file| &file.erase, EMPTY)
    }

    fn set_flag(
        &mut self,
        command: &Incoming<'_>,
        access: impl Fn(&'static File) -> &'static Access,
        flag: u8,
    ) -> Answer {
        command.p1p2_is(|_, p2| p2 == PLAIN)?;
        let secure = command.cla == 0x84;
        if secure {
            command.lc_is(|lc| lc == MAC_LEN)?;
        }
        let (at, file, memory) = self.current_file()?;
        require(file.kind == FileKind::Fixed, Status::STRUCTURE)?;
        self.check_right(access(file))?;
        let (offset, len) = record_place(file, command.p1).ok_or(Status::NO_RECORD)?;
        let already = memory
            .bytes
            .get(offset..offset + len)
            .is_some_and(|record| record.iter().all(|byte| *byte == flag));
        require(secure, Status::SM_MISSING)?;
        self.check_mac(command, Counting::Counted)?;
        if !already {
            self.commit(&[Change::Write(at, offset, vec![flag; len])])?;
        }
        Ok(Outcome::Done)
    }
}

/// Record `number` of a file; of a cyclic one only what has been written (R18, R19).
fn record<'a>(file: &File, memory: &'a FileMemory, number: u8) -> Option<&'a [u8]> {
    let (offset, len) = record_place(file, number)?;
    if file.kind == FileKind::Cyclic && usize::from(number) > memory.used {
        return None;
    }
    memory.bytes.get(offset..offset + len)
}
