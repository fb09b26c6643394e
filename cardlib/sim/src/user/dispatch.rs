//! Which command came, whether its class fits, and whether the card's stage takes it (the head of R9's order).

use cardlib_card::status::Status;

use super::UserCard;
use crate::answer::Answer;
use crate::apdu::{Incoming, require};
use crate::body::Commands;
use crate::gate::ins;
use crate::stage::Stage;

/// INS of the application's commands.
mod app {
    pub const ERASE_RECORD: u8 = 0x0C;
    pub const CARD_BLOCK: u8 = 0x16;
    pub const APPLICATION_UNBLOCK: u8 = 0x18;
    pub const APPLICATION_BLOCK: u8 = 0x1E;
    pub const EXTERNAL_AUTHENTICATE: u8 = 0x82;
    pub const GET_CHALLENGE: u8 = 0x84;
    pub const INTERNAL_AUTHENTICATE: u8 = 0x88;
    pub const SELECT: u8 = 0xA4;
    pub const READ_BINARY: u8 = 0xB0;
    pub const READ_RECORD: u8 = 0xB2;
    pub const GET_RESPONSE: u8 = crate::body::GET_RESPONSE;
    pub const WRITE_RECORD: u8 = 0xD2;
    pub const UPDATE_BINARY: u8 = 0xD6;
    pub const UPDATE_RECORD: u8 = 0xDC;
}

/// Classes that an application command takes; 00 beside another one is the plain form that R16 refuses later.
fn application_classes(ins: u8) -> &'static [u8] {
    match ins {
        app::UPDATE_RECORD => &[0x04, 0x00],
        app::WRITE_RECORD | app::ERASE_RECORD => &[0x84, 0x00],
        app::CARD_BLOCK | app::APPLICATION_UNBLOCK | app::APPLICATION_BLOCK => &[0x84],
        app::EXTERNAL_AUTHENTICATE
        | app::GET_CHALLENGE
        | app::INTERNAL_AUTHENTICATE
        | app::SELECT
        | app::READ_BINARY
        | app::READ_RECORD
        | app::GET_RESPONSE
        | app::UPDATE_BINARY => &[0x00],
        _ => &[],
    }
}

/// Class that a command of the dialect takes.
fn dialect_class(ins: u8) -> Option<u8> {
    match ins {
        ins::INITIALIZE_UPDATE => Some(0x80),
        ins::EXTERNAL_AUTHENTICATE
        | ins::WRITE_KEY
        | ins::CREATE_FILE
        | ins::STORE_DATA
        | ins::WIPE
        | ins::SET_STATE => Some(0x84),
        _ => None,
    }
}

impl Commands for UserCard {
    fn run(&mut self, command: &Incoming<'_>) -> Answer {
        require(
            matches!(command.cla, 0x00 | 0x04 | 0x80 | 0x84),
            Status::CLA,
        )?;
        let classes = application_classes(command.ins);
        let dialect = dialect_class(command.ins).filter(|_| self.stage() != Stage::Active);
        require(!classes.is_empty() || dialect.is_some(), Status::INS)?;
        if dialect == Some(command.cla) {
            return self.personalise(command);
        }
        require(classes.contains(&command.cla), Status::CLA)?;
        let always = matches!(command.ins, app::SELECT | app::GET_CHALLENGE);
        require(always || self.stage() == Stage::Active, Status::CONDITIONS)?;
        self.application(command)
    }
}

impl UserCard {
    fn application(&mut self, command: &Incoming<'_>) -> Answer {
        match command.ins {
            app::SELECT => self.select(command),
            app::GET_CHALLENGE => self.get_challenge(command),
            app::INTERNAL_AUTHENTICATE => self.internal_authenticate(command),
            app::EXTERNAL_AUTHENTICATE => self.external_authenticate(command),
            app::READ_RECORD => self.read_record(command),
            app::READ_BINARY => self.read_binary(command),
            app::UPDATE_BINARY => self.update_binary(command),
            app::UPDATE_RECORD => self.update_record(command),
            app::WRITE_RECORD => self.write_record(command),
            app::ERASE_RECORD => self.erase_record(command),
            app::APPLICATION_BLOCK => self.application_block(command),
            app::APPLICATION_UNBLOCK => self.application_unblock(command),
            app::CARD_BLOCK => self.card_block(command),
            _ => Err(Status::INS),
        }
    }
}
