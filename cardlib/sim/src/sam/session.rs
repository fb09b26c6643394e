//! DELIVERY SESSION KEY and CIPHER DATA (R50–R53, D45): from a root over the card's key to the session key, then cipher and MAC.

#[cfg(feature = "faults")]
pub mod tamper;

use cardlib_card::status::Status;

use super::SamCard;
use crate::answer::{Answer, Outcome};
use crate::apdu::{Incoming, require};
use crate::crypto::{BLOCK, Key};

/// Low five bits of the usage byte: what a session key may do.
mod kind {
    pub const MAC: u8 = 6;
    pub const ENCRYPT: u8 = 7;
    pub const MAC_AND_ENCRYPT: u8 = 8;
}

/// P1 of CIPHER DATA.
mod mode {
    pub const LAST_ENCRYPT: u8 = 0x00;
    pub const LAST_MAC: u8 = 0x01;
    pub const MORE_ENCRYPT: u8 = 0x02;
    pub const NEXT_MAC: u8 = 0x03;
    pub const SINGLE_MAC: u8 = 0x05;
    pub const FIRST_MAC: u8 = 0x07;
}

/// Bytes of one factor, and of the random number.
const FACTOR: usize = 8;
/// Bytes of a command MAC.
const MAC_LEN: usize = 4;
/// Longest data of CIPHER DATA.
const MAX_CIPHER: usize = 0xF0;

/// A session key and how far its MAC has come.
#[derive(Clone)]
pub(super) struct SessionKey {
    key: Key,
    kind: u8,
    chain: Option<[u8; BLOCK]>,
}

impl SamCard {
    /// `80 DE usage version‖index Lc factors ‖ random`: card factor first, the topmost factor last (R51).
    pub(super) fn delivery(&mut self, command: &Incoming<'_>) -> Answer {
        command.lc_is(|lc| matches!(lc, 0x10 | 0x18 | 0x20))?;
        self.require_application()?;
        self.volatile.session = None;
        let (version, index) = (command.p2 >> 5, command.p2 & 0x1F);
        let root = self.memory().key(index, version).ok_or(Status::NO_KEY)?;
        let expected = FACTOR * (root.levels() + 1);
        require(
            command.p1 == root.usage && command.data.len() == expected,
            Status::DATA,
        )?;
        self.count_use(index, version)?;
        let root = self.memory().key(index, version).ok_or(Status::NO_KEY)?;
        let (parts, _) = command.data.as_chunks::<FACTOR>();
        let (random, factors) = parts.split_last().ok_or(Status::LENGTH)?;
        let card_key = factors
            .iter()
            .rev()
            .fold(root.key.clone(), |key, factor| key.diversify(factor));
        self.volatile.session = Some(SessionKey {
            key: card_key.session(random),
            kind: root.kind(),
            chain: None,
        });
        Ok(Outcome::Done)
    }

    /// `80 FA mode 00 Lc data` (R50, R52, R53).
    pub(super) fn cipher_data(&mut self, command: &Incoming<'_>) -> Answer {
        let known = [
            mode::LAST_ENCRYPT,
            mode::LAST_MAC,
            mode::MORE_ENCRYPT,
            mode::NEXT_MAC,
            mode::SINGLE_MAC,
            mode::FIRST_MAC,
        ];
        command.p1p2_is(|p1, p2| known.contains(&p1) && p2 == 0)?;
        let least = if command.p1 == mode::SINGLE_MAC {
            2 * BLOCK
        } else {
            BLOCK
        };
        command.lc_is(|lc| lc % BLOCK == 0 && (least..=MAX_CIPHER).contains(&lc))?;
        self.require_application()?;
        let session = self
            .volatile
            .session
            .as_mut()
            .ok_or(Status::NO_SESSION_KEY)?;
        require(session.allows(command.p1), Status::CONDITIONS)?;
        let answer = session.cipher(command.p1, command.data)?;
        if matches!(
            command.p1,
            mode::LAST_ENCRYPT | mode::SINGLE_MAC | mode::LAST_MAC
        ) {
            self.volatile.session = None;
        }
        Ok(answer)
    }
}

impl SessionKey {
    fn allows(&self, mode: u8) -> bool {
        let encrypts = matches!(mode, mode::LAST_ENCRYPT | mode::MORE_ENCRYPT);
        match self.kind {
            kind::ENCRYPT => encrypts,
            kind::MAC => !encrypts,
            kind::MAC_AND_ENCRYPT => true,
            _ => false,
        }
    }

    fn cipher(&mut self, mode: u8, data: &[u8]) -> Answer {
        match mode {
            mode::LAST_ENCRYPT | mode::MORE_ENCRYPT => {
                return Ok(Outcome::Waiting(self.key.encrypt_ecb(data)));
            }
            mode::SINGLE_MAC | mode::FIRST_MAC => {
                let (initial, message) = data.split_first_chunk().ok_or(Status::LENGTH)?;
                self.chain = Some(self.key.cbc_mac(*initial, message));
            }
            _ => {
                let chain = self.chain.ok_or(Status::CONDITIONS)?;
                self.chain = Some(self.key.cbc_mac(chain, data));
            }
        }
        if matches!(mode, mode::FIRST_MAC | mode::NEXT_MAC) {
            return Ok(Outcome::Done);
        }
        let mac = self.chain.take().ok_or(Status::CONDITIONS)?;
        Ok(Outcome::Waiting(mac[..MAC_LEN].to_vec()))
    }
}
