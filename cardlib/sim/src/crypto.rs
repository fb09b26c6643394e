//! The card's own formulas: diversification (D2), session key (D1), authentication cryptogram (R37), command MAC and
//! padding (D9), and the CBC and CMAC of the personalisation channel (`docs/cos-dialect.md`).
//!
//! Written here a second time on purpose: the terminal has formulas of its own, so that both cannot be wrong together.

use aes::Aes128;
use cardlib_card::profile::Cipher;
use cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use serde::{Deserialize, Serialize};
use sm4::Sm4;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Block and key length of the card's cipher.
pub const BLOCK: usize = 16;

/// A 16-byte symmetric key of the profile's cipher: wiped when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct Key {
    #[zeroize(skip)]
    cipher: Cipher,
    bytes: [u8; BLOCK],
}

impl Key {
    /// Takes the bytes of an SM4 key.
    #[must_use]
    pub fn new(bytes: [u8; BLOCK]) -> Self {
        Self::of(Cipher::Sm4, bytes)
    }

    /// Takes the bytes of a key of this cipher; keys made from it are of the same.
    #[must_use]
    pub fn of(cipher: Cipher, bytes: [u8; BLOCK]) -> Self {
        Self { cipher, bytes }
    }

    /// Takes a slice of exactly 16 bytes as an SM4 key.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    /// A key of the same cipher.
    #[must_use]
    pub fn sibling(&self, bytes: [u8; BLOCK]) -> Self {
        Self::of(self.cipher, bytes)
    }

    /// Eight bytes of the key, for the one flaw that gives them away ([`crate::flaw::Flaw::ChallengeIsKey`]).
    pub(crate) fn first_half(&self) -> [u8; 8] {
        std::array::from_fn(|i| self.bytes[i])
    }

    /// Compares without telling where the difference is.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.cipher == other.cipher && self.bytes.ct_eq(&other.bytes).into()
    }

    /// The first three bytes of the encrypted zero block (D8).
    #[must_use]
    pub fn check_value(&self) -> [u8; 3] {
        let block = self.encrypt_block([0; BLOCK]);
        [block[0], block[1], block[2]]
    }

    /// One step of diversification: `E(K, F ‖ ~F)` (D2).
    #[must_use]
    pub fn diversify(&self, factor: &[u8; 8]) -> Self {
        let mut block = [0u8; BLOCK];
        for (i, byte) in factor.iter().enumerate() {
            block[i] = *byte;
            block[i + 8] = !byte;
        }
        self.sibling(self.encrypt_block(block))
    }

    /// The session key for an 8-byte random number: the same construction (D1).
    #[must_use]
    pub fn session(&self, random: &[u8; 8]) -> Self {
        self.diversify(random)
    }

    /// A key that the cipher makes from a 16-byte label.
    #[must_use]
    pub fn derive(&self, label: [u8; BLOCK]) -> Self {
        self.sibling(self.encrypt_block(label))
    }

    /// `left8 ⊕ right8` of `E(K, info ‖ 00×8)` (R37); the key is a session key.
    #[must_use]
    pub fn authenticator(&self, info: &[u8; 8]) -> [u8; 8] {
        let mut block = [0u8; BLOCK];
        block[..8].copy_from_slice(info);
        let block = self.encrypt_block(block);
        std::array::from_fn(|i| block[i] ^ block[i + 8])
    }

    /// One block.
    #[must_use]
    pub fn encrypt_block(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        self.engine().encrypt(block)
    }

    /// Whole blocks, each for itself. A rest shorter than a block is left out; callers check the length first.
    #[must_use]
    pub fn encrypt_ecb(&self, data: &[u8]) -> Vec<u8> {
        let engine = self.engine();
        blocks(data)
            .flat_map(|block| engine.encrypt(block))
            .collect()
    }

    /// The reverse of [`Self::encrypt_ecb`].
    #[must_use]
    pub fn decrypt_ecb(&self, data: &[u8]) -> Vec<u8> {
        let engine = self.engine();
        blocks(data)
            .flat_map(|block| engine.decrypt(block))
            .collect()
    }

    /// CBC decryption of whole blocks.
    #[must_use]
    pub fn decrypt_cbc(&self, initial: [u8; BLOCK], data: &[u8]) -> Vec<u8> {
        let engine = self.engine();
        let mut previous = initial;
        let mut plain = Vec::with_capacity(data.len());
        for sent in blocks(data) {
            let block = engine.decrypt(sent);
            plain.extend(block.iter().zip(previous).map(|(a, b)| a ^ b));
            previous = sent;
        }
        plain
    }

    /// The last block of CBC over whole blocks, starting from `initial`.
    #[must_use]
    pub fn cbc_mac(&self, initial: [u8; BLOCK], data: &[u8]) -> [u8; BLOCK] {
        let engine = self.engine();
        blocks(data).fold(initial, |state, block| {
            engine.encrypt(std::array::from_fn(|i| state[i] ^ block[i]))
        })
    }

    /// CMAC (NIST SP 800-38B) over the parts put together.
    #[must_use]
    pub fn cmac(&self, parts: &[&[u8]]) -> [u8; BLOCK] {
        fn over<M: Mac>(mut mac: M, parts: &[&[u8]]) -> cipher::array::Array<u8, M::OutputSize> {
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes()
        }
        let key = &self.bytes.into();
        match self.cipher {
            Cipher::Sm4 => over(<Cmac<Sm4> as KeyInit>::new(key), parts).into(),
            Cipher::Aes128 => over(<Cmac<Aes128> as KeyInit>::new(key), parts).into(),
        }
    }

    fn engine(&self) -> Engine {
        let key = &self.bytes.into();
        match self.cipher {
            Cipher::Sm4 => Engine::Sm4(Sm4::new(key)),
            Cipher::Aes128 => Engine::Aes(Aes128::new(key)),
        }
    }
}

/// A key made ready. It lives for one command and on the stack, so its size does not matter.
#[allow(clippy::large_enum_variant)]
enum Engine {
    Sm4(Sm4),
    Aes(Aes128),
}

impl Engine {
    fn encrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = block.into();
        match self {
            Self::Sm4(cipher) => cipher.encrypt_block(&mut block),
            Self::Aes(cipher) => cipher.encrypt_block(&mut block),
        }
        block.into()
    }

    fn decrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = block.into();
        match self {
            Self::Sm4(cipher) => cipher.decrypt_block(&mut block),
            Self::Aes(cipher) => cipher.decrypt_block(&mut block),
        }
        block.into()
    }
}

fn blocks(data: &[u8]) -> impl Iterator<Item = [u8; BLOCK]> + '_ {
    let (whole, _) = data.as_chunks::<BLOCK>();
    whole.iter().copied()
}

/// `data ‖ 80 ‖ 00…` to whole blocks, at least one byte (D9).
#[must_use]
pub fn pad(data: &[u8]) -> Vec<u8> {
    let mut padded = Vec::with_capacity(data.len() + BLOCK);
    padded.extend_from_slice(data);
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(BLOCK), 0);
    padded
}

/// Whether `rest` is `80 ‖ 00…` and no longer than one block.
#[must_use]
pub fn is_padding(rest: &[u8]) -> bool {
    rest.len() <= BLOCK && matches!(rest, [0x80, zeros @ ..] if zeros.iter().all(|byte| *byte == 0))
}

/// Takes the padding off, if it is right.
#[must_use]
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    is_padding(&padded[end..]).then(|| &padded[..end])
}

/// Constant-time comparison of cryptograms and MACs.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests;
