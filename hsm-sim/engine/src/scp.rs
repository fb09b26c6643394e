//! The mechanism `scp-sm4-v1`: sessions of the personalisation dialect (`docs/cos-dialect.md`), host side.
//!
//! Everything that the card will answer can be foretold from the base key and the card's counter, so that a whole
//! script is made before the card sees its first command.

use crate::cipher::{Block, Sm4Key, cmac_over, pad};
use crate::sm4::Sm4;
use cmac::Cmac;
use hsm_wire::fill::{Level, ScriptStep};
use zeroize::Zeroizing;

/// Longest plain data of a command with cipher and MAC, and with the MAC alone.
pub(crate) const MAX_PLAIN_ENC: usize = 239;
pub(crate) const MAX_PLAIN_MAC: usize = 247;
/// The counter value from which a card opens no session any more.
pub(crate) const COUNTER_END: u32 = 0x00FF_FFFF;

const DONE: u16 = 0x9000;

/// The three keys that a base key gives.
struct Static {
    enc: Sm4Key,
    mac: Sm4Key,
    dek: Sm4Key,
}

impl Static {
    fn of(base: &Sm4Key) -> Self {
        Self {
            enc: base.derive(b"SCP-SM4-V1-ENC\0\0"),
            mac: base.derive(b"SCP-SM4-V1-MAC\0\0"),
            dek: base.derive(b"SCP-SM4-V1-DEK\0\0"),
        }
    }
}

/// An open session.
pub(crate) struct Session {
    level: Level,
    enc: Sm4Key,
    mac: Cmac<Sm4>,
    dek: Sm4Key,
    chain: Block,
    /// Commands after EXTERNAL AUTHENTICATE.
    commands: u128,
}

impl Session {
    /// Opens a session: INITIALIZE UPDATE and EXTERNAL AUTHENTICATE, and what the card must answer.
    /// `counter` must be below [`COUNTER_END`]; `host_challenge` must be fresh.
    pub(crate) fn open(
        base: &Sm4Key,
        key_version: u8,
        counter: u32,
        level: Level,
        host_challenge: [u8; 8],
    ) -> (Self, [ScriptStep; 2]) {
        let keys = Static::of(base);
        let card_challenge = card_challenge(base, counter);
        let mut context = [0; 16];
        context[..8].copy_from_slice(&host_challenge);
        context[8..].copy_from_slice(&card_challenge);
        let mac = keys.mac.derive(&context).cmac();
        let card_cryptogram = cryptogram(&mac, b"SCP-SM4-V1-CARD\0", &context);
        let host_cryptogram = cryptogram(&mac, b"SCP-SM4-V1-HOST\0", &context);
        let mut session = Self {
            level,
            enc: keys.enc.derive(&context),
            mac,
            dek: keys.dek,
            chain: [0; 16],
            commands: 0,
        };
        let mut initialize = vec![0x80, 0x50, key_version, 0x00, 0x08];
        initialize.extend_from_slice(&host_challenge);
        let authenticate = session.maced([0x84, 0x82, level_byte(level), 0x00], &host_cryptogram);
        let steps = [
            ScriptStep {
                apdu: initialize,
                sw: DONE,
                expect_tail: Some(card_cryptogram),
            },
            ScriptStep {
                apdu: authenticate,
                sw: DONE,
                expect_tail: None,
            },
        ];
        (session, steps)
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// A key as one whole block under K_DEK (CBC with IV 0 over one block).
    pub(crate) fn wrap(&self, key: &Sm4Key) -> Block {
        self.dek.encrypt(key.expose())
    }

    /// One finished command. `data` must not be longer than its level allows.
    pub(crate) fn command(&mut self, header: [u8; 4], data: &[u8]) -> ScriptStep {
        self.commands += 1;
        let apdu = if self.level == Level::MacEnc && !data.is_empty() {
            let mut sent = Zeroizing::new(Vec::with_capacity(256));
            sent.extend_from_slice(data);
            pad(&mut sent);
            let iv = self.enc.encrypt(&self.commands.to_be_bytes());
            self.enc.cbc_encrypt(&iv, &mut sent);
            self.maced(header, &sent)
        } else {
            self.maced(header, data)
        };
        ScriptStep {
            apdu,
            sw: DONE,
            expect_tail: None,
        }
    }

    /// `CLA INS P1 P2 Lc ‖ sent ‖ left 8 of the chained CMAC`.
    fn maced(&mut self, header: [u8; 4], sent: &[u8]) -> Vec<u8> {
        // The caller keeps sent ≤ 247; a longer one would be cut in Lc and refused by every card.
        let lc = [u8::try_from(sent.len() + 8).unwrap_or(0)];
        self.chain = cmac_over(&self.mac, &[&self.chain, &header, &lc, sent]);
        let mut apdu = Vec::with_capacity(5 + sent.len() + 8);
        apdu.extend_from_slice(&header);
        apdu.extend_from_slice(&lc);
        apdu.extend_from_slice(sent);
        apdu.extend_from_slice(&self.chain[..8]);
        apdu
    }
}

fn level_byte(level: Level) -> u8 {
    match level {
        Level::Mac => 0x01,
        Level::MacEnc => 0x03,
    }
}

/// `left 8 of E(base, "SCP-SM4-V1-CC" ‖ counter(3))`.
fn card_challenge(base: &Sm4Key, counter: u32) -> [u8; 8] {
    let mut input = *b"SCP-SM4-V1-CC\0\0\0";
    input[13..].copy_from_slice(&counter.to_be_bytes()[1..]);
    left8(base.encrypt(&input))
}

fn cryptogram(mac: &Cmac<Sm4>, label: &[u8; 16], context: &Block) -> [u8; 8] {
    left8(cmac_over(mac, &[label, context]))
}

fn left8(block: Block) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = block;
    [a, b, c, d, e, f, g, h]
}
