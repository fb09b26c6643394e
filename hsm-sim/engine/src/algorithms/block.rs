//! A block cipher, whichever a key is for: one key for many blocks, a key for each block, many chains in step.

use crate::sm4::{self, Block, Lanes, Sm4};
use aes::Aes128;
use cipher::array::Array;
use cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// Which block cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cipher {
    Sm4,
    Aes128,
}

/// A key, expanded; wiped when dropped. No `Debug`.
///
/// ```compile_fail
/// fn shows<T: std::fmt::Debug>() {}
/// shows::<hsm_engine::algorithms::Schedule>();
/// ```
pub enum Schedule {
    Sm4(Sm4),
    Aes128(Box<Aes128>),
}

impl Schedule {
    #[must_use]
    pub fn of(cipher: Cipher, key: &Block) -> Self {
        match cipher {
            Cipher::Sm4 => Self::Sm4(Sm4::of(key)),
            Cipher::Aes128 => Self::Aes128(Box::new(Aes128::new(&Array(*key)))),
        }
    }

    /// Encrypts every block (ECB), in place.
    pub fn encrypt_each(&self, blocks: &mut [Block]) {
        match self {
            Self::Sm4(key) => key.encrypt_each(blocks),
            Self::Aes128(key) => key.encrypt_blocks(Array::cast_slice_from_core_mut(blocks)),
        }
    }

    /// Decrypts every block, in place.
    pub fn decrypt_each(&self, blocks: &mut [Block]) {
        match self {
            Self::Sm4(key) => key.decrypt_each(blocks),
            Self::Aes128(key) => key.decrypt_blocks(Array::cast_slice_from_core_mut(blocks)),
        }
    }

    #[must_use]
    pub fn encrypt(&self, block: &Block) -> Block {
        let mut blocks = [*block];
        self.encrypt_each(&mut blocks);
        blocks[0]
    }
}

/// [`Schedule::encrypt_each`] of two keys, side by side where this is faster.
pub fn encrypt_two(keys: [&Schedule; 2], blocks: [&mut [Block]; 2]) {
    if let [Schedule::Sm4(first), Schedule::Sm4(second)] = keys {
        sm4::encrypt_two([first, second], blocks);
    } else {
        for (key, blocks) in keys.into_iter().zip(blocks) {
            key.encrypt_each(blocks);
        }
    }
}

/// `blocks[i] = E(keys[i], blocks[i])`.
///
/// # Panics
/// There are not as many keys as blocks.
pub fn encrypt_own(cipher: Cipher, keys: &[Block], blocks: &mut [Block]) {
    match cipher {
        Cipher::Sm4 => sm4::encrypt_own(keys, blocks),
        Cipher::Aes128 => {
            assert_eq!(keys.len(), blocks.len(), "a key for each block");
            for (key, block) in keys.iter().zip(blocks) {
                Aes128::new(&Array(*key)).encrypt_block(Array::cast_from_core_mut(block));
            }
        }
    }
}

/// Schedules of up to [`sm4::LANES`] keys, for chains that advance in step; wiped when dropped. No `Debug`.
pub enum ManyKeys {
    Sm4(Lanes),
    Aes128(Vec<Aes128>),
}

impl ManyKeys {
    /// # Panics
    /// There are more than [`sm4::LANES`] keys.
    #[must_use]
    pub fn of(cipher: Cipher, keys: &[Block]) -> Self {
        match cipher {
            Cipher::Sm4 => Self::Sm4(Lanes::of(keys)),
            Cipher::Aes128 => {
                Self::Aes128(keys.iter().map(|key| Aes128::new(&Array(*key))).collect())
            }
        }
    }

    /// `blocks[i] = E(keys[i], blocks[i])` for the first `blocks.len()` keys.
    ///
    /// # Panics
    /// There are more blocks than keys.
    pub fn encrypt(&self, blocks: &mut [Block]) {
        match self {
            Self::Sm4(lanes) => lanes.encrypt(blocks),
            Self::Aes128(keys) => {
                assert!(blocks.len() <= keys.len(), "a key for each block");
                for (key, block) in keys.iter().zip(blocks) {
                    key.encrypt_block(Array::cast_from_core_mut(block));
                }
            }
        }
    }
}
