//! Challenge and the two AUTHENTICATE of the user card (R32, R33, R36): never repeated by themselves (R68).

use cardlib_card::apdu::Command;
use cardlib_card::profile::Key;
use cardlib_card::status::Status;

use crate::card::UserCard;
use crate::commands::{external_authenticate, internal_authenticate};
use crate::error::{FlowError, Part, malformed};

impl UserCard<'_> {
    /// The card's challenge, which serves the next command that needs one (D15).
    ///
    /// # Errors
    /// What the card answers.
    pub fn challenge(&mut self) -> Result<[u8; 8], FlowError> {
        let random = self.send(
            "GET CHALLENGE",
            &Command::new(0x00, 0x84, 0x00, 0x00).with_le(8),
        )?;
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
        match self
            .raw(&external_authenticate(key.kid, proof, info, version))?
            .1
        {
            Status::OK => Ok(()),
            Status::BLOCKED => Err(FlowError::KeyBlocked(key.name.clone())),
            status => match status.retries() {
                Some(tries_left) => Err(FlowError::KeyRefused {
                    key: key.name.clone(),
                    tries_left,
                }),
                None => Err(FlowError::Refused {
                    part: Part::Card,
                    step: "EXTERNAL AUTHENTICATE",
                    status,
                }),
            },
        }
    }
}
