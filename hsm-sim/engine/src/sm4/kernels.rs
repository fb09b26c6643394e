//! The three kernels, written once and compiled for each tier; and the way from a slice of any length into lanes.

use super::{Block, RoundKeys, Tier, portable};
use zeroize::Zeroize;

#[cfg(target_arch = "x86_64")]
use super::x86::{aesni, avx512};

/// System parameter FK.
pub(super) const FK: [u32; 4] = [0xA3B1_BAC6, 0x56AA_3350, 0x677D_9197, 0xB270_22DC];

/// Fixed parameters CK: byte j of CK[i] is (4i + j) · 7 mod 256.
pub(super) const CK: RoundKeys = {
    let mut ck = [0; 32];
    let mut i = 0;
    while i < 32 {
        let mut j = 0;
        while j < 4 {
            ck[i] = ck[i] << 8 | ((4 * i + j) * 7 % 256) as u32;
            j += 1;
        }
        i += 1;
    }
    ck
};

/// Emits the kernels into a module that has a vector type `V` of `W` words, and on it `splat`, `xor`, `xor3` (of
/// three), `t` (the round's T), `t_key` (the key schedule's T'), `load` (W blocks into four vectors of words,
/// big-endian), `save` (the way back), `load_words` and `save_words`. All loops have constant bounds and unroll.
macro_rules! kernels {
    ($($feature:literal)?) => {
        /// One round on the state's word `j`.
        #[inline]
        $(#[target_feature(enable = $feature)])?
        fn round(x: &mut [V; 4], j: usize, key: V) {
            let sum = xor3(x[(j + 1) & 3], x[(j + 2) & 3], xor(x[(j + 3) & 3], key));
            x[j] = xor(x[j], t(sum));
        }

        /// The next round key, in word `j` of the key's state.
        #[inline]
        $(#[target_feature(enable = $feature)])?
        fn next_key(k: &mut [V; 4], j: usize, constant: u32) -> V {
            let sum = xor3(k[(j + 1) & 3], k[(j + 2) & 3], xor(k[(j + 3) & 3], splat(constant)));
            k[j] = xor(k[j], t_key(sum));
            k[j]
        }

        #[inline]
        $(#[target_feature(enable = $feature)])?
        fn load_groups<const G: usize>(blocks: &[[Block; W]; G]) -> [[V; 4]; G] {
            let mut x = [[splat(0); 4]; G];
            for g in 0..G {
                x[g] = load(&blocks[g]);
            }
            x
        }

        /// One key for all blocks.
        $(#[target_feature(enable = $feature)])?
        pub(in crate::sm4) fn shared<const G: usize>(keys: &RoundKeys, blocks: &mut [[Block; W]; G]) {
            let mut x = load_groups(blocks);
            for quarter in keys.as_chunks::<4>().0 {
                for j in 0..4 {
                    let key = splat(quarter[j]);
                    for g in 0..G {
                        round(&mut x[g], j, key);
                    }
                }
            }
            for g in 0..G {
                save(x[g], &mut blocks[g]);
            }
        }

        /// A key for each block, expanded on the way.
        $(#[target_feature(enable = $feature)])?
        pub(in crate::sm4) fn own<const G: usize>(keys: &[[Block; W]; G], blocks: &mut [[Block; W]; G]) {
            let mut x = load_groups(blocks);
            let mut k = load_groups(keys);
            for g in 0..G {
                for j in 0..4 {
                    k[g][j] = xor(k[g][j], splat(FK[j]));
                }
            }
            for constants in CK.as_chunks::<4>().0 {
                for j in 0..4 {
                    for g in 0..G {
                        let key = next_key(&mut k[g], j, constants[j]);
                        round(&mut x[g], j, key);
                    }
                }
            }
            for g in 0..G {
                save(x[g], &mut blocks[g]);
            }
        }

        /// Expands a key for each lane; `schedule[round][lane]`, the lanes in this tier's own order.
        $(#[target_feature(enable = $feature)])?
        pub(in crate::sm4) fn expand_lanes(keys: &[Block; W], schedule: &mut [[u32; W]; 32]) {
            let mut k = load(keys);
            for j in 0..4 {
                k[j] = xor(k[j], splat(FK[j]));
            }
            for (constants, words) in CK.as_chunks::<4>().0.iter().zip(schedule.as_chunks_mut::<4>().0) {
                for j in 0..4 {
                    save_words(next_key(&mut k, j, constants[j]), &mut words[j]);
                }
            }
        }

        /// A stored schedule for each lane.
        $(#[target_feature(enable = $feature)])?
        pub(in crate::sm4) fn stored<const G: usize>(
            schedules: &[&[[u32; W]; 32]; G],
            blocks: &mut [[Block; W]; G],
        ) {
            let mut x = load_groups(blocks);
            for quarter in 0..8 {
                for j in 0..4 {
                    for g in 0..G {
                        round(&mut x[g], j, load_words(&schedules[g][4 * quarter + j]));
                    }
                }
            }
            for g in 0..G {
                save(x[g], &mut blocks[g]);
            }
        }
    };
}
pub(super) use kernels;

/// Calls a kernel of a tier. A tier other than the portable one is only ever named after it was found available.
macro_rules! on_tier {
    ($tier:expr, $module:ident => $call:expr) => {
        match $tier {
            #[cfg(target_arch = "x86_64")]
            Tier::Avx512 => {
                use avx512 as $module;
                $call
            }
            #[cfg(target_arch = "x86_64")]
            Tier::AesNi => {
                use aesni as $module;
                $call
            }
            #[cfg(not(target_arch = "x86_64"))]
            Tier::Avx512 | Tier::AesNi => {
                use portable as $module;
                $call
            }
            Tier::Portable => {
                use portable as $module;
                $call
            }
        }
    };
}
pub(super) use on_tier;

/// Round keys of one key.
pub(super) fn expand(tier: Tier, key: &Block) -> RoundKeys {
    let mut keys = on_tier!(tier, with => with::expand_one(key));
    let out = keys;
    keys.zeroize();
    out
}

/// Every block under one key.
pub(super) fn shared(tier: Tier, keys: &RoundKeys, blocks: &mut [Block]) {
    on_tier!(tier, with => with::shared_any(keys, blocks));
}

/// Two keys, each for its blocks. The vector tiers have lanes few enough to be filled by one.
pub(super) fn shared_two(tier: Tier, keys: [&RoundKeys; 2], blocks: [&mut [Block]; 2]) {
    if tier == Tier::Portable {
        portable::shared_two(keys, blocks);
    } else {
        for (keys, blocks) in keys.into_iter().zip(blocks) {
            shared(tier, keys, blocks);
        }
    }
}

/// Every block under its own key.
pub(super) fn own(tier: Tier, keys: &[Block], blocks: &mut [Block]) {
    on_tier!(tier, with => with::own_any(keys, blocks));
}

/// Emits the ways from slices of any length into the kernels: `WIDE` groups at a time while there are as many, then
/// one group, then a group filled up with zeros. `$run` wraps the call of a kernel.
macro_rules! slices {
    ($run:ident) => {
        pub(in crate::sm4) fn shared_any(keys: &RoundKeys, blocks: &mut [Block]) {
            let (groups, rest) = blocks.as_chunks_mut::<W>();
            let (wide, groups) = groups.as_chunks_mut::<WIDE>();
            for blocks in wide {
                $run!(shared::<WIDE>(keys, blocks));
            }
            for group in groups {
                $run!(shared::<1>(keys, std::array::from_mut(group)));
            }
            if !rest.is_empty() {
                let mut filled = [[[0; 16]; W]];
                filled[0][..rest.len()].copy_from_slice(rest);
                $run!(shared::<1>(keys, &mut filled));
                rest.copy_from_slice(&filled[0][..rest.len()]);
                filled.zeroize();
            }
        }

        pub(in crate::sm4) fn own_any(keys: &[Block], blocks: &mut [Block]) {
            let (key_groups, key_rest) = keys.as_chunks::<W>();
            let (groups, rest) = blocks.as_chunks_mut::<W>();
            let (wide_keys, key_groups) = key_groups.as_chunks::<WIDE>();
            let (wide, groups) = groups.as_chunks_mut::<WIDE>();
            for (keys, blocks) in wide_keys.iter().zip(wide) {
                $run!(own::<WIDE>(keys, blocks));
            }
            for (keys, blocks) in key_groups.iter().zip(groups) {
                $run!(own::<1>(
                    std::array::from_ref(keys),
                    std::array::from_mut(blocks)
                ));
            }
            if !rest.is_empty() {
                let (mut own_keys, mut filled) = ([[[0; 16]; W]], [[[0; 16]; W]]);
                own_keys[0][..rest.len()].copy_from_slice(key_rest);
                filled[0][..rest.len()].copy_from_slice(rest);
                $run!(own::<1>(&own_keys, &mut filled));
                rest.copy_from_slice(&filled[0][..rest.len()]);
                own_keys.zeroize();
                filled.zeroize();
            }
        }

        pub(in crate::sm4) fn expand_any(keys: &[Block; W], schedule: &mut [[u32; W]; 32]) {
            $run!(expand_lanes(keys, schedule));
        }

        pub(in crate::sm4) fn expand_one(key: &Block) -> RoundKeys {
            let mut schedule = [[0; W]; 32];
            // The same key in every lane, so that the lanes' order does not matter.
            let mut keys = [*key; W];
            expand_any(&keys, &mut schedule);
            let round_keys = schedule.map(|words| words[0]);
            keys.zeroize();
            schedule.zeroize();
            round_keys
        }

        /// Each block under its lane's stored schedule, `WIDE` groups at a time.
        pub(in crate::sm4) fn stored_any(schedules: &[[[u32; W]; 32]], blocks: &mut [Block]) {
            let (groups, rest) = blocks.as_chunks_mut::<W>();
            let (full, last) = schedules.split_at(groups.len());
            let (wide_keys, keys) = full.as_chunks::<WIDE>();
            let (wide, groups) = groups.as_chunks_mut::<WIDE>();
            for (keys, blocks) in wide_keys.iter().zip(wide) {
                $run!(stored::<WIDE>(&keys.each_ref(), blocks));
            }
            for (keys, blocks) in keys.iter().zip(groups) {
                $run!(stored::<1>(&[keys], std::array::from_mut(blocks)));
            }
            if let [keys, ..] = last
                && !rest.is_empty()
            {
                let mut filled = [[[0; 16]; W]];
                filled[0][..rest.len()].copy_from_slice(rest);
                $run!(stored::<1>(&[keys], &mut filled));
                rest.copy_from_slice(&filled[0][..rest.len()]);
                filled.zeroize();
            }
        }
    };
}
pub(super) use slices;
