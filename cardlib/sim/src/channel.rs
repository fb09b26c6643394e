//! The card's end of the personalisation channel `rhc-cos-1` (D26, `docs/cos-dialect.md`): from INITIALIZE UPDATE over
//! the mutual authentication to the MAC and cipher of each further command.
//!
//! The card's challenge follows from its base key and sequence counter, so an HSM foretells it; the counter is the
//! caller's to keep, and to advance durably before the answer to EXTERNAL AUTHENTICATE.

use zeroize::Zeroizing;

use crate::apdu::Incoming;
use crate::crypto::{BLOCK, Key, same, unpad};

/// Bytes of MAC at the end of every command.
pub const MAC_LEN: usize = 8;
/// Beyond this value the counter does not go: the base key is spent.
pub const LAST_COUNTER: u32 = 0x00FF_FFFF;

/// LV 01 or 03 of EXTERNAL AUTHENTICATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Commands carry MACs.
    Mac,
    /// Their data are encrypted too.
    CipherAndMac,
}

impl Level {
    /// Reads P1 of EXTERNAL AUTHENTICATE.
    #[must_use]
    pub fn from_p1(p1: u8) -> Option<Self> {
        match p1 {
            0x01 => Some(Self::Mac),
            0x03 => Some(Self::CipherAndMac),
            _ => None,
        }
    }
}

/// What INITIALIZE UPDATE leaves behind for EXTERNAL AUTHENTICATE.
pub struct Opening {
    session_enc: Key,
    session_mac: Key,
    wrapping: Key,
    host_challenge: [u8; 8],
    card_challenge: [u8; 8],
}

impl Opening {
    /// Derives the session's keys.
    #[must_use]
    pub fn new(base: &Key, counter: u32, host_challenge: [u8; 8]) -> Self {
        let card_challenge = card_challenge(base, counter);
        let both = joined(host_challenge, card_challenge);
        let derived = |label: &[u8; 14]| base.derive(labelled(label));
        Self {
            session_enc: derived(b"SCP-SM4-V1-ENC").derive(both),
            session_mac: derived(b"SCP-SM4-V1-MAC").derive(both),
            wrapping: derived(b"SCP-SM4-V1-DEK"),
            host_challenge,
            card_challenge,
        }
    }

    /// The card's challenge.
    #[must_use]
    pub fn card_challenge(&self) -> [u8; 8] {
        self.card_challenge
    }

    /// The card proves that it holds the base key.
    #[must_use]
    pub fn card_cryptogram(&self) -> [u8; 8] {
        self.cryptogram(b"SCP-SM4-V1-CARD")
    }

    fn cryptogram(&self, label: &[u8; 15]) -> [u8; 8] {
        let both = joined(self.host_challenge, self.card_challenge);
        left8(self.session_mac.cmac(&[label, &[0], &both]))
    }

    /// EXTERNAL AUTHENTICATE: `host cryptogram ‖ MAC`; `None` if either is wrong.
    #[must_use]
    pub fn authenticate(self, command: &Incoming<'_>, level: Level) -> Option<Session> {
        let (cryptogram, _) = command.data.split_at_checked(8)?;
        let right = same(cryptogram, &self.cryptogram(b"SCP-SM4-V1-HOST"));
        let mut session = Session {
            session_enc: self.session_enc,
            session_mac: self.session_mac,
            wrapping: self.wrapping,
            level,
            chain: [0; BLOCK],
            sent: 0,
        };
        let authentic = session.check_mac(command).is_some();
        (right & authentic).then_some(session)
    }
}

/// An open session.
pub struct Session {
    session_enc: Key,
    session_mac: Key,
    wrapping: Key,
    level: Level,
    chain: [u8; BLOCK],
    sent: u32,
}

/// The content of a command whose MAC was right: `None` if its padding was not.
pub type Content = Option<Zeroizing<Vec<u8>>>;

impl Session {
    /// Checks a command's MAC and takes its content out; `None` if the MAC is wrong, which ends the session.
    #[must_use]
    pub fn open(&mut self, command: &Incoming<'_>) -> Option<Content> {
        self.sent = self.sent.checked_add(1)?;
        let sent = self.check_mac(command)?;
        if self.level == Level::Mac || sent.is_empty() {
            return Some(Some(Zeroizing::new(sent.to_vec())));
        }
        let mut counter = [0u8; BLOCK];
        counter[12..].copy_from_slice(&self.sent.to_be_bytes());
        let initial = self.session_enc.encrypt_block(counter);
        if sent.len() % BLOCK != 0 {
            return Some(None);
        }
        let padded = Zeroizing::new(self.session_enc.decrypt_cbc(initial, sent));
        Some(unpad(&padded).map(|plain| Zeroizing::new(plain.to_vec())))
    }

    /// Takes a key slot out of its wrapping: one block under `K_DEK` with IV 0.
    #[must_use]
    pub fn unwrap_key(&self, wrapped: &[u8; BLOCK]) -> Key {
        let plain = Zeroizing::new(self.wrapping.decrypt_cbc([0; BLOCK], wrapped));
        let mut key = Zeroizing::new([0u8; BLOCK]);
        key.copy_from_slice(&plain);
        self.wrapping.sibling(*key)
    }

    /// How long the data of a command with `plain` bytes of content are, MAC included.
    #[must_use]
    pub fn sent_len(level: Level, plain: usize) -> usize {
        let body = match level {
            Level::CipherAndMac if plain > 0 => (plain + 1).next_multiple_of(BLOCK),
            _ => plain,
        };
        body + MAC_LEN
    }

    /// Moves the chain on; the command's data without the MAC, if the MAC is right.
    fn check_mac<'a>(&mut self, command: &Incoming<'a>) -> Option<&'a [u8]> {
        let at = command.data.len().checked_sub(MAC_LEN)?;
        let (sent, mac) = command.data.split_at(at);
        let header = [command.cla, command.ins, command.p1, command.p2, command.lc];
        self.chain = self.session_mac.cmac(&[&self.chain, &header, sent]);
        same(mac, &left8(self.chain)).then_some(sent)
    }
}

/// The challenge that a card with this base key and counter gives.
fn card_challenge(base: &Key, counter: u32) -> [u8; 8] {
    let mut block = [0u8; BLOCK];
    block[..13].copy_from_slice(b"SCP-SM4-V1-CC");
    block[13..].copy_from_slice(&counter.to_be_bytes()[1..]);
    left8(base.encrypt_block(block))
}

fn labelled(label: &[u8; 14]) -> [u8; BLOCK] {
    let mut block = [0u8; BLOCK];
    block[..14].copy_from_slice(label);
    block
}

fn joined(left: [u8; 8], right: [u8; 8]) -> [u8; BLOCK] {
    let mut block = [0u8; BLOCK];
    block[..8].copy_from_slice(&left);
    block[8..].copy_from_slice(&right);
    block
}

fn left8(block: [u8; BLOCK]) -> [u8; 8] {
    std::array::from_fn(|i| block[i])
}
