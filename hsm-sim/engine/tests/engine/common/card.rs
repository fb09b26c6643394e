//! The card's side of a script, written from `docs/cos-dialect.md` with the bare block cipher: own CMAC, own CBC, own
//! padding, so that engine and judge cannot be wrong together.

use cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use sm4::Sm4;

pub type Block = [u8; 16];

pub fn encrypt(key: &Block, block: &Block) -> Block {
    let mut array = Array::from(*block);
    Sm4::new(&Array::from(*key)).encrypt_block(&mut array);
    array.into()
}

fn decrypt(key: &Block, block: &Block) -> Block {
    let mut array = Array::from(*block);
    Sm4::new(&Array::from(*key)).decrypt_block(&mut array);
    array.into()
}

fn xor(a: &Block, b: &[u8]) -> Block {
    core::array::from_fn(|i| a[i] ^ b[i])
}

pub fn diversify(key: &Block, factor: &[u8; 8]) -> Block {
    let input: Block = core::array::from_fn(|i| if i < 8 { factor[i] } else { !factor[i - 8] });
    encrypt(key, &input)
}

/// First bytes of SM3(label), the public test keys.
pub fn test_root(label: &str) -> Block {
    use sm3::Digest;
    sm3::Sm3::digest(label)[..16].try_into().unwrap()
}

fn double(block: &Block) -> Block {
    let number = u128::from_be_bytes(*block);
    let carry = if number >> 127 == 1 { 0x87 } else { 0 };
    ((number << 1) ^ carry).to_be_bytes()
}

/// SP 800-38B.
pub fn cmac(key: &Block, message: &[u8]) -> Block {
    let first = double(&encrypt(key, &[0; 16]));
    let second = double(&first);
    let whole = !message.is_empty() && message.len().is_multiple_of(16);
    let mut padded = message.to_vec();
    if !whole {
        padded.push(0x80);
        while !padded.len().is_multiple_of(16) {
            padded.push(0);
        }
    }
    let last = padded.len() - 16;
    let mut chain = [0; 16];
    for (at, chunk) in padded.chunks(16).enumerate() {
        let mut block = xor(&chain, chunk);
        if at * 16 == last {
            block = xor(&block, if whole { &first } else { &second });
        }
        chain = encrypt(key, &block);
    }
    chain
}

fn label(text: &str) -> Block {
    let mut block = [0; 16];
    block[..text.len()].copy_from_slice(text.as_bytes());
    block
}

/// What a card read out of a command.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    pub header: [u8; 4],
    pub data: Vec<u8>,
}

/// A card that checks and decrypts; `Err` says what it would have refused.
pub struct Card {
    base: Block,
    counter: u32,
    pending: Option<[u8; 8]>,
    enc: Block,
    mac: Block,
    dek: Block,
    chain: Block,
    commands: u128,
    encrypted: bool,
    open: bool,
}

impl Card {
    pub fn new(base: Block, counter: u32) -> Self {
        Self {
            base,
            counter,
            pending: None,
            enc: [0; 16],
            mac: [0; 16],
            dek: [0; 16],
            chain: [0; 16],
            commands: 0,
            encrypted: false,
            open: false,
        }
    }

    /// A new master key: counter from 0.
    pub fn rebase(&mut self, base: Block) {
        *self = Self::new(base, 0);
    }

    /// Unwraps a key slot and compares its check value.
    pub fn unwrap(&self, wrapped: &[u8], check: &[u8]) -> Result<Block, &'static str> {
        let key = decrypt(&self.dek, wrapped.try_into().map_err(|_| "not one block")?);
        if encrypt(&key, &[0; 16])[..3] == *check {
            Ok(key)
        } else {
            Err("check value")
        }
    }

    fn challenge(&self) -> [u8; 8] {
        let mut input = label("SCP-SM4-V1-CC");
        input[13..].copy_from_slice(&self.counter.to_be_bytes()[1..]);
        encrypt(&self.base, &input)[..8].try_into().unwrap()
    }

    fn cryptogram(&self, name: &str, host: &[u8; 8], card: &[u8; 8]) -> [u8; 8] {
        let input = [&label(name)[..], host, card].concat();
        cmac(&self.mac, &input)[..8].try_into().unwrap()
    }

    /// Takes one command; the answer's data if it has any.
    pub fn hear(&mut self, apdu: &[u8]) -> Result<(Heard, Vec<u8>), &'static str> {
        let header: [u8; 4] = apdu
            .get(..4)
            .and_then(|h| h.try_into().ok())
            .ok_or("short")?;
        let data = apdu.get(5..).ok_or("short")?;
        if usize::from(apdu[4]) != data.len() {
            return Err("Lc");
        }
        match (header[0], header[1]) {
            (0x80, 0x50) => self.initialize(header, data),
            (0x84, 0x82) => self.authenticate(header, data).map(|heard| (heard, vec![])),
            _ => self.command(header, data).map(|heard| (heard, vec![])),
        }
    }

    fn initialize(
        &mut self,
        header: [u8; 4],
        data: &[u8],
    ) -> Result<(Heard, Vec<u8>), &'static str> {
        let host: [u8; 8] = data.try_into().map_err(|_| "host challenge")?;
        let card = self.challenge();
        let context: Block = [host, card].concat().try_into().unwrap();
        self.enc = encrypt(&encrypt(&self.base, &label("SCP-SM4-V1-ENC")), &context);
        self.mac = encrypt(&encrypt(&self.base, &label("SCP-SM4-V1-MAC")), &context);
        self.dek = encrypt(&self.base, &label("SCP-SM4-V1-DEK"));
        self.pending = Some(host);
        self.open = false;
        let answer = [&card[..], &self.cryptogram("SCP-SM4-V1-CARD", &host, &card)].concat();
        Ok((
            Heard {
                header,
                data: data.to_vec(),
            },
            answer,
        ))
    }

    fn authenticate(&mut self, header: [u8; 4], data: &[u8]) -> Result<Heard, &'static str> {
        let host = self.pending.take().ok_or("no INITIALIZE UPDATE before")?;
        self.chain = [0; 16];
        let sent = self.check_mac(header, data)?;
        if sent != self.cryptogram("SCP-SM4-V1-HOST", &host, &self.challenge()) {
            return Err("host cryptogram");
        }
        self.encrypted = match header[2] {
            1 => false,
            3 => true,
            _ => return Err("level"),
        };
        self.counter += 1;
        self.commands = 0;
        self.open = true;
        Ok(Heard {
            header,
            data: vec![],
        })
    }

    fn check_mac(&mut self, header: [u8; 4], data: &[u8]) -> Result<Vec<u8>, &'static str> {
        let (sent, mac) = data
            .split_at_checked(data.len().wrapping_sub(8))
            .ok_or("no MAC")?;
        let length = [u8::try_from(data.len()).map_err(|_| "Lc")?];
        self.chain = cmac(
            &self.mac,
            &[&self.chain[..], &header, &length, sent].concat(),
        );
        if self.chain[..8] == *mac {
            Ok(sent.to_vec())
        } else {
            Err("MAC")
        }
    }

    fn command(&mut self, header: [u8; 4], data: &[u8]) -> Result<Heard, &'static str> {
        if !self.open {
            return Err("no session");
        }
        let sent = self.check_mac(header, data)?;
        self.commands += 1;
        if !self.encrypted || sent.is_empty() {
            return Ok(Heard { header, data: sent });
        }
        if !sent.len().is_multiple_of(16) {
            return Err("not whole blocks");
        }
        let mut chain = encrypt(&self.enc, &self.commands.to_be_bytes());
        let mut plain = Vec::new();
        for chunk in sent.chunks(16) {
            let block: Block = chunk.try_into().unwrap();
            plain.extend(xor(&chain, &decrypt(&self.enc, &block)));
            chain = block;
        }
        let end = plain.iter().rposition(|b| *b != 0).ok_or("padding")?;
        if plain[end] != 0x80 || plain.len() - end > 16 {
            return Err("padding");
        }
        plain.truncate(end);
        Ok(Heard {
            header,
            data: plain,
        })
    }
}
