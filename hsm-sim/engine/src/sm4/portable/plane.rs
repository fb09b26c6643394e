//! 128 bits side by side, in one register of what every x86-64 and every AArch64 has.

use crate::sm4::sbox::Bits;
use std::ops::{BitAnd, BitXor, BitXorAssign};
use wide::u32x4;
use zeroize::DefaultIsZeroes;

/// Four words. The vector type is a library's, because the compiler by itself finds no vectors in a circuit this long.
#[derive(Clone, Copy, Default)]
pub(super) struct Plane(u32x4);

impl Plane {
    pub(super) const ZERO: Self = Self::splat(0);

    #[inline(always)]
    pub(super) const fn of(words: [u32; 4]) -> Self {
        Self(u32x4::new(words))
    }

    #[inline(always)]
    pub(super) const fn words(self) -> [u32; 4] {
        self.0.to_array()
    }

    #[inline(always)]
    pub(super) const fn splat(word: u32) -> Self {
        Self::of([word; 4])
    }

    /// Each word shifted towards its least significant bit.
    #[inline(always)]
    pub(super) fn right(self, by: u32) -> Self {
        Self(self.0.unbounded_shr_scalar(by))
    }

    #[inline(always)]
    pub(super) fn left(self, by: u32) -> Self {
        Self(self.0.unbounded_shl_scalar(by))
    }

    #[inline(always)]
    pub(super) fn rotate(self, by: u32) -> Self {
        // The two parts have no bit in common.
        self.left(by) ^ self.right(32 - by)
    }

    /// Four rows of four words; its own inverse.
    #[inline(always)]
    pub(super) fn transpose(rows: [Self; 4]) -> [Self; 4] {
        let [a, b, c, d] = u32x4::transpose(rows.map(|row| row.0));
        [Self(a), Self(b), Self(c), Self(d)]
    }
}

impl BitXor for Plane {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl BitXorAssign for Plane {
    #[inline(always)]
    fn bitxor_assign(&mut self, other: Self) {
        *self = *self ^ other;
    }
}

impl BitAnd for Plane {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Bits for Plane {}

impl DefaultIsZeroes for Plane {}
