//! Modes of operation over [`Schedule`]: ECB, CBC, CFB and OFB with 128 bits fed back, CTR, CBC-MAC, CMAC, GCM.
//!
//! Data are encrypted in place. The chaining value is updated in place too, as GM/T 0018 has it, so that a long text can
//! be done in pieces. ECB, CBC and CBC-MAC take whole blocks; nothing is padded here. Modes whose blocks do not depend
//! on each other (ECB, CTR, decryption in CBC and CFB) run through the SIMD lanes.

use super::{Cipher, Schedule};
use crate::cipher::xor;
use crate::sm4::{Block, LANES, Sm4};
use aes::Aes128;
use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, Nonce};
use cipher::KeyInit;
use cipher::array::Array;
use cipher::consts::U12;
use zeroize::{Zeroize, Zeroizing};

/// Data that are not whole blocks, where the mode takes nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("whole blocks of 16 bytes are needed")]
pub struct NotWholeBlocks;

fn blocks(data: &mut [u8]) -> Result<&mut [Block], NotWholeBlocks> {
    match data.as_chunks_mut::<16>() {
        (blocks, []) => Ok(blocks),
        _ => Err(NotWholeBlocks),
    }
}

/// # Errors
/// See [`NotWholeBlocks`]; so for all that can fail here.
pub fn ecb_encrypt(key: &Schedule, data: &mut [u8]) -> Result<(), NotWholeBlocks> {
    key.encrypt_each(blocks(data)?);
    Ok(())
}

/// # Errors
/// See [`ecb_encrypt`].
pub fn ecb_decrypt(key: &Schedule, data: &mut [u8]) -> Result<(), NotWholeBlocks> {
    key.decrypt_each(blocks(data)?);
    Ok(())
}

/// # Errors
/// See [`ecb_encrypt`].
pub fn cbc_encrypt(key: &Schedule, iv: &mut Block, data: &mut [u8]) -> Result<(), NotWholeBlocks> {
    for block in blocks(data)? {
        xor(iv, block);
        *iv = key.encrypt(iv);
        *block = *iv;
    }
    Ok(())
}

/// # Errors
/// See [`ecb_encrypt`].
pub fn cbc_decrypt(key: &Schedule, iv: &mut Block, data: &mut [u8]) -> Result<(), NotWholeBlocks> {
    for chunk in blocks(data)?.chunks_mut(LANES) {
        let mut before = [[0; 16]; LANES];
        before[..chunk.len()].copy_from_slice(chunk);
        key.decrypt_each(chunk);
        for (block, cipher) in chunk.iter_mut().zip(&before) {
            xor(block, &iv[..]);
            *iv = *cipher;
        }
    }
    Ok(())
}

/// The last piece may be shorter than a block.
pub fn cfb_encrypt(key: &Schedule, iv: &mut Block, data: &mut [u8]) {
    for piece in data.chunks_mut(16) {
        let mut stream = key.encrypt(iv);
        for ((byte, mask), next) in piece.iter_mut().zip(&stream).zip(iv.iter_mut()) {
            *byte ^= mask;
            *next = *byte;
        }
        stream.zeroize();
    }
}

/// The last piece may be shorter than a block.
pub fn cfb_decrypt(key: &Schedule, iv: &mut Block, data: &mut [u8]) {
    for chunk in data.chunks_mut(16 * LANES) {
        let mut stream = [[0; 16]; LANES];
        stream[0] = *iv;
        for (mask, piece) in stream[1..].iter_mut().zip(chunk.chunks_exact(16)) {
            mask.copy_from_slice(piece);
        }
        for (next, byte) in iv.iter_mut().zip(last_piece(chunk)) {
            *next = *byte;
        }
        key.encrypt_each(&mut stream[..chunk.len().div_ceil(16)]);
        xor_stream(chunk, &stream);
        stream.zeroize();
    }
}

/// Encrypts and decrypts. The last piece may be shorter than a block.
pub fn ofb(key: &Schedule, iv: &mut Block, data: &mut [u8]) {
    for piece in data.chunks_mut(16) {
        *iv = key.encrypt(iv);
        for (byte, mask) in piece.iter_mut().zip(iv.iter()) {
            *byte ^= mask;
        }
    }
}

/// Encrypts and decrypts, with the whole block as a counter. The last piece may be shorter than a block.
pub fn ctr(key: &Schedule, counter: &mut Block, data: &mut [u8]) {
    for chunk in data.chunks_mut(16 * LANES) {
        let mut stream = [[0; 16]; LANES];
        let used = &mut stream[..chunk.len().div_ceil(16)];
        for block in used.iter_mut() {
            *block = *counter;
            *counter = u128::from_be_bytes(*counter).wrapping_add(1).to_be_bytes();
        }
        key.encrypt_each(used);
        xor_stream(chunk, &stream);
        stream.zeroize();
    }
}

fn last_piece(chunk: &[u8]) -> &[u8] {
    &chunk[(chunk.len() - 1) / 16 * 16..]
}

fn xor_stream(chunk: &mut [u8], stream: &[Block; LANES]) {
    for (byte, mask) in chunk.iter_mut().zip(stream.as_flattened()) {
        *byte ^= mask;
    }
}

/// The last block of a CBC encryption, which is left in `iv` too; the data stay as they are.
///
/// # Errors
/// See [`ecb_encrypt`].
pub fn cbc_mac(key: &Schedule, iv: &mut Block, data: &[u8]) -> Result<Block, NotWholeBlocks> {
    let (blocks, []) = data.as_chunks::<16>() else {
        return Err(NotWholeBlocks);
    };
    for block in blocks {
        xor(iv, block);
        *iv = key.encrypt(iv);
    }
    Ok(*iv)
}

/// CMAC (SP 800-38B) of a whole text.
#[must_use]
pub fn cmac(key: &Schedule, data: &[u8]) -> Block {
    let zero = Zeroizing::new(key.encrypt(&[0; 16]));
    let mut subkey = Zeroizing::new(double(&zero));
    // The last block is whole (but not for the empty text), or padded.
    let cut = data.len().saturating_sub(1) / 16 * 16;
    let (whole, last) = data.split_at(cut);
    let mut end = [0; 16];
    end[..last.len()].copy_from_slice(last);
    if last.len() < 16 {
        end[last.len()] = 0x80;
        *subkey = double(&subkey);
    }
    let mut chain = [0; 16];
    for block in whole.as_chunks::<16>().0 {
        xor(&mut chain, block);
        chain = key.encrypt(&chain);
    }
    xor(&mut chain, &end);
    xor(&mut chain, &subkey[..]);
    key.encrypt(&chain)
}

/// Times x in GF(2^128), as SP 800-38B makes subkeys; without a branch on the value.
pub(crate) fn double(block: &Block) -> Block {
    let value = u128::from_be_bytes(*block);
    let carry = (value >> 127).wrapping_neg() & 0x87;
    (value << 1 ^ carry).to_be_bytes()
}

/// `cipher text ‖ tag(16)` under a nonce that is used once; `None` for more data than GCM takes.
#[must_use]
pub fn gcm_seal(
    cipher: Cipher,
    key: &Block,
    nonce: &[u8; 12],
    aad: &[u8],
    plain: &[u8],
) -> Option<Vec<u8>> {
    // Room for the tag at once: a vector that grows leaves the plain text behind.
    let mut buffer = Vec::with_capacity(plain.len() + 16);
    buffer.extend_from_slice(plain);
    let nonce = Nonce::from(*nonce);
    match cipher {
        Cipher::Sm4 => AesGcm::<Sm4, U12>::new(&Array(*key))
            .encrypt_in_place(&nonce, aad, &mut buffer)
            .ok()?,
        Cipher::Aes128 => AesGcm::<Aes128, U12>::new(&Array(*key))
            .encrypt_in_place(&nonce, aad, &mut buffer)
            .ok()?,
    }
    Some(buffer)
}

/// The plain text, if it is genuine.
#[must_use]
pub fn gcm_open(
    cipher: Cipher,
    key: &Block,
    nonce: &[u8; 12],
    aad: &[u8],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::from(*nonce);
    match cipher {
        Cipher::Sm4 => AesGcm::<Sm4, U12>::new(&Array(*key))
            .decrypt_in_place(&nonce, aad, &mut *buffer)
            .ok()?,
        Cipher::Aes128 => AesGcm::<Aes128, U12>::new(&Array(*key))
            .decrypt_in_place(&nonce, aad, &mut *buffer)
            .ok()?,
    }
    Some(buffer)
}
