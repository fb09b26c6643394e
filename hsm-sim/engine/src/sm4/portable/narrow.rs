//! Four lanes: 16 bytes through the circuit at once, in planes of which an eighth is used.
//!
//! Plane *i* is the vector itself shifted by *i*: bit 0 of each of its bytes is the wanted bit, and what is in the
//! other bits bothers nobody until they are masked away behind the circuit.

use super::Plane;
use crate::sm4::kernels::{CK, FK, kernels, slices};
use crate::sm4::sbox::{AFTER, BEFORE, circuit};
use crate::sm4::{Block, RoundKeys};
use zeroize::Zeroize;

/// Lanes of a vector.
pub(in crate::sm4) const W: usize = 4;
/// Groups of vectors that run interleaved; there is nothing to gain here.
const WIDE: usize = 1;

type V = Plane;

kernels!();

macro_rules! run {
    ($call:expr) => {
        $call
    };
}
slices!(run);

/// The same byte everywhere.
const fn bytes(byte: u8) -> Plane {
    Plane::splat(u32::from_ne_bytes([byte; 4]))
}

#[inline(always)]
fn splat(word: u32) -> V {
    Plane::splat(word)
}

#[inline(always)]
fn xor(a: V, b: V) -> V {
    a ^ b
}

#[inline(always)]
fn xor3(a: V, b: V, c: V) -> V {
    a ^ b ^ c
}

/// The S-box on every byte.
#[inline(always)]
fn tau(x: V) -> V {
    let x = x ^ bytes(BEFORE);
    let [a, b, c, d, e, f, g, h] = circuit(&[
        x,
        x.right(1),
        x.right(2),
        x.right(3),
        x.right(4),
        x.right(5),
        x.right(6),
        x.right(7),
    ]);
    let bit = |plane: Plane, at: u32| (plane & bytes(1)).left(at);
    let low = (bit(a, 0) ^ bit(b, 1)) ^ (bit(c, 2) ^ bit(d, 3));
    let high = (bit(e, 4) ^ bit(f, 5)) ^ (bit(g, 6) ^ bit(h, 7));
    low ^ high ^ bytes(AFTER)
}

/// T: the S-box on every byte, then L.
#[inline(always)]
fn t(x: V) -> V {
    let b = tau(x);
    // b ⊕ b⋘2 ⊕ b⋘10 ⊕ b⋘18 ⊕ b⋘24
    b ^ (b ^ b.rotate(8) ^ b.rotate(16)).rotate(2) ^ b.rotate(24)
}

/// T': the S-box on every byte, then L'.
#[inline(always)]
fn t_key(x: V) -> V {
    let b = tau(x);
    b ^ b.rotate(13) ^ b.rotate(23)
}

#[inline]
fn load(blocks: &[Block; W]) -> [V; 4] {
    let mut rows = [Plane::ZERO; 4];
    for (row, block) in rows.iter_mut().zip(blocks) {
        let (words, _) = block.as_chunks::<4>();
        *row = Plane::of(std::array::from_fn(|j| u32::from_be_bytes(words[j])));
    }
    Plane::transpose(rows)
}

/// The state's words in reverse, as the cipher ends.
#[inline]
fn save(x: [V; 4], blocks: &mut [Block; W]) {
    let [d, c, b, a] = x;
    for (row, block) in Plane::transpose([a, b, c, d]).iter().zip(blocks) {
        for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(row.words()) {
            *bytes = word.to_be_bytes();
        }
    }
}

#[inline(always)]
fn load_words(words: &[u32; W]) -> V {
    Plane::of(*words)
}

#[inline(always)]
fn save_words(v: V, words: &mut [u32; W]) {
    *words = v.words();
}
