//! The block cipher traits, so that CMAC, GCM, CTR of well-kept crates run on this core.

use super::{Block as Bytes, Sm4};
use cipher::array::Array;
use cipher::consts::{U16, U128};
use cipher::inout::InOut;
use cipher::{
    Block, BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncBackend,
    BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, Key, KeyInit, KeySizeUser, ParBlocks,
    ParBlocksSizeUser,
};

impl KeySizeUser for Sm4 {
    type KeySize = U16;
}

impl BlockSizeUser for Sm4 {
    type BlockSize = U16;
}

impl ParBlocksSizeUser for Sm4 {
    type ParBlocksSize = U128;
}

impl KeyInit for Sm4 {
    fn new(key: &Key<Self>) -> Self {
        Self::of(&key.0)
    }
}

fn bytes(blocks: &ParBlocks<Sm4>) -> [Bytes; 128] {
    blocks.0.map(|block| block.0)
}

fn par_blocks(blocks: [Bytes; 128]) -> ParBlocks<Sm4> {
    Array(blocks.map(Array))
}

impl BlockCipherEncBackend for Sm4 {
    fn encrypt_block(&self, mut block: InOut<'_, '_, Block<Self>>) {
        let out = self.encrypt(&block.get_in().0);
        *block.get_out() = Array(out);
    }

    fn encrypt_par_blocks(&self, mut blocks: InOut<'_, '_, ParBlocks<Self>>) {
        let mut many = bytes(blocks.get_in());
        self.encrypt_each(&mut many);
        *blocks.get_out() = par_blocks(many);
    }
}

impl BlockCipherEncrypt for Sm4 {
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = U16>) {
        f.call(self);
    }
}

impl BlockCipherDecBackend for Sm4 {
    fn decrypt_block(&self, mut block: InOut<'_, '_, Block<Self>>) {
        let out = self.decrypt(&block.get_in().0);
        *block.get_out() = Array(out);
    }

    fn decrypt_par_blocks(&self, mut blocks: InOut<'_, '_, ParBlocks<Self>>) {
        let mut many = bytes(blocks.get_in());
        self.decrypt_each(&mut many);
        *blocks.get_out() = par_blocks(many);
    }
}

impl BlockCipherDecrypt for Sm4 {
    fn decrypt_with_backend(&self, f: impl BlockCipherDecClosure<BlockSize = U16>) {
        f.call(self);
    }
}
