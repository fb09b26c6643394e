//! The mechanism `scp-sm4-v1`: sessions of the personalisation dialect (`docs/cos-dialect.md`), host side.
//!
//! Everything that the card will answer can be foretold from the base key and the card's counter, so that a whole
//! script is made before the card sees its first command. A session is first drafted, command by command in the
//! clear, and then sealed ([`seal`]) together with others: ciphers run side by side within a session, MAC chains,
//! which are sequential, side by side over up to [`LANES`] sessions.

mod encrypt;
mod mac;

use crate::algorithms::modes::double;
use crate::algorithms::{Cipher, Schedule, encrypt_own};
use crate::cipher::{Block, BlockKey, xor};
use hsm_wire::fill::{Level, ScriptStep};
use zeroize::Zeroizing;

/// Longest plain data of a command with cipher and MAC, and with the MAC alone.
pub(crate) const MAX_PLAIN_ENC: usize = 239;
pub(crate) const MAX_PLAIN_MAC: usize = 247;
/// The counter value from which a card opens no session any more.
pub(crate) const COUNTER_END: u32 = 0x00FF_FFFF;

const DONE: u16 = 0x9000;

/// A command: its header and its data, in the clear until its session is sealed.
struct Draft {
    header: [u8; 4],
    data: Zeroizing<Vec<u8>>,
}

/// A session, drafted.
pub(crate) struct Session {
    level: Level,
    cipher: Cipher,
    enc: Schedule,
    mac: Zeroizing<Block>,
    dek: Schedule,
    initialize: ScriptStep,
    /// EXTERNAL AUTHENTICATE, then the session's commands.
    drafts: Vec<Draft>,
}

impl Session {
    /// Opens a session: INITIALIZE UPDATE and EXTERNAL AUTHENTICATE, and what the card must answer.
    /// `counter` must be below [`COUNTER_END`]; `host_challenge` must be fresh.
    pub(crate) fn open(
        base: &BlockKey,
        key_version: u8,
        counter: u32,
        level: Level,
        host_challenge: [u8; 8],
    ) -> Self {
        let cipher = base.cipher();
        let mut card_input = *b"SCP-SM4-V1-CC\0\0\0";
        card_input[13..].copy_from_slice(&counter.to_be_bytes()[1..]);
        let mut made = Zeroizing::new([
            *b"SCP-SM4-V1-ENC\0\0",
            *b"SCP-SM4-V1-MAC\0\0",
            *b"SCP-SM4-V1-DEK\0\0",
            card_input,
        ]);
        base.schedule().encrypt_each(&mut made[..]);
        let mut context = [0; 16];
        context[..8].copy_from_slice(&host_challenge);
        context[8..].copy_from_slice(&made[3][..8]);
        let mut session_keys = Zeroizing::new([context; 2]);
        encrypt_own(cipher, &made[..2], &mut session_keys[..]);
        let [card_cryptogram, host_cryptogram] = cryptograms(cipher, &session_keys[1], &context);
        let mut initialize = vec![0x80, 0x50, key_version, 0x00, 0x08];
        initialize.extend_from_slice(&host_challenge);
        let authenticate = Draft {
            header: [0x84, 0x82, level_byte(level), 0x00],
            data: Zeroizing::new(host_cryptogram.to_vec()),
        };
        Self {
            level,
            cipher,
            enc: Schedule::of(cipher, &session_keys[0]),
            mac: Zeroizing::new(session_keys[1]),
            dek: Schedule::of(cipher, &made[2]),
            initialize: ScriptStep {
                apdu: initialize,
                sw: DONE,
                expect_tail: Some(card_cryptogram),
            },
            drafts: vec![authenticate],
        }
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Keys, each as one whole block under K_DEK (CBC with IV 0 over one block), in place.
    pub(crate) fn wrap(&self, keys: &mut [Block]) {
        self.dek.encrypt_each(keys);
    }

    /// One more command. `data` must not be longer than its level allows.
    pub(crate) fn command(&mut self, header: [u8; 4], data: Zeroizing<Vec<u8>>) {
        self.drafts.push(Draft { header, data });
    }
}

/// Finishes sessions: for each, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE and its commands.
pub(crate) fn seal(mut sessions: Vec<Session>) -> Vec<Vec<ScriptStep>> {
    encrypt::data(&mut sessions);
    let macs = mac::chained(&sessions);
    sessions
        .iter_mut()
        .zip(macs)
        .map(|(session, macs)| finish(session, &macs))
        .collect()
}

fn finish(session: &mut Session, macs: &[[u8; 8]]) -> Vec<ScriptStep> {
    let mut steps = Vec::with_capacity(macs.len() + 1);
    let nothing = ScriptStep {
        apdu: Vec::new(),
        sw: DONE,
        expect_tail: None,
    };
    steps.push(std::mem::replace(&mut session.initialize, nothing));
    for (draft, mac) in session.drafts.iter().zip(macs) {
        let mut apdu = Vec::with_capacity(5 + draft.data.len() + 8);
        apdu.extend_from_slice(&draft.header);
        apdu.push(lc(draft));
        apdu.extend_from_slice(&draft.data);
        apdu.extend_from_slice(mac);
        steps.push(ScriptStep {
            apdu,
            sw: DONE,
            expect_tail: None,
        });
    }
    steps
}

/// Length of data and MAC. The engine keeps data ≤ 247; longer ones would be cut here and refused by every card.
fn lc(draft: &Draft) -> u8 {
    u8::try_from(draft.data.len() + 8).unwrap_or(0)
}

/// Card and host cryptogram: `left 8 of CMAC(S_MAC, label ‖ context)`, two whole blocks each.
fn cryptograms(cipher: Cipher, mac_key: &Block, context: &Block) -> [[u8; 8]; 2] {
    let key = Schedule::of(cipher, mac_key);
    let mut first = Zeroizing::new([[0; 16], *b"SCP-SM4-V1-CARD\0", *b"SCP-SM4-V1-HOST\0"]);
    key.encrypt_each(&mut first[..]);
    let subkey = Zeroizing::new(double(&first[0]));
    let mut last = [first[1], first[2]];
    for block in &mut last {
        xor(block, context);
        xor(block, &subkey[..]);
    }
    key.encrypt_each(&mut last);
    [left8(&last[0]), left8(&last[1])]
}

fn level_byte(level: Level) -> u8 {
    match level {
        Level::Mac => 0x01,
        Level::MacEnc => 0x03,
    }
}

fn left8(block: &Block) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *block;
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests;
