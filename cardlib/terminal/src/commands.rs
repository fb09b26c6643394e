//! Commands of the user card that both flows and vectors name, to the byte.

use cardlib_card::apdu::Command;
use cardlib_card::profile::{File, FileKind};

/// P2 of READ RECORD and UPDATE RECORD: P1 is a record number.
pub(crate) const BY_NUMBER: u8 = 0x04;
/// P2 of UPDATE RECORD that appends to a cyclic file.
const APPEND: u8 = 0x03;

/// `00 88 00 00 11 ‖ random ‖ info ‖ version` (D13: P2 = 00).
#[must_use]
pub fn internal_authenticate(random: [u8; 8], info: [u8; 8], version: u8) -> Command {
    Command::new(0x00, 0x88, 0x00, 0x00).with_data([&random[..], &info, &[version]].concat())
}

/// `00 82 00 KID 11 ‖ proof ‖ info ‖ version`.
#[must_use]
pub fn external_authenticate(kid: u8, proof: [u8; 8], info: [u8; 8], version: u8) -> Command {
    Command::new(0x00, 0x82, 0x00, kid).with_data([&proof[..], &info, &[version]].concat())
}

/// Header of UPDATE RECORD with secure messaging: a numbered record, or a new one of a cyclic file.
#[must_use]
pub fn update_record_header(file: &File, number: u8) -> [u8; 4] {
    match file.kind {
        FileKind::Cyclic => [0x04, 0xDC, 0x00, APPEND],
        _ => [0x04, 0xDC, number, BY_NUMBER],
    }
}
