//! Challenge and the two AUTHENTICATE of the user card (R32, R33, R36): never repeated by themselves (R68).

use cardlib_card::apdu::Command;
use cardlib_card::profile::Key;
use cardlib_card::status::Status;

use crate::card::{Expected, UserCard};
use crate::commands::{external_authenticate, internal_authenticate};
use crate::error::{FlowError, Part, malformed};

impl UserCard<'_> {
    /// The card's challenge, which serves the next command that needs one (D15).
    ///
    /// # Errors
    /// What the card answers.
    pub fn challenge(&mut self) -> Result<[u8; 8], FlowError> {
        if let Some(random) = self.take_challenge() {
            return Ok(random);
        }
        let random = self.send("GET CHALLENGE", &get_challenge())?;
        random
            .try_into()
            .map_err(|_| malformed(Part::Card, "challenge", "does not have 8 bytes"))
    }

    /// INTERNAL AUTHENTICATE: the card's proof for `random` and `info` under its IRK.
    ///
    /// # Errors
    /// What the card answers.
    pub fn internal_authenticate(
        &mut self,
        random: [u8; 8],
        info: [u8; 8],
        version: u8,
    ) -> Result<[u8; 8], FlowError> {
        let proof = self.send(
            "INTERNAL AUTHENTICATE",
            &internal_authenticate(random, info, version),
        )?;
        proof
            .try_into()
            .map_err(|_| malformed(Part::Card, "proof", "does not have 8 bytes"))
    }

    /// EXTERNAL AUTHENTICATE: our proof under a key of the current directory. Never repeated by itself (R68).
    ///
    /// # Errors
    /// [`FlowError::KeyRefused`], [`FlowError::KeyBlocked`].
    pub fn external_authenticate(
        &mut self,
        key: &Key,
        proof: [u8; 8],
        info: [u8; 8],
        version: u8,
    ) -> Result<(), FlowError> {
        self.external_authenticate_ahead(key, proof, info, version);
        self.catch_up()
    }

    /// As [`UserCard::external_authenticate`], with the next command whose answer is needed.
    pub(crate) fn external_authenticate_ahead(
        &mut self,
        key: &Key,
        proof: [u8; 8],
        info: [u8; 8],
        version: u8,
    ) {
        let command = external_authenticate(key.kid, proof, info, version);
        self.put_ahead(command, Expected::Right(key.name.clone()));
    }
}

pub(crate) fn get_challenge() -> Command {
    Command::new(0x00, 0x84, 0x00, 0x00).with_le(8)
}

/// What it means that the card does not take a proof under a key.
pub(crate) fn refusal(key: &str, status: Status) -> FlowError {
    let key = key.to_owned();
    match (status, status.retries()) {
        (Status::BLOCKED, _) => FlowError::KeyBlocked(key),
        (_, Some(tries_left)) => FlowError::KeyRefused { key, tries_left },
        (status, None) => FlowError::Refused {
            part: Part::Card,
            step: "EXTERNAL AUTHENTICATE",
            status,
        },
    }
}
