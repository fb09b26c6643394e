//! Session keys inside the SAM (R50–R53): DELIVERY SESSION KEY, and CIPHER DATA under the key that it made.

use cardlib_card::apdu::Command;
use cardlib_card::profile::Key;
use zeroize::Zeroize;

use crate::error::{FlowError, Part, malformed};
use crate::formulas::{fold, proof_input};
use crate::sam::{Expected, Factors, SamClient};

/// Modes of CIPHER DATA that flows use.
const ENCRYPT: u8 = 0x00;
const SINGLE_MAC: u8 = 0x05;
/// Most bytes that one CIPHER DATA takes (R53).
pub(crate) const MAX_CIPHER: usize = 0xF0;

impl SamClient<'_> {
    /// DELIVERY SESSION KEY: from now on, until the next one, CIPHER DATA works under `E(DK, R ‖ ~R)` (R50, R51).
    ///
    /// # Errors
    /// [`FlowError::NotPermitted`] when the SAM lacks the key (R69).
    pub fn deliver(
        &mut self,
        key: &Key,
        version: u8,
        factors: &Factors,
        random: [u8; 8],
    ) -> Result<(), FlowError> {
        self.deliver_ahead(key, version, factors, random);
        self.catch_up()
    }

    /// As [`SamClient::deliver`]; the SAM's refusal comes with the next command.
    pub(crate) fn deliver_ahead(
        &mut self,
        key: &Key,
        version: u8,
        factors: &Factors,
        random: [u8; 8],
    ) {
        let mut data = factors.upwards(key);
        data.extend_from_slice(&random);
        let command =
            Command::new(0x80, 0xDE, key.sam_usage, version << 5 | key.sam_index).with_data(data);
        let key = key.name.clone();
        let sam_type = self.facts().sam_type;
        self.put_ahead(command, Expected::Delivered { key, sam_type });
    }

    /// The cryptogram of an authentication under the session key (R37).
    ///
    /// # Errors
    /// [`FlowError`] when the SAM refuses.
    pub fn proof(&mut self, info: [u8; 8]) -> Result<[u8; 8], FlowError> {
        let block = self.encrypt(&proof_input(info))?;
        let block: [u8; 16] = block
            .try_into()
            .map_err(|_| malformed(Part::Sam, "cryptogram", "is not one block"))?;
        Ok(fold(&block))
    }

    /// Whole blocks under the session key, which this uses up.
    ///
    /// # Errors
    /// [`FlowError`] when the SAM refuses or the data are longer than one command takes.
    pub fn encrypt(&mut self, padded: &[u8]) -> Result<Vec<u8>, FlowError> {
        let cipher = self.cipher_data(ENCRYPT, padded)?;
        if cipher.len() == padded.len() {
            Ok(cipher)
        } else {
            Err(malformed(
                Part::Sam,
                "cipher text",
                "has another length than the plain text",
            ))
        }
    }

    /// MAC over whole blocks with zero IV under the session key, which this uses up.
    ///
    /// # Errors
    /// As [`SamClient::encrypt`].
    pub fn mac(&mut self, padded: &[u8]) -> Result<[u8; 4], FlowError> {
        let mut data = vec![0; 16];
        data.extend_from_slice(padded);
        let mac = self.cipher_data(SINGLE_MAC, &data)?;
        mac.try_into()
            .map_err(|_| malformed(Part::Sam, "MAC", "does not have 4 bytes"))
    }

    fn cipher_data(&mut self, mode: u8, data: &[u8]) -> Result<Vec<u8>, FlowError> {
        if data.len() > MAX_CIPHER {
            return Err(FlowError::TooLong(data.len()));
        }
        let mut command = Command::new(0x80, 0xFA, mode, 0x00).with_data(data);
        let answer = self.send("CIPHER DATA", &command);
        command.zeroize();
        answer
    }
}
