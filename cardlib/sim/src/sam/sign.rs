//! DATA COMPRESS (SM3, D16) and DIGITAL SIGNATURES (SM2 over a digest taken as *e*, D17, R57), or what else the profile
//! names in their places (D46).

use cardlib_card::status::Status;
use cardlib_card::suite::{Hasher, SigningKey};

use super::SamCard;
use crate::answer::{Answer, Outcome};
use crate::apdu::Incoming;

/// P1 of DATA COMPRESS.
const MORE: u8 = 0x02;
const LAST: u8 = 0x00;

impl SamCard {
    /// `80 C8 P1 00 Lc data`.
    pub(super) fn data_compress(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, p2| matches!(p1, MORE | LAST) && p2 == 0)?;
        command.lc_is(|lc| lc > 0)?;
        self.require_application()?;
        let empty = || Hasher::new(self.profile.crypto.hash);
        let mut hash = self.volatile.hash.take().unwrap_or_else(empty);
        hash.update(command.data);
        if command.p1 == MORE {
            self.volatile.hash = Some(hash);
            return Ok(Outcome::Done);
        }
        Ok(Outcome::Waiting(hash.finish().to_vec()))
    }

    /// `80 C4 00 00 20 digest`.
    pub(super) fn digital_signatures(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        command.lc_is(|lc| lc == 32)?;
        self.require_application()?;
        let mut digest = [0u8; 32];
        digest.copy_from_slice(command.data);
        let private = self
            .memory()
            .private_key
            .as_ref()
            .ok_or(Status::CONDITIONS)?;
        let signature = SigningKey::from_bytes(self.profile.crypto.signature, &private.0)
            .and_then(|key| key.sign_digest(&digest))
            .map_err(|_| Status::MEMORY)?;
        Ok(Outcome::Waiting(signature.to_vec()))
    }
}
