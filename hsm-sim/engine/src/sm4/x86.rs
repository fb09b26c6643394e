//! The tiers of x86-64. The only place of the house with `unsafe` for speed; each use bears its proof.
//!
//! Two kinds of it: a call into a function that needs processor features (sound when they are there), and loads and
//! stores of vectors by pointer (sound when the pointer has that many readable or writable bytes; all are unaligned).
#![allow(unsafe_code)]

use super::kernels::{CK, FK, kernels, slices};
use super::{Block, RoundKeys};
use std::arch::x86_64::*;
use zeroize::Zeroize;

/// A₁ and A₂ as `GF2P8AFFINE…` takes them (byte 7 − i is the row of bit i), and their constants.
const A1: i64 = 0x34AC_259E_022D_BC52;
const A2: i64 = 0xD72D_8E51_1E6C_8B19_u64 as i64;
const C1: i32 = 0x65;
const C2: i32 = 0xD3;

/// AVX-512 with GFNI: 16 lanes a vector.
pub(super) mod avx512 {
    use super::*;

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
}

/// AES-NI with SSSE3: 4 lanes a vector.
pub(super) mod aesni {
    use super::*;

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
            tables[0][i as usize] = map(matrix, undo_aes, i)
                ^ map(matrix, undo_aes, 0)
                ^ whole(matrix, constant, undo_aes);
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
}
