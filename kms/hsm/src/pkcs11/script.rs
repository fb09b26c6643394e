//! One session of the dialect (`docs/cos-dialect.md`, mechanism `scp-sm4-v1`), host side, made of token operations.
//!
//! Session keys are objects of the token; what comes out of it are challenges, cryptograms, wrapped keys, cipher text
//! and MACs, in the order in which the card will see them.

use cardlib_card::dialect::Level;
use kms_core::port::{FilledStep, HsmError};
use zeroize::Zeroizing;

use super::refused;
use super::token::{Block, Fault, Key, Passing, Role, Work};

/// Most plain bytes of a command with cipher and MAC, and with the MAC alone.
const MAX_ENCRYPTED: usize = 239;
const MAX_PLAIN: usize = 247;
/// From here on a card opens no session any more.
const COUNTER_END: u32 = 0x00FF_FFFF;
const DONE: u16 = 0x9000;
/// Commands whose IVs are made at once.
const AHEAD: u128 = 64;

/// An open session.
pub(super) struct Session<'w> {
    work: &'w Work<'w>,
    level: Level,
    encrypt: Passing<'w>,
    mac: Passing<'w>,
    wrap: Passing<'w>,
    chain: Block,
    /// Commands after EXTERNAL AUTHENTICATE.
    count: u128,
    ivs: Vec<u8>,
    steps: Vec<FilledStep>,
}

impl<'w> Session<'w> {
    /// INITIALIZE UPDATE and EXTERNAL AUTHENTICATE, with a host challenge drawn by the token.
    pub(super) fn open(
        work: &'w Work<'w>,
        base: &impl Key,
        key_version: u8,
        counter: u32,
        level: Level,
    ) -> Result<Self, Fault> {
        if counter >= COUNTER_END {
            return Err(refused("CounterExhausted", "the card opens no session any more").into());
        }
        let mut card = *b"SCP-SM4-V1-CC\0\0\0";
        card[13..].copy_from_slice(&counter.to_be_bytes()[1..]);
        let host: [u8; 8] = work.random()?;
        let mut context = [0; 16];
        context[..8].copy_from_slice(&host);
        context[8..].copy_from_slice(&work.open_block(base, &card)?[..8]);
        let own = |label: &Block| work.derive(base, label, Role::Parent);
        let (enc, mac) = (own(b"SCP-SM4-V1-ENC\0\0")?, own(b"SCP-SM4-V1-MAC\0\0")?);
        let mut session = Self {
            work,
            level,
            encrypt: work.derive(&enc, &context, Role::Encrypt)?,
            mac: work.derive(&mac, &context, Role::Mac)?,
            wrap: work.derive(base, b"SCP-SM4-V1-DEK\0\0", Role::Wrap)?,
            chain: [0; 16],
            count: 0,
            ivs: Vec::new(),
            steps: Vec::new(),
        };
        let card = session.cryptogram(b"SCP-SM4-V1-CARD\0", &context)?;
        let mut apdu = vec![0x80, 0x50, key_version, 0x00, 0x08];
        apdu.extend_from_slice(&host);
        session.steps.push(FilledStep {
            apdu,
            sw: DONE,
            expect_tail: Some(card),
        });
        let host = session.cryptogram(b"SCP-SM4-V1-HOST\0", &context)?;
        session.send([0x84, 0x82, level_byte(level), 0x00], &host)?;
        Ok(session)
    }

    fn cryptogram(&self, label: &Block, context: &Block) -> Result<[u8; 8], Fault> {
        let both = [label.as_slice(), context].concat();
        Ok(left8(&self.work.cmac(&self.mac, &both)?))
    }

    /// A key as one block under K_DEK.
    pub(super) fn wrapped(&self, key: &impl Key) -> Result<Block, Fault> {
        self.work.wrap(&self.wrap, key)
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// One more command; `data` is still in the clear.
    pub(super) fn command(
        &mut self,
        header: [u8; 4],
        data: Zeroizing<Vec<u8>>,
    ) -> Result<(), Fault> {
        let encrypts = self.level == Level::MacEncrypt;
        let most = if encrypts { MAX_ENCRYPTED } else { MAX_PLAIN };
        if data.len() > most {
            return Err(refused("TooLarge", "command data").into());
        }
        self.count += 1;
        if !encrypts || data.is_empty() {
            return self.send(header, &data);
        }
        let iv = self.iv()?;
        let mut padded = Zeroizing::new(Vec::with_capacity(data.len() + 16));
        padded.extend_from_slice(&data);
        pad(&mut padded);
        let sent = self.work.cbc(&self.encrypt, iv, &padded)?;
        self.send(header, &sent)
    }

    /// E(S_ENC, n) of this command; a number of them are made in one call.
    fn iv(&mut self) -> Result<Block, Fault> {
        let at = usize::try_from((self.count - 1) * 16).unwrap_or(usize::MAX);
        if self.ivs.len() <= at {
            let first = self.ivs.len() as u128 / 16 + 1;
            let numbers: Vec<u8> = (first..first + AHEAD).flat_map(u128::to_be_bytes).collect();
            self.ivs.extend(self.work.ecb(&self.encrypt, &numbers)?);
        }
        let found = self.ivs.get(at..at + 16).and_then(|iv| iv.try_into().ok());
        found.ok_or_else(|| Fault::from(too_short()))
    }

    fn send(&mut self, header: [u8; 4], sent: &[u8]) -> Result<(), Fault> {
        let lc = u8::try_from(sent.len() + 8).map_err(|_| refused("TooLarge", "command data"))?;
        let mut apdu = Vec::with_capacity(5 + sent.len() + 8);
        apdu.extend_from_slice(&header);
        apdu.push(lc);
        apdu.extend_from_slice(sent);
        self.chain = self
            .work
            .cmac(&self.mac, &[&self.chain, apdu.as_slice()].concat())?;
        apdu.extend_from_slice(&self.chain[..8]);
        self.steps.push(FilledStep {
            apdu,
            sw: DONE,
            expect_tail: None,
        });
        Ok(())
    }

    /// Everything that was said.
    pub(super) fn finish(self) -> Vec<FilledStep> {
        self.steps
    }
}

/// ISO 7816-4 method 2.
pub(super) fn pad(data: &mut Vec<u8>) {
    data.push(0x80);
    data.resize(data.len().next_multiple_of(16), 0);
}

fn level_byte(level: Level) -> u8 {
    match level {
        Level::Mac => 0x01,
        Level::MacEncrypt => 0x03,
    }
}

fn left8(block: &Block) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *block;
    [a, b, c, d, e, f, g, h]
}

fn too_short() -> HsmError {
    super::unavailable("the token answered in another length than was asked")
}
