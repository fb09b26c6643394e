//! The S-box as a circuit over bit planes: plane *i* holds bit *i* of as many bytes as a plane has bits.
//!
//! SM4's S-box is `A₂(1/A₁(x))` in the field of AES with two affine maps. In the middle stands the inversion of the
//! circuit for AES of J. Boyar and R. Peralta ("A depth-16 circuit for the AES S-box", 2011), 32 AND and 30 XOR. What
//! stands before and after it is linear, and was made for SM4 anew: `1/x = φ(1/φ(x))` for every `φ(x) = c·x^(2ᵏ)` up to
//! φ's own inverse, so that there are 2040 pairs of layers to choose from, and for the best of them, by the greedy
//! search of the same authors, 20 XOR go before and 29 after: 111 gates of depth 25.
//!
//! The affine maps' constants are left out here: `S(x) = circuit(x ⊕ BEFORE) ⊕ AFTER`, and whoever calls it has
//! cheaper places for them than eight planes. The test tries all 256 bytes.

use std::ops::{BitAnd, BitXor};

/// What the circuit wants added to every byte before it.
pub(super) const BEFORE: u8 = 0x75;
/// And after it.
pub(super) const AFTER: u8 = 0xD3;

/// A bit of many bytes.
pub(super) trait Bits: Copy + BitXor<Output = Self> + BitAnd<Output = Self> {}

/// The S-box but for its constants; planes of the least significant bits first.
#[inline(always)]
#[allow(clippy::many_single_char_names, clippy::similar_names)]
pub(super) fn circuit<B: Bits>(p: &[B; 8]) -> [B; 8] {
    // Into the field: each of these is a sum of input bits.
    let y16 = p[5] ^ p[3];
    let x7 = p[7] ^ p[2];
    let a1 = p[1] ^ p[0];
    let y19 = a1 ^ p[2];
    let y11 = y19 ^ p[4];
    let y20 = y11 ^ p[5];
    let y5 = a1 ^ p[6];
    let y8 = y5 ^ p[2];
    let y17 = y8 ^ p[4];
    let y12 = y17 ^ p[1];
    let y4 = y12 ^ p[2];
    let y14 = y8 ^ p[5];
    let y13 = y14 ^ y12;
    let y21 = y13 ^ y16;
    let y2 = y13 ^ y5;
    let y15 = y17 ^ y16;
    let y7 = y11 ^ x7;
    let y1 = y7 ^ y16;
    let y18 = y7 ^ y2;
    let y6 = y1 ^ p[6];
    let [y3, y9, y10] = [p[2], p[5], p[6]];
    // Inversion.
    let t2 = y12 & y15;
    let t4 = (y3 & y6) ^ t2;
    let t6 = (y4 & x7) ^ t2;
    let t7 = y13 & y16;
    let t9 = (y5 & y1) ^ t7;
    let t11 = (y2 & y7) ^ t7;
    let t12 = y9 & y11;
    let t14 = (y14 & y17) ^ t12;
    let t16 = (y8 & y10) ^ t12;
    let t21 = t4 ^ t14 ^ y20;
    let t22 = t6 ^ t16 ^ y19;
    let t23 = t9 ^ t14 ^ y21;
    let t24 = t11 ^ t16 ^ y18;
    let t25 = t21 ^ t22;
    let t26 = t21 & t23;
    let t27 = t24 ^ t26;
    let t29 = (t25 & t27) ^ t22;
    let t30 = t23 ^ t24;
    let t31 = t22 ^ t26;
    let t33 = (t31 & t30) ^ t24;
    let t34 = t23 ^ t33;
    let t35 = t27 ^ t33;
    let t36 = t24 & t35;
    let t37 = t36 ^ t34;
    let t38 = t27 ^ t36;
    let t40 = t25 ^ (t29 & t38);
    let t41 = t40 ^ t37;
    let t42 = t29 ^ t33;
    let t43 = t29 ^ t40;
    let t44 = t33 ^ t37;
    let t45 = t42 ^ t41;
    let z0 = t44 & y15;
    let z1 = t37 & y6;
    let z2 = t33 & x7;
    let z3 = t43 & y16;
    let z4 = t40 & y1;
    let z5 = t29 & y7;
    let z6 = t42 & y11;
    let z7 = t45 & y17;
    let z8 = t41 & y10;
    let z9 = t44 & y12;
    let z10 = t37 & y3;
    let z11 = t33 & y4;
    let z12 = t43 & y13;
    let z13 = t40 & y5;
    let z14 = t29 & y2;
    let z15 = t42 & y9;
    let z16 = t45 & y14;
    let z17 = t41 & y8;
    // Out of the field.
    let b1 = z11 ^ z10;
    let b2 = z14 ^ b1;
    let b3 = b2 ^ z13;
    let b4 = z5 ^ b3;
    let b5 = z4 ^ b4;
    let b7 = b5 ^ z8 ^ z7;
    let b8 = z10 ^ z9;
    let b10 = b2 ^ b8 ^ z12;
    let b11 = z6 ^ z8;
    let b13 = z2 ^ z0 ^ b11;
    let b14 = b10 ^ b13;
    let b15 = z16 ^ b13;
    let b17 = b1 ^ z17 ^ b15;
    let b19 = z2 ^ z1 ^ b5;
    let b21 = z15 ^ b8 ^ b15;
    let b23 = z3 ^ b11 ^ b4;
    [
        b14,
        b23 ^ b21,
        b17 ^ b3 ^ b7,
        b19 ^ b21,
        b19,
        b7,
        b14 ^ b17,
        b10 ^ b7,
    ]
}
