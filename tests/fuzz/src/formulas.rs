//! Key formulas for the models (D1, D2, D9, R37 and section 3.4 of the card), of the fuzzer's own.

use cipher::{BlockCipherEncrypt, KeyInit};
use sm4::Sm4;

pub type Block = [u8; 16];

#[must_use]
pub fn encrypt(key: &Block, input: Block) -> Block {
    let mut block = input.into();
    Sm4::new(&(*key).into()).encrypt_block(&mut block);
    block.into()
}

/// D2, D1.
#[must_use]
pub fn spread(key: &Block, factor: [u8; 8]) -> Block {
    encrypt(
        key,
        std::array::from_fn(|i| if i < 8 { factor[i] } else { !factor[i - 8] }),
    )
}

/// R37.
#[must_use]
pub fn proof(key: &Block, random: [u8; 8], info: [u8; 8]) -> [u8; 8] {
    let input = std::array::from_fn(|i| if i < 8 { info[i] } else { 0 });
    let out = encrypt(&spread(key, random), input);
    std::array::from_fn(|i| out[i] ^ out[i + 8])
}

fn pad(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(0x80);
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes
}

fn mac(key: &Block, message: Vec<u8>) -> [u8; 4] {
    let (blocks, _) = message.as_chunks::<16>();
    let last = blocks.iter().fold([0; 16], |state: Block, block| {
        encrypt(key, std::array::from_fn(|i| state[i] ^ block[i]))
    });
    [last[0], last[1], last[2], last[3]]
}

/// A command with its MAC; `content`, if any, encrypted.
#[must_use]
pub fn secured(key: &Block, random: [u8; 8], header: [u8; 4], content: Option<&[u8]>) -> Vec<u8> {
    let session = spread(key, random);
    let body = content.map_or_else(Vec::new, |content| {
        let plain = pad([&[content.len().to_le_bytes()[0]], content].concat());
        let (blocks, _) = plain.as_chunks::<16>();
        blocks
            .iter()
            .flat_map(|block| encrypt(&session, *block))
            .collect()
    });
    let lc = (body.len() + 4).to_le_bytes()[0];
    let mut command = [&header[..], &[lc], &body].concat();
    let mac = mac(&session, pad(command.clone()));
    command.extend(mac);
    command
}
