//! AVX-512 with GFNI: 16 lanes a vector.

use super::{A1, A2, C1, C2};
use crate::sm4::kernels::{CK, FK, kernels, slices};
use crate::sm4::{Block, RoundKeys};
use std::arch::x86_64::*;
use zeroize::Zeroize;

pub(in crate::sm4) const W: usize = 16;
/// Four chains of vectors hide the latency of one another.
const WIDE: usize = 4;

type V = __m512i;

pub(in crate::sm4) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("gfni")
}

kernels!("avx512f,avx512bw,gfni");

macro_rules! run {
    ($call:expr) => {{
        debug_assert!(available());
        // SAFETY: the kernels need avx512f, avx512bw and gfni. This module is entered through `on_tier!` with
        // `Tier::Avx512` only, which comes from `Tier::or_portable` or `Tier::current` and so was `available()`.
        unsafe { $call }
    }};
}
slices!(run);

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> V {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: V, b: V) -> V {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: V, b: V, c: V) -> V {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn tau(x: V) -> V {
    let y = _mm512_gf2p8affine_epi64_epi8::<C1>(x, _mm512_set1_epi64(A1));
    _mm512_gf2p8affineinv_epi64_epi8::<C2>(y, _mm512_set1_epi64(A2))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn t(x: V) -> V {
    let b = tau(x);
    let left = xor3(b, _mm512_rol_epi32::<2>(b), _mm512_rol_epi32::<10>(b));
    xor3(left, _mm512_rol_epi32::<18>(b), _mm512_rol_epi32::<24>(b))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn t_key(x: V) -> V {
    let b = tau(x);
    xor3(b, _mm512_rol_epi32::<13>(b), _mm512_rol_epi32::<23>(b))
}

/// Reverses the bytes of every word.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn swap(v: V) -> V {
    let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(order))
}

/// 4 × 4 words within each quarter of the vectors; its own inverse.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: [V; 4]) -> [V; 4] {
    let [a, b, c, d] = rows;
    let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab_low, cd_low),
        _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// Words of 16 blocks; block 4r + q comes to lane 4q + r, for keys and data alike.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(blocks: &[Block; W]) -> [V; 4] {
    let mut rows = [_mm512_setzero_si512(); 4];
    for (row, four) in rows.iter_mut().zip(blocks.as_chunks::<4>().0) {
        // SAFETY: `four` is 4 blocks of 16 bytes: 64 readable bytes; the load needs no alignment.
        *row = swap(unsafe { _mm512_loadu_si512(four.as_ptr().cast()) });
    }
    transpose(rows)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn save(x: [V; 4], blocks: &mut [Block; W]) {
    let [a, b, c, d] = x;
    let rows = transpose([d, c, b, a]);
    for (row, four) in rows.into_iter().zip(blocks.as_chunks_mut::<4>().0) {
        // SAFETY: `four` is 4 blocks of 16 bytes, borrowed alone: 64 writable bytes; no alignment needed.
        unsafe { _mm512_storeu_si512(four.as_mut_ptr().cast(), swap(row)) };
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_words(words: &[u32; W]) -> V {
    // SAFETY: 16 words are 64 readable bytes; the load needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn save_words(v: V, words: &mut [u32; W]) {
    // SAFETY: 16 words, borrowed alone, are 64 writable bytes; the store needs no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), v) };
}
