//! The portable tier, in two forms over the same circuit: `narrow` takes a few blocks, `wide` 128 at once.

pub(super) mod narrow;
mod plane;
mod wide;

use plane::Plane;
/// Stored schedules of many keys are the wide form's.
pub(super) use wide::{W, expand_any, stored_any};

use super::{Block, RoundKeys};

/// Up to so many blocks go through `narrow` four by four; more fill a vector of `wide` well enough.
pub(super) const NARROW: usize = 16;

/// One key for all blocks.
pub(super) fn shared_any(keys: &RoundKeys, blocks: &mut [Block]) {
    for group in blocks.chunks_mut(W) {
        if group.len() > NARROW {
            wide::shared_any(keys, group);
        } else {
            narrow::shared_any(keys, group);
        }
    }
}

/// Two keys, each for its blocks: side by side, where neither fills more than half of the lanes.
pub(super) fn shared_two(keys: [&RoundKeys; 2], blocks: [&mut [Block]; 2]) {
    if blocks.iter().all(|b| b.len() > NARROW && b.len() <= W / 2) {
        wide::shared_two(keys, blocks);
    } else {
        for (keys, blocks) in keys.into_iter().zip(blocks) {
            shared_any(keys, blocks);
        }
    }
}

/// A key for each block.
pub(super) fn own_any(keys: &[Block], blocks: &mut [Block]) {
    for (keys, group) in keys.chunks(W).zip(blocks.chunks_mut(W)) {
        if group.len() > NARROW {
            wide::own_any(keys, group);
        } else {
            narrow::own_any(keys, group);
        }
    }
}

/// Round keys of one key.
pub(super) fn expand_one(key: &Block) -> RoundKeys {
    narrow::expand_one(key)
}
