//! The tiers of x86-64. The only place of the house with `unsafe` for speed; each use bears its proof.
//!
//! Two kinds of it: a call into a function that needs processor features (sound when they are there), and loads and
//! stores of vectors by pointer (sound when the pointer has that many readable or writable bytes; all are unaligned).
#![allow(unsafe_code)]

/// AES-NI with SSSE3.
pub(super) mod aesni;
/// AVX-512 with GFNI.
pub(super) mod avx512;

/// A₁ and A₂ as `GF2P8AFFINE…` takes them (byte 7 − i is the row of bit i), and their constants.
const A1: i64 = 0x34AC_259E_022D_BC52;
const A2: i64 = 0xD72D_8E51_1E6C_8B19_u64 as i64;
const C1: i32 = 0x65;
const C2: i32 = 0xD3;
