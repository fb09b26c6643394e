//! Stored schedules of many keys, for chains that advance in step (CBC and CMAC of a batch of sessions).

use super::kernels::on_tier;
use super::portable::{self, narrow};
use super::{Block, Tier};
use zeroize::{Zeroize, ZeroizeOnDrop};

#[cfg(target_arch = "x86_64")]
use super::x86::{aesni, avx512};

/// Most keys of one [`Lanes`].
pub const LANES: usize = 128;

/// Calls functions of a tier; of the portable one's narrow form for a few keys.
macro_rules! on_form {
    ($lanes:expr, $module:ident => $call:expr) => {
        if $lanes.tier == Tier::Portable && $lanes.keys <= portable::NARROW {
            use narrow as $module;
            $call
        } else {
            on_tier!($lanes.tier, $module => $call)
        }
    };
}

/// Up to [`LANES`] keys, expanded. No `Debug`; wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Lanes {
    /// Group after group: 32 rounds of the group's words. The tier decides how large a group is.
    words: Vec<u32>,
    keys: usize,
    #[zeroize(skip)]
    tier: Tier,
}

impl Lanes {
    /// Expands the keys. A key beyond the first [`LANES`] is an error of the caller's.
    ///
    /// # Panics
    /// There are more than [`LANES`] keys.
    #[must_use]
    pub fn of(keys: &[Block]) -> Self {
        Self::on(Tier::current(), keys)
    }

    /// On a chosen tier; on the portable one if this processor has not got it.
    ///
    /// # Panics
    /// There are more than [`LANES`] keys.
    #[must_use]
    pub fn on(tier: Tier, keys: &[Block]) -> Self {
        assert!(keys.len() <= LANES, "at most 128 lanes");
        let tier = tier.or_portable();
        let mut lanes = Self {
            words: Vec::new(),
            keys: keys.len(),
            tier,
        };
        on_form!(lanes, with => {
            const W: usize = with::W;
            let groups = keys.len().div_ceil(W);
            lanes.words = vec![0; groups * W * 32];
            let (schedules, _) = lanes.words.as_chunks_mut::<W>().0.as_chunks_mut::<32>();
            for (schedule, keys) in schedules.iter_mut().zip(keys.chunks(W)) {
                let mut filled = [[0; 16]; W];
                filled[..keys.len()].copy_from_slice(keys);
                with::expand_any(&filled, schedule);
                filled.zeroize();
            }
        });
        lanes
    }

    /// `blocks[i] = E(keys[i], blocks[i])` for the first `blocks.len()` keys.
    ///
    /// # Panics
    /// There are more blocks than keys.
    pub fn encrypt(&self, blocks: &mut [Block]) {
        assert!(blocks.len() <= self.keys, "a key for each block");
        on_form!(self, with => {
            const W: usize = with::W;
            let (schedules, _) = self.words.as_chunks::<W>().0.as_chunks::<32>();
            with::stored_any(schedules, blocks);
        });
    }
}
