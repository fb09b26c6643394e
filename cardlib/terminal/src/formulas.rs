//! Key formulas of the host side (D1, D2, D8, D9, R37, user card 3.4), over the profile's block cipher (D46).
//!
//! In a flow the SAM computes all of this; here it stands for verification of SAMs and for tests. Written apart from
//! the simulators' formulas, so that the two can prove each other.

use aes::Aes128;
use cardlib_card::profile::Cipher;
use cipher::{Array, BlockCipherEncrypt, KeyInit};
use sm4::Sm4;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// One cipher block.
pub type Block = [u8; 16];

/// A 16-byte key: no `Debug`, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key {
    bytes: Block,
    #[zeroize(skip)]
    cipher: Cipher,
}

impl Key {
    /// A key of SM4.
    #[must_use]
    pub const fn new(bytes: Block) -> Self {
        Self::of(Cipher::Sm4, bytes)
    }

    /// A key of the profile's cipher.
    #[must_use]
    pub const fn of(cipher: Cipher, bytes: Block) -> Self {
        Self { bytes, cipher }
    }

    /// One block under this key.
    #[must_use]
    pub fn encrypt(&self, block: &Block) -> Block {
        let mut out = Array::from(*block);
        let key = Array::from(self.bytes);
        match self.cipher {
            Cipher::Sm4 => Sm4::new(&key).encrypt_block(&mut out),
            Cipher::Aes128 => Aes128::new(&key).encrypt_block(&mut out),
        }
        out.into()
    }

    /// D2 with a factor, D1 with a random number: `E(K, x ‖ ~x)`.
    #[must_use]
    pub fn derive(&self, input: [u8; 8]) -> Self {
        let mut block = [0; 16];
        let (left, right) = block.split_at_mut(8);
        left.copy_from_slice(&input);
        right
            .iter_mut()
            .zip(input)
            .for_each(|(to, from)| *to = !from);
        Self::of(self.cipher, self.encrypt(&block))
    }

    /// D8: the first three bytes of `E(K, 0)`.
    #[must_use]
    pub fn check_value(&self) -> [u8; 3] {
        let block = self.encrypt(&[0; 16]);
        [block[0], block[1], block[2]]
    }

    /// R37: left half ⊕ right half of `E(K, info ‖ 00…)`, K a session key.
    #[must_use]
    pub fn proof(&self, info: [u8; 8]) -> [u8; 8] {
        fold(&self.encrypt(&proof_input(info)))
    }

    /// Whole blocks in ECB mode; `None` when the length is not a multiple of 16.
    #[must_use]
    pub fn ecb(&self, padded: &[u8]) -> Option<Vec<u8>> {
        let (blocks, rest) = padded.as_chunks::<16>();
        rest.is_empty().then(|| {
            blocks
                .iter()
                .flat_map(|block| self.encrypt(block))
                .collect()
        })
    }

    /// First four bytes of the CBC-MAC with zero IV over whole blocks.
    #[must_use]
    pub fn mac4(&self, padded: &[u8]) -> Option<[u8; 4]> {
        let (blocks, rest) = padded.as_chunks::<16>();
        if !rest.is_empty() || blocks.is_empty() {
            return None;
        }
        let mut state = Zeroizing::new([0_u8; 16]);
        for block in blocks {
            state
                .iter_mut()
                .zip(block)
                .for_each(|(to, from)| *to ^= from);
            *state = self.encrypt(&state);
        }
        state.first_chunk().copied()
    }
}

/// What CIPHER DATA encrypts for an authentication: `info ‖ 00 × 8`.
#[must_use]
pub fn proof_input(info: [u8; 8]) -> Block {
    let mut block = [0; 16];
    block[..8].copy_from_slice(&info);
    block
}

/// Left half ⊕ right half of a block.
#[must_use]
pub fn fold(block: &Block) -> [u8; 8] {
    std::array::from_fn(|at| block[at] ^ block[at + 8])
}

/// D9: `80`, then `00` to a multiple of 16; always at least one byte.
#[must_use]
pub fn pad(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 16);
    out.extend_from_slice(data);
    out.push(0x80);
    out.resize(out.len().next_multiple_of(16), 0x00);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_adds_a_whole_block_where_the_data_fill_one() {
        assert_eq!(pad(&[1; 15]), [&[1; 15][..], &[0x80]].concat());
        assert_eq!(pad(&[1; 16]).len(), 32);
        assert_eq!(pad(&[])[..2], [0x80, 0x00]);
    }

    #[test]
    fn sm4_is_that_of_the_standard() {
        let same = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54,
            0x32, 0x10,
        ];
        let expected = [
            0x68, 0x1E, 0xDF, 0x34, 0xD2, 0x06, 0x96, 0x5E, 0x86, 0xB3, 0xE9, 0x4F, 0x53, 0x6E,
            0x42, 0x46,
        ];
        assert_eq!(
            Key::new(same).encrypt(&same),
            expected,
            "GM/T 0002, example 1"
        );
    }

    #[test]
    fn aes_is_that_of_the_standard() {
        let key = std::array::from_fn(|n| n as u8);
        let block = std::array::from_fn(|n| 0x11 * n as u8);
        let expected = [
            0x69, 0xC4, 0xE0, 0xD8, 0x6A, 0x7B, 0x04, 0x30, 0xD8, 0xCD, 0xB7, 0x80, 0x70, 0xB4,
            0xC5, 0x5A,
        ];
        let made = Key::of(Cipher::Aes128, key).encrypt(&block);
        assert_eq!(made, expected, "FIPS 197, appendix C.1");
    }

    #[test]
    fn partial_blocks_are_refused() {
        let key = Key::new([0; 16]);
        assert!(
            key.ecb(&[0; 15]).is_none() && key.mac4(&[0; 17]).is_none() && key.mac4(&[]).is_none()
        );
    }
}
