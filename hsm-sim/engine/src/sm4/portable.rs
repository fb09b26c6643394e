//! The portable tier: 32 lanes of 32-bit words, their 128 bytes through the S-box at once as bit planes.

use super::kernels::{CK, FK, kernels, slices};
use super::sbox::{self, Plane, Planes};
use super::{Block, RoundKeys};
use zeroize::Zeroize;

/// Lanes of a vector.
pub(super) const W: usize = 32;
/// Groups of vectors that run interleaved; there is nothing to gain here.
const WIDE: usize = 1;

type V = [u32; W];

kernels!();

macro_rules! run {
    ($call:expr) => {
        $call
    };
}
slices!(run);

#[inline]
fn splat(word: u32) -> V {
    [word; W]
}

#[inline]
fn xor(a: V, b: V) -> V {
    std::array::from_fn(|i| a[i] ^ b[i])
}

#[inline]
fn xor3(a: V, b: V, c: V) -> V {
    std::array::from_fn(|i| a[i] ^ b[i] ^ c[i])
}

/// T: the S-box on every byte, then L.
#[inline]
fn t(x: V) -> V {
    tau(x).map(|b| b ^ b.rotate_left(2) ^ b.rotate_left(10) ^ b.rotate_left(18) ^ b.rotate_left(24))
}

/// T': the S-box on every byte, then L'.
#[inline]
fn t_key(x: V) -> V {
    tau(x).map(|b| b ^ b.rotate_left(13) ^ b.rotate_left(23))
}

#[inline]
fn tau(x: V) -> V {
    // Words 4i … 4i + 3 become pair i.
    let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let mut planes: Planes = std::array::from_fn(|i| {
        let at = 4 * i;
        Plane([pair(x[at], x[at + 1]), pair(x[at + 2], x[at + 3])])
    });
    transpose(&mut planes);
    let mut out = sbox::sm4(&planes);
    transpose(&mut out);
    #[allow(clippy::cast_possible_truncation)]
    std::array::from_fn(|i| (out[i / 4].0[(i / 2) & 1] >> (32 * (i & 1))) as u32)
}

/// Bytes to bit planes and back: after it, plane *i* holds bit *i* of every byte. It is its own inverse.
#[inline]
fn transpose(w: &mut Planes) {
    const STEPS: [(usize, u32, u64); 3] = [
        (1, 1, 0x5555_5555_5555_5555),
        (2, 2, 0x3333_3333_3333_3333),
        (4, 4, 0x0F0F_0F0F_0F0F_0F0F),
    ];
    for (distance, shift, mask) in STEPS {
        for low in 0..8 {
            if low & distance == 0 {
                let high = low + distance;
                let (a, b) = (w[low], w[high]);
                for half in 0..2 {
                    let (a, b) = (a.0[half], b.0[half]);
                    w[low].0[half] = (a & mask) | ((b & mask) << shift);
                    w[high].0[half] = ((a >> shift) & mask) | (b & !mask);
                }
            }
        }
    }
}

#[inline]
fn load(blocks: &[Block; W]) -> [V; 4] {
    std::array::from_fn(|j| {
        std::array::from_fn(|lane| {
            let words = blocks[lane].as_chunks::<4>().0;
            u32::from_be_bytes(words[j])
        })
    })
}

/// The state's words in reverse, as the cipher ends.
#[inline]
fn save(x: [V; 4], blocks: &mut [Block; W]) {
    for (lane, block) in blocks.iter_mut().enumerate() {
        for (word, j) in block.as_chunks_mut::<4>().0.iter_mut().zip([3, 2, 1, 0]) {
            *word = x[j][lane].to_be_bytes();
        }
    }
}

#[inline]
fn load_words(words: &[u32; W]) -> V {
    *words
}

#[inline]
fn save_words(v: V, words: &mut [u32; W]) {
    *words = v;
}
