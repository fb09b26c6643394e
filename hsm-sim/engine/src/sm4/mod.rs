//! SM4 (GM/T 0002) in lanes and in constant time: no address and no branch depends on a key or on data.
//!
//! Every implementation at hand computes the S-box instead of looking it up in memory: it is the inversion of AES
//! between two affine maps. Three *tiers* do so with what the processor has, found at run time:
//!
//! | tier | lanes at once | S-box |
//! |---|---|---|
//! | `avx512` | 64 | `GF2P8AFFINEQB`, `GF2P8AFFINEINVQB` (GFNI) |
//! | `aesni` | 16 | `AESENCLAST` between two maps by `PSHUFB` of registers |
//! | `portable` | 4 or 128 | a circuit of AND and XOR over bit planes (`sbox.rs`), in vectors that every processor has |
//!
//! All do the same three things (`kernels.rs`; the portable tier's 128 lanes stay in bit planes for all rounds, and so
//! have kernels of their own in `portable/wide.rs`): one key for many blocks; a key of its own for each block, expanded
//! on the way; and stored schedules of up to 128 keys, for chains that advance in step ([`Lanes`]). A single block costs
//! the latency of 32 rounds whatever the tier, so whoever has many chains should run them side by side.
//!
//! The crate `sm4` (tables) is the oracle of the tests. `unsafe` is in `x86/` only.

mod kernels;
mod lanes;
mod portable;
mod sbox;
#[cfg(test)]
mod tests;
mod traits;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use lanes::{LANES, Lanes};

use std::sync::atomic::{AtomicU8, Ordering};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// One block, or a key.
pub type Block = [u8; 16];

/// Round keys of one key.
pub(crate) type RoundKeys = [u32; 32];

/// An implementation, the fastest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Avx512,
    AesNi,
    Portable,
}

/// The tier in use: 0 not yet looked for, else its place in [`Tier::ALL`] + 1.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

impl Tier {
    pub const ALL: [Self; 3] = [Self::Avx512, Self::AesNi, Self::Portable];

    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::AesNi => "aesni",
            Self::Portable => "portable",
        }
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86::avx512::available(),
            #[cfg(target_arch = "x86_64")]
            Self::AesNi => x86::aesni::available(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::AesNi => false,
            Self::Portable => true,
        }
    }

    /// Itself where it is available: what `x86/` relies on.
    pub(crate) fn or_portable(self) -> Self {
        if self.available() {
            self
        } else {
            Self::Portable
        }
    }

    /// The tier that new keys use: the fastest here, unless [`Tier::choose`] named another.
    #[must_use]
    pub fn current() -> Self {
        if let Some(&tier) = usize::from(CHOSEN.load(Ordering::Relaxed))
            .checked_sub(1)
            .and_then(|at| Self::ALL.get(at))
        {
            return tier;
        }
        let best = Self::ALL.into_iter().find(|tier| tier.available());
        let best = best.unwrap_or(Self::Portable);
        best.choose();
        best
    }

    /// Lets new keys of this process use this tier, for measurements and tests; `false`: not to be had here.
    #[allow(clippy::cast_possible_truncation)]
    pub fn choose(self) -> bool {
        let available = self.available();
        if available {
            CHOSEN.store(self as u8 + 1, Ordering::Relaxed);
        }
        available
    }
}

/// A key, expanded. No `Debug`; wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Sm4 {
    round_keys: RoundKeys,
    #[zeroize(skip)]
    tier: Tier,
}

impl Sm4 {
    #[must_use]
    pub fn of(key: &Block) -> Self {
        Self::on(Tier::current(), key)
    }

    /// On a chosen tier; on the portable one if this processor has not got it.
    #[must_use]
    pub fn on(tier: Tier, key: &Block) -> Self {
        let tier = tier.or_portable();
        Self {
            round_keys: kernels::expand(tier, key),
            tier,
        }
    }

    /// Encrypts every block (ECB), in place.
    pub fn encrypt_each(&self, blocks: &mut [Block]) {
        kernels::shared(self.tier, &self.round_keys, blocks);
    }

    /// Decrypts every block, in place.
    pub fn decrypt_each(&self, blocks: &mut [Block]) {
        let mut reversed = self.round_keys;
        reversed.reverse();
        kernels::shared(self.tier, &reversed, blocks);
        reversed.zeroize();
    }

    #[must_use]
    pub fn encrypt(&self, block: &Block) -> Block {
        let mut blocks = [*block];
        self.encrypt_each(&mut blocks);
        blocks[0]
    }

    #[must_use]
    pub fn decrypt(&self, block: &Block) -> Block {
        let mut blocks = [*block];
        self.decrypt_each(&mut blocks);
        blocks[0]
    }
}

/// [`Sm4::encrypt_each`] of two keys, side by side where this fills the lanes better.
pub fn encrypt_two(keys: [&Sm4; 2], blocks: [&mut [Block]; 2]) {
    let [first, second] = keys;
    if first.tier == second.tier {
        let round_keys = [&first.round_keys, &second.round_keys];
        kernels::shared_two(first.tier, round_keys, blocks);
    } else {
        for (key, blocks) in keys.into_iter().zip(blocks) {
            key.encrypt_each(blocks);
        }
    }
}

/// `blocks[i] = E(keys[i], blocks[i])`: each block under a key of its own, which is expanded on the way.
///
/// # Panics
/// There are not as many keys as blocks.
pub fn encrypt_own(keys: &[Block], blocks: &mut [Block]) {
    encrypt_own_on(Tier::current(), keys, blocks);
}

/// [`encrypt_own`] on a chosen tier; on the portable one if this processor has not got it.
///
/// # Panics
/// There are not as many keys as blocks.
pub fn encrypt_own_on(tier: Tier, keys: &[Block], blocks: &mut [Block]) {
    assert_eq!(keys.len(), blocks.len(), "a key for each block");
    kernels::own(tier.or_portable(), keys, blocks);
}
