//! Which command came, whether its class fits, whether the SAM's stage takes it; and the commands that need nothing else.

use cardlib_card::status::Status;

use super::SamCard;
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::body::Commands;
use crate::gate::ins;
use crate::stage::Stage;
use crate::tree::{self, Target};

/// INS of the application's commands.
mod app {
    pub const VERIFY_PIN: u8 = 0x20;
    pub const CHANGE_PIN: u8 = 0x5E;
    pub const GET_CHALLENGE: u8 = 0x84;
    pub const SELECT: u8 = 0xA4;
    pub const READ_BINARY: u8 = 0xB0;
    pub const GET_RESPONSE: u8 = crate::body::GET_RESPONSE;
    pub const DIGITAL_SIGNATURES: u8 = 0xC4;
    pub const DATA_COMPRESS: u8 = 0xC8;
    pub const UPDATE_BINARY: u8 = 0xD6;
    pub const DELIVERY_SESSION_KEY: u8 = 0xDE;
    pub const CIPHER_DATA: u8 = 0xFA;
}

fn application_class(ins: u8) -> Option<u8> {
    match ins {
        app::VERIFY_PIN
        | app::GET_CHALLENGE
        | app::SELECT
        | app::READ_BINARY
        | app::GET_RESPONSE
        | app::UPDATE_BINARY => Some(0x00),
        app::CHANGE_PIN
        | app::DIGITAL_SIGNATURES
        | app::DATA_COMPRESS
        | app::DELIVERY_SESSION_KEY
        | app::CIPHER_DATA => Some(0x80),
        _ => None,
    }
}

fn dialect_class(ins: u8) -> Option<u8> {
    match ins {
        ins::INITIALIZE_UPDATE => Some(0x80),
        ins::EXTERNAL_AUTHENTICATE
        | ins::WRITE_KEY
        | ins::STORE_DATA
        | ins::WIPE
        | ins::SET_STATE
        | ins::GENERATE_KEY_PAIR
        | ins::IMPORT_KEY_PAIR
        | ins::PROVE_KEY_PAIR
        | ins::SET_PIN
        | ins::SET_CEILING
        | ins::RETIRE_KEY
        | ins::MANAGE => Some(0x84),
        _ => None,
    }
}

impl Commands for SamCard {
    fn run(&mut self, command: &Incoming<'_>) -> Answer {
        require(
            matches!(command.cla, 0x00 | 0x04 | 0x80 | 0x84),
            Status::CLA,
        )?;
        let class = application_class(command.ins);
        let dialect = dialect_class(command.ins).filter(|_| self.knows(command.ins));
        require(class.is_some() || dialect.is_some(), Status::INS)?;
        if dialect == Some(command.cla) {
            return self.personalise(command);
        }
        require(class == Some(command.cla), Status::CLA)?;
        let always = matches!(command.ins, app::SELECT | app::GET_CHALLENGE);
        require(always || self.stage() == Stage::Active, Status::CONDITIONS)?;
        let public = always || command.ins == app::READ_BINARY;
        require(public || !self.memory().locked, Status::FUNCTION)?;
        self.application(command)
    }
}

impl SamCard {
    fn application(&mut self, command: &Incoming<'_>) -> Answer {
        match command.ins {
            app::SELECT => self.select(command),
            app::GET_CHALLENGE => self.get_challenge(command),
            app::READ_BINARY => self.read_binary(command),
            app::UPDATE_BINARY => self.update_binary(command),
            app::VERIFY_PIN => self.verify_pin(command),
            app::CHANGE_PIN => self.change_pin(command),
            app::DELIVERY_SESSION_KEY => self.delivery(command),
            app::CIPHER_DATA => self.cipher_data(command),
            app::DATA_COMPRESS => self.data_compress(command),
            app::DIGITAL_SIGNATURES => self.digital_signatures(command),
            _ => Err(Status::INS),
        }
    }

    /// Another directory takes session key, MAC chain and hash away; the PIN status stays (R48).
    fn select(&mut self, command: &Incoming<'_>) -> Answer {
        match self.tree.select(command, self.volatile.df, |_| true)? {
            Target::Ef(at) => {
                self.volatile.ef = Some(at);
                Ok(Outcome::Done)
            }
            Target::Df(at) => {
                if at != self.volatile.df {
                    self.volatile.session = None;
                    self.volatile.hash = None;
                }
                self.volatile.df = at;
                self.volatile.ef = None;
                if command.p2 == 0x0C {
                    return Ok(Outcome::Done);
                }
                Ok(Outcome::Waiting(self.tree.fci(at)))
            }
        }
    }

    /// For the user card's INTERNAL AUTHENTICATE; nothing is remembered (R63).
    fn get_challenge(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        command.lc_is(|lc| lc == 0)?;
        require(
            command.wanted().is_none_or(|le| le == 8),
            Status::wrong_le(8),
        )?;
        let challenge: [u8; 8] = self.random.draw().map_err(|_| Status::MEMORY)?;
        Ok(Outcome::Data(challenge.to_vec()))
    }

    fn read_binary(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, _| p1 < 0x80)?;
        command.lc_is(|lc| lc == 0)?;
        let at = self.volatile.ef.ok_or(Status::NO_CURRENT_EF)?;
        let file = self.memory().files.get(at).ok_or(Status::NO_CURRENT_EF)?;
        tree::read_binary(command, &file.bytes).map(Outcome::Data)
    }

    /// No file of a SAM can be written after its issue (R55).
    fn update_binary(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, _| p1 < 0x80)?;
        command.lc_is(|lc| lc > 0)?;
        self.volatile.ef.ok_or(Status::NO_CURRENT_EF)?;
        Err(Status::SECURITY)
    }

    /// PIN commands belong to the MF, cryptographic ones to the application (R48).
    pub(super) fn require_mf(&self) -> Result<(), Status> {
        require(self.volatile.df == 0, Status::CONDITIONS)
    }

    /// The application must be current and the PIN given (R48, R49, R66).
    pub(super) fn require_application(&self) -> Result<(), Status> {
        require(self.volatile.df != 0, Status::CONDITIONS)?;
        require(self.volatile.pin_verified, Status::SECURITY)
    }
}
