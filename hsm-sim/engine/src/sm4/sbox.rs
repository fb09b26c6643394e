//! The S-box as a circuit over bit planes: plane *i* holds bit *i* of 128 bytes.
//!
//! SM4's S-box is `A₂(1/A₁(x))` in the field of AES with two affine maps, AES's is `A(1/x)`; so SM4's is
//! `A₂·A⁻¹(AES(A₁(x)))`. In the middle stands the circuit for AES of J. Boyar and R. Peralta ("A depth-16 circuit for
//! the AES S-box", 2011); `into_aes` is A₁, `out_of_aes` is A₂·A⁻¹. The test tries all 256 bytes.

use std::ops::{BitAnd, BitXor, Not};

/// One bit of 128 bytes. A pair, because compilers turn pairs into vector instructions that every x86-64 has.
#[derive(Clone, Copy)]
pub(super) struct Plane(pub(super) [u64; 2]);

impl BitXor for Plane {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self([self.0[0] ^ other.0[0], self.0[1] ^ other.0[1]])
    }
}

impl BitAnd for Plane {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self([self.0[0] & other.0[0], self.0[1] & other.0[1]])
    }
}

impl Not for Plane {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Self([!self.0[0], !self.0[1]])
    }
}

/// Eight planes, least significant bit first.
pub(super) type Planes = [Plane; 8];

/// The S-box on 128 bytes.
#[inline]
pub(super) fn sm4(planes: &Planes) -> Planes {
    out_of_aes(&aes(&into_aes(planes)))
}

#[inline]
fn into_aes(p: &Planes) -> Planes {
    let p25 = p[2] ^ p[5];
    let p023 = p25 ^ p[0];
    let p237 = p[2] ^ p[3] ^ p[7];
    [
        !(p25 ^ p[4]),
        p237 ^ p[5],
        !p023,
        p237 ^ p[1] ^ p[4],
        p[1],
        !(p023 ^ p[3]),
        !(p237 ^ p[4] ^ p[5]),
        p[1] ^ p[4] ^ p[6],
    ]
}

#[inline]
fn out_of_aes(p: &Planes) -> Planes {
    let p13 = p[1] ^ p[3];
    let p17 = p[1] ^ p[7];
    let p57 = p[5] ^ p[7];
    let p012_7 = p[0] ^ p[2] ^ p17;
    [
        !(p13 ^ p[2] ^ p[6]),
        !p012_7,
        !(p[2] ^ p[3] ^ p57),
        !(p012_7 ^ p[6]),
        p[2] ^ p[4] ^ p57,
        !p13,
        p13 ^ p[4] ^ p[7],
        p13 ^ p[0] ^ p[6] ^ p[7],
    ]
}

/// AES's S-box.
#[inline]
#[allow(clippy::many_single_char_names, clippy::similar_names)]
fn aes(p: &Planes) -> Planes {
    let [x7, x6, x5, x4, x3, x2, x1, x0] = *p;
    // Top linear layer.
    let y14 = x3 ^ x5;
    let y13 = x0 ^ x6;
    let y9 = x0 ^ x3;
    let y8 = x0 ^ x5;
    let t0 = x1 ^ x2;
    let y1 = t0 ^ x7;
    let y4 = y1 ^ x3;
    let y12 = y13 ^ y14;
    let y2 = y1 ^ x0;
    let y5 = y1 ^ x6;
    let y3 = y5 ^ y8;
    let t1 = x4 ^ y12;
    let y15 = t1 ^ x5;
    let y20 = t1 ^ x1;
    let y6 = y15 ^ x7;
    let y10 = y15 ^ t0;
    let y11 = y20 ^ y9;
    let y7 = x7 ^ y11;
    let y17 = y10 ^ y11;
    let y19 = y10 ^ y8;
    let y16 = t0 ^ y11;
    let y21 = y13 ^ y16;
    let y18 = x0 ^ y16;
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
    // Bottom linear layer.
    let t46 = z15 ^ z16;
    let t47 = z10 ^ z11;
    let t48 = z5 ^ z13;
    let t49 = z9 ^ z10;
    let t50 = z2 ^ z12;
    let t51 = z2 ^ z5;
    let t52 = z7 ^ z8;
    let t53 = z0 ^ z3;
    let t54 = z6 ^ z7;
    let t55 = z16 ^ z17;
    let t56 = z12 ^ t48;
    let t57 = t50 ^ t53;
    let t58 = z4 ^ t46;
    let t59 = z3 ^ t54;
    let t60 = t46 ^ t57;
    let t61 = z14 ^ t57;
    let t62 = t52 ^ t58;
    let t63 = t49 ^ t58;
    let t64 = z4 ^ t59;
    let t65 = t61 ^ t62;
    let t66 = z1 ^ t63;
    let s0 = t59 ^ t63;
    let s6 = !(t56 ^ t62);
    let s7 = !(t48 ^ t60);
    let t67 = t64 ^ t65;
    let s3 = t53 ^ t66;
    let s4 = t51 ^ t66;
    let s5 = t47 ^ t65;
    let s1 = !(t64 ^ s3);
    let s2 = !(t55 ^ t67);
    [s7, s6, s5, s4, s3, s2, s1, s0]
}
