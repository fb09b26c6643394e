//! VERIFY PIN and CHANGE PIN (R54, D18, R70): six digits, one counter, which is spent before the comparison.

use cardlib_card::status::Status;

use super::SamCard;
use super::memory::{Change, Pin};
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::crypto::same;

/// Bytes of a PIN.
const PIN_LEN: usize = 3;
/// Between old and new PIN.
const SEPARATOR: u8 = 0xFF;

impl SamCard {
    /// `00 20 00 00 03 PIN`.
    pub(super) fn verify_pin(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, p2| p1 == 0 && p2 == 0)?;
        command.lc_is(|lc| lc == PIN_LEN)?;
        self.require_mf()?;
        self.compare_pin(command.data)?;
        self.volatile.pin_verified = true;
        Ok(Outcome::Done)
    }

    /// `80 5E 01 00 07 old ‖ FF ‖ new`.
    pub(super) fn change_pin(&mut self, command: &Incoming<'_>) -> Answer {
        command.p1p2_is(|p1, p2| p1 == 1 && p2 == 0)?;
        command.lc_is(|lc| lc == 2 * PIN_LEN + 1)?;
        self.require_mf()?;
        require(self.tries_left() > 0, Status::BLOCKED)?;
        let (old, rest) = command.data.split_at(PIN_LEN);
        let digits = rest
            .strip_prefix(&[SEPARATOR])
            .and_then(decimal)
            .ok_or(Status::DATA)?;
        self.compare_pin(old)?;
        let tries = self.profile.assumed.sam_pin_tries.value;
        self.commit(&[Change::Pin(Pin { digits, tries })])?;
        Ok(Outcome::Done)
    }

    fn tries_left(&self) -> u8 {
        self.memory().pin.as_ref().map_or(0, |pin| pin.tries)
    }

    fn compare_pin(&mut self, given: &[u8]) -> Result<(), Status> {
        let left = self.tries_left();
        require(left > 0, Status::BLOCKED)?;
        self.commit(&[Change::PinTries(left - 1)])?;
        let right = |pin: &Pin| same(&pin.digits, given);
        if !self.memory().pin.as_ref().is_some_and(right) {
            self.volatile.pin_verified = false;
            return Err(Status::tries_left(left - 1));
        }
        let tries = self.profile.assumed.sam_pin_tries.value;
        self.commit(&[Change::PinTries(tries)])
    }
}

/// Six decimal digits in BCD.
pub(super) fn decimal(bytes: &[u8]) -> Option<[u8; PIN_LEN]> {
    let all = bytes.iter().all(|byte| byte >> 4 < 10 && byte & 0x0F < 10);
    bytes.try_into().ok().filter(|_| all)
}
