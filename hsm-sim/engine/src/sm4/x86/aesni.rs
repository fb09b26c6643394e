//! AES-NI with SSSE3: 4 lanes a vector.

use super::{A1, A2, C1, C2};
use crate::sm4::kernels::{CK, FK, kernels, slices};
use crate::sm4::{Block, RoundKeys};
use std::arch::x86_64::*;
use zeroize::Zeroize;

pub(in crate::sm4) const W: usize = 4;
const WIDE: usize = 4;

type V = __m128i;

pub(in crate::sm4) fn available() -> bool {
    is_x86_feature_detected!("aes") && is_x86_feature_detected!("ssse3")
}

kernels!("aes,ssse3,sse2");

macro_rules! run {
    ($call:expr) => {{
        debug_assert!(available());
        // SAFETY: the kernels need aes and ssse3 (sse2 is x86-64's own). This module is entered through `on_tier!`
        // with `Tier::AesNi` only, which comes from `Tier::or_portable` or `Tier::current` and so was `available()`.
        unsafe { $call }
    }};
}
slices!(run);

/// An affine map of bytes as two tables of 16: for the low half of a byte and for the high half.
type Halves = [[u8; 16]; 2];

/// A₁.
const BEFORE: Halves = halves(A1, C1 as u8, false);
/// A₂ after the inverse of AES's own affine map.
const AFTER: Halves = halves(A2, C2 as u8, true);

const fn halves(matrix: i64, constant: u8, undo_aes: bool) -> Halves {
    let mut tables = [[0; 16]; 2];
    let mut i = 0;
    while i < 16 {
        // The constant is in the low table only: the map of a sum is then the sum of both tables.
        tables[0][i as usize] =
            map(matrix, undo_aes, i) ^ map(matrix, undo_aes, 0) ^ whole(matrix, constant, undo_aes);
        tables[1][i as usize] = map(matrix, undo_aes, i << 4) ^ map(matrix, undo_aes, 0);
        i += 1;
    }
    tables
}

/// The whole affine map at 0.
const fn whole(matrix: i64, constant: u8, undo_aes: bool) -> u8 {
    map(matrix, undo_aes, 0) ^ constant
}

/// The map without its last constant.
const fn map(matrix: i64, undo_aes: bool, byte: u8) -> u8 {
    let byte = if undo_aes {
        // The inverse of AES's affine map.
        byte.rotate_left(1) ^ byte.rotate_left(3) ^ byte.rotate_left(6) ^ 0x05
    } else {
        byte
    };
    let rows = matrix.to_be_bytes();
    let mut out = 0;
    let mut bit = 0;
    while bit < 8 {
        out |= (((rows[bit] & byte).count_ones() & 1) as u8) << bit;
        bit += 1;
    }
    out
}

/// Where AESENCLAST's ShiftRows moved each byte from, undone; then every word rotated left by 0, 8, 16, 24.
const UNSHIFT: [[u8; 16]; 4] = {
    let mut tables = [[0; 16]; 4];
    let mut turn = 0;
    while turn < 4 {
        let mut at = 0;
        while at < 16 {
            // Little-endian words: rotating left by 8 lets byte 0 take byte 3.
            let from = at / 4 * 4 + (at + 4 - turn) % 4;
            // Byte r + 4c went to r + 4((c − r) mod 4).
            let (r, c) = (from % 4, from / 4);
            tables[turn][at] = (r + 4 * ((c + 4 - r) % 4)) as u8;
            at += 1;
        }
        turn += 1;
    }
    tables
};

#[inline]
#[target_feature(enable = "sse2")]
fn table(bytes: &[u8; 16]) -> V {
    // SAFETY: 16 readable bytes; the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn splat(word: u32) -> V {
    _mm_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "sse2")]
fn xor(a: V, b: V) -> V {
    _mm_xor_si128(a, b)
}

#[inline]
#[target_feature(enable = "sse2")]
fn xor3(a: V, b: V, c: V) -> V {
    xor(xor(a, b), c)
}

/// An affine map on every byte; the tables are registers.
#[inline]
#[target_feature(enable = "ssse3,sse2")]
fn affine(x: V, map: &Halves) -> V {
    let mask = _mm_set1_epi8(0x0F);
    let low = _mm_shuffle_epi8(table(&map[0]), _mm_and_si128(x, mask));
    let high = _mm_and_si128(_mm_srli_epi32::<4>(x), mask);
    xor(low, _mm_shuffle_epi8(table(&map[1]), high))
}

/// The S-box on every byte, with ShiftRows still to be undone.
#[inline]
#[target_feature(enable = "aes,ssse3,sse2")]
fn tau_shifted(x: V) -> V {
    affine(
        _mm_aesenclast_si128(affine(x, &BEFORE), _mm_setzero_si128()),
        &AFTER,
    )
}

/// L(b) = b ⊕ b⋘24 ⊕ (b ⊕ b⋘8 ⊕ b⋘16)⋘2.
#[inline]
#[target_feature(enable = "aes,ssse3,sse2")]
fn t(x: V) -> V {
    let shifted = tau_shifted(x);
    let [b, b8, b16, b24] =
        [0, 1, 2, 3].map(|turn: usize| _mm_shuffle_epi8(shifted, table(&UNSHIFT[turn])));
    let sum = xor3(b, b8, b16);
    let turned = _mm_or_si128(_mm_slli_epi32::<2>(sum), _mm_srli_epi32::<30>(sum));
    xor3(b, b24, turned)
}

#[inline]
#[target_feature(enable = "aes,ssse3,sse2")]
fn t_key(x: V) -> V {
    let b = _mm_shuffle_epi8(tau_shifted(x), table(&UNSHIFT[0]));
    let b13 = _mm_or_si128(_mm_slli_epi32::<13>(b), _mm_srli_epi32::<19>(b));
    let b23 = _mm_or_si128(_mm_slli_epi32::<23>(b), _mm_srli_epi32::<9>(b));
    xor3(b, b13, b23)
}

/// Reverses the bytes of every word.
#[inline]
#[target_feature(enable = "ssse3,sse2")]
fn swap(v: V) -> V {
    _mm_shuffle_epi8(
        v,
        _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3),
    )
}

/// 4 × 4 words; its own inverse.
#[inline]
#[target_feature(enable = "sse2")]
fn transpose(rows: [V; 4]) -> [V; 4] {
    let [a, b, c, d] = rows;
    let (ab_low, ab_high) = (_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));
    [
        _mm_unpacklo_epi64(ab_low, cd_low),
        _mm_unpackhi_epi64(ab_low, cd_low),
        _mm_unpacklo_epi64(ab_high, cd_high),
        _mm_unpackhi_epi64(ab_high, cd_high),
    ]
}

#[inline]
#[target_feature(enable = "ssse3,sse2")]
fn load(blocks: &[Block; W]) -> [V; 4] {
    let mut rows = [_mm_setzero_si128(); 4];
    for (row, block) in rows.iter_mut().zip(blocks) {
        *row = swap(table(block));
    }
    transpose(rows)
}

#[inline]
#[target_feature(enable = "ssse3,sse2")]
fn save(x: [V; 4], blocks: &mut [Block; W]) {
    let [a, b, c, d] = x;
    for (row, block) in transpose([d, c, b, a]).into_iter().zip(blocks) {
        // SAFETY: a block, borrowed alone, is 16 writable bytes; the store needs no alignment.
        unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), swap(row)) };
    }
}

#[inline]
#[target_feature(enable = "sse2")]
fn load_words(words: &[u32; W]) -> V {
    // SAFETY: 4 words are 16 readable bytes; the load needs no alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn save_words(v: V, words: &mut [u32; W]) {
    // SAFETY: 4 words, borrowed alone, are 16 writable bytes; the store needs no alignment.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), v) };
}
