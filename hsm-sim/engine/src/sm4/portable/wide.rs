//! 128 lanes, the whole state in bit planes from the first round to the last: plane *i* of a word holds bit *i* of that
//! word of every lane. So the S-box takes four runs of the circuit for 512 bytes, and L costs no shifts, only names.

use super::Plane;
use crate::sm4::kernels::{CK, FK};
use crate::sm4::sbox::{AFTER, BEFORE, circuit};
use crate::sm4::{Block, RoundKeys};
use zeroize::Zeroize;

/// Lanes.
pub(in crate::sm4) const W: usize = 128;

/// The row at which the second half of the blocks begins.
const HALF: usize = 16;

/// A word of every lane, bit by bit.
type V = [Plane; 32];

const ZERO: V = [Plane::ZERO; 32];

/// A plane for each bit, with the bit's number as a constant: unrolled, whatever the compiler thinks of it.
macro_rules! planes {
    ($bit:ident => $plane:expr) => {
        planes!($bit => $plane; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31)
    };
    ($bit:ident => $plane:expr; $($at:literal)*) => {
        [$({
            const $bit: usize = $at;
            $plane
        }),*]
    };
}

/// The S-box on every byte of the words that `sum` gives.
#[inline(always)]
fn tau(sum: impl Fn(usize) -> Plane) -> V {
    let mut out = ZERO;
    for byte in 0..4 {
        let at = 8 * byte;
        let found = circuit(&planes!(I => flipped(sum(at + I), BEFORE >> I & 1); 0 1 2 3 4 5 6 7));
        for bit in 0..8 {
            out[at + bit] = flipped(found[bit], AFTER >> bit & 1);
        }
    }
    out
}

#[inline(always)]
fn flipped(plane: Plane, by: u8) -> Plane {
    if by == 1 {
        plane ^ Plane::splat(u32::MAX)
    } else {
        plane
    }
}

/// One round on the state's word `j`.
#[inline(never)]
fn round(x: &mut [V; 4], j: usize, key: &V) {
    let (p, q, r) = (&x[(j + 1) & 3], &x[(j + 2) & 3], &x[(j + 3) & 3]);
    let b = tau(|i| p[i] ^ q[i] ^ r[i] ^ key[i]);
    // L: b ⊕ b⋘2 ⊕ b⋘10 ⊕ b⋘18 ⊕ b⋘24. The sum of b and b⋘8 is in it twice, turned by 24 and by 2.
    let pairs = planes!(I => b[I] ^ b[(I + 24) % 32]);
    let x = &mut x[j & 3];
    *x = planes!(I => x[I] ^ pairs[(I + 8) % 32] ^ pairs[(I + 30) % 32] ^ b[(I + 14) % 32]);
}

/// The next round key, in word `j` of the key's state.
#[inline(never)]
fn next_key(k: &mut [V; 4], j: usize, constant: u32) {
    let constant = splat(constant);
    let (p, q, r) = (&k[(j + 1) & 3], &k[(j + 2) & 3], &k[(j + 3) & 3]);
    let b = tau(|i| p[i] ^ q[i] ^ r[i] ^ constant[i]);
    // L': b ⊕ b⋘13 ⊕ b⋘23.
    let k = &mut k[j & 3];
    *k = planes!(I => k[I] ^ b[I] ^ b[(I + 19) % 32] ^ b[(I + 9) % 32]);
}

/// The same word in every lane.
#[inline(always)]
fn splat(word: u32) -> V {
    planes!(I => Plane::splat(0_u32.wrapping_sub(word >> I & 1)))
}

/// One key for all blocks.
pub(super) fn shared_any(keys: &RoundKeys, blocks: &mut [Block]) {
    let mut x = load(blocks);
    for (i, &key) in keys.iter().enumerate() {
        round(&mut x, i, &splat(key));
    }
    save(x, blocks);
}

/// Two keys, each for up to half of the lanes.
pub(super) fn shared_two([first, second]: [&RoundKeys; 2], blocks: [&mut [Block]; 2]) {
    let mut x = [ZERO; 4];
    take(&mut x, 0, blocks[0]);
    take(&mut x, HALF, blocks[1]);
    x.iter_mut().for_each(transpose);
    for (i, (&a, &b)) in first.iter().zip(second).enumerate() {
        // Block 4·r + c is bit r: the first half of the blocks is the lower half of every word.
        let half = |key: u32, at: usize| 0_u32.wrapping_sub(key >> at & 1);
        let key = planes!(I => Plane::splat(half(a, I) & 0xFFFF | half(b, I) << 16));
        round(&mut x, i, &key);
    }
    x.iter_mut().for_each(transpose);
    let [first, second] = blocks;
    give(&x, 0, first);
    give(&x, HALF, second);
    x.zeroize();
}

/// A key for each block, expanded on the way.
pub(super) fn own_any(keys: &[Block], blocks: &mut [Block]) {
    let mut x = load(blocks);
    let mut k = key_state(keys);
    for (i, &constant) in CK.iter().enumerate() {
        next_key(&mut k, i, constant);
        round(&mut x, i, &k[i & 3]);
    }
    save(x, blocks);
    k.zeroize();
}

/// Expands a key for each lane; `schedule[round]` is the round keys' planes.
pub(in crate::sm4) fn expand_any(keys: &[Block; W], schedule: &mut [[u32; W]; 32]) {
    let mut k = key_state(keys);
    for (i, (&constant, words)) in CK.iter().zip(schedule).enumerate() {
        next_key(&mut k, i, constant);
        for (words, plane) in words.as_chunks_mut::<4>().0.iter_mut().zip(&k[i & 3]) {
            *words = plane.words();
        }
    }
    k.zeroize();
}

/// Each block under its lane's stored schedule.
pub(in crate::sm4) fn stored_any(schedules: &[[[u32; W]; 32]], blocks: &mut [Block]) {
    for (schedule, blocks) in schedules.iter().zip(blocks.chunks_mut(W)) {
        let mut x = load(blocks);
        for (i, words) in schedule.iter().enumerate() {
            let words = words.as_chunks::<4>().0;
            round(&mut x, i, &planes!(I => Plane::of(words[I])));
        }
        save(x, blocks);
    }
}

fn key_state(keys: &[Block]) -> [V; 4] {
    let mut k = load(keys);
    for (word, constant) in k.iter_mut().zip(FK) {
        for (plane, constant) in word.iter_mut().zip(splat(constant)) {
            *plane ^= constant;
        }
    }
    k
}

/// Up to 128 blocks into planes; lanes without a block are zero.
fn load(blocks: &[Block]) -> [V; 4] {
    let mut x = [ZERO; 4];
    take(&mut x, 0, blocks);
    x.iter_mut().for_each(transpose);
    x
}

/// The way back; nothing stays behind.
fn save(mut x: [V; 4], blocks: &mut [Block]) {
    x.iter_mut().for_each(transpose);
    give(&x, 0, blocks);
    x.zeroize();
}

/// Blocks into words, from row `at`. Block 4·r + c is word c of row r, which is to be bit r of word c of the planes.
fn take(x: &mut [V; 4], at: usize, blocks: &[Block]) {
    for (r, four) in blocks.chunks(4).enumerate() {
        let mut rows = [Plane::ZERO; 4];
        for (row, block) in rows.iter_mut().zip(four) {
            let (words, _) = block.as_chunks::<4>();
            *row = Plane::of(std::array::from_fn(|j| u32::from_be_bytes(words[j])));
        }
        for (word, row) in x.iter_mut().zip(Plane::transpose(rows)) {
            word[(at + r) & 31] = row;
        }
    }
}

/// The state's words in reverse, as the cipher ends.
fn give(x: &[V; 4], at: usize, blocks: &mut [Block]) {
    for (r, four) in blocks.chunks_mut(4).enumerate() {
        let rows = Plane::transpose([3, 2, 1, 0].map(|j: usize| x[j][(at + r) & 31]));
        for (row, block) in rows.iter().zip(four) {
            for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(row.words()) {
                *bytes = word.to_be_bytes();
            }
        }
    }
}

/// 32 × 32 bits in each of the four columns of words; its own inverse.
#[inline(never)]
fn transpose(v: &mut V) {
    for i in 0..8 {
        four(
            v,
            [i, i + 8, i + 16, i + 24],
            (16, 0x0000_FFFF),
            (8, 0x00FF_00FF),
        );
    }
    for i in [0, 1, 8, 9, 16, 17, 24, 25] {
        four(
            v,
            [i, i + 2, i + 4, i + 6],
            (4, 0x0F0F_0F0F),
            (2, 0x3333_3333),
        );
    }
    for pair in v.as_chunks_mut::<2>().0 {
        let [a, b] = pair;
        swap(a, b, (1, 0x5555_5555));
    }
}

/// Two steps of the transposition on four planes, loaded once.
#[inline(always)]
fn four(v: &mut V, at: [usize; 4], far: (u32, u32), near: (u32, u32)) {
    let [mut a, mut b, mut c, mut d] = at.map(|i| v[i & 31]);
    swap(&mut a, &mut c, far);
    swap(&mut b, &mut d, far);
    swap(&mut a, &mut b, near);
    swap(&mut c, &mut d, near);
    for (i, plane) in at.into_iter().zip([a, b, c, d]) {
        v[i & 31] = plane;
    }
}

/// Exchanges the bits outside `mask` of `a` with those inside of `b`.
#[inline(always)]
fn swap(a: &mut Plane, b: &mut Plane, (distance, mask): (u32, u32)) {
    let changed = (a.right(distance) ^ *b) & Plane::splat(mask);
    *b ^= changed;
    *a ^= changed.left(distance);
}
