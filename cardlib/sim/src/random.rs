//! Where a card's random numbers come from: the operating system, a seed, or a list given by a test.

use std::collections::VecDeque;

use cardlib_card::gm::sm3;
use thiserror::Error;

/// The source ran dry: the operating system has none to give, or a test's list is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no random numbers can be had")]
pub struct NoRandom;

/// A source of random bytes.
pub enum Random {
    /// The operating system's.
    System,
    /// `SM3(seed ‖ purpose ‖ counter)`: the same after every start, for replays.
    Seeded {
        /// The seed.
        seed: u64,
        /// Blocks drawn so far.
        drawn: u64,
    },
    /// Exactly these bytes, in order.
    Scripted(VecDeque<u8>),
}

impl Random {
    /// The system's source, or the deterministic one of a seed.
    #[must_use]
    pub fn from_seed(seed: Option<u64>) -> Self {
        seed.map_or(Self::System, |seed| Self::Seeded { seed, drawn: 0 })
    }

    /// A list of challenges, drawn one after another.
    #[must_use]
    pub fn scripted(values: &[[u8; 8]]) -> Self {
        Self::Scripted(values.iter().flatten().copied().collect())
    }

    /// Fills a buffer.
    ///
    /// # Errors
    /// [`NoRandom`]; the buffer then holds nothing useful.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<(), NoRandom> {
        match self {
            Self::System => getrandom::fill(buffer).map_err(|_| NoRandom),
            Self::Seeded { seed, drawn } => {
                for piece in buffer.chunks_mut(sm3::DIGEST_LEN) {
                    let block = seeded_block(*seed, *drawn);
                    *drawn += 1;
                    piece.copy_from_slice(&block[..piece.len()]);
                }
                Ok(())
            }
            Self::Scripted(bytes) => {
                for byte in buffer {
                    *byte = bytes.pop_front().ok_or(NoRandom)?;
                }
                Ok(())
            }
        }
    }

    /// Draws an array.
    ///
    /// # Errors
    /// [`NoRandom`].
    pub fn draw<const N: usize>(&mut self) -> Result<[u8; N], NoRandom> {
        let mut bytes = [0u8; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

fn seeded_block(seed: u64, counter: u64) -> [u8; sm3::DIGEST_LEN] {
    let mut hash = sm3::Sm3::new();
    hash.update(b"rhc-sim-random");
    hash.update(&seed.to_be_bytes());
    hash.update(&counter.to_be_bytes());
    hash.finish()
}

/// The card factor or chip serial that belongs to a seed.
#[must_use]
pub fn factor_of_seed(seed: u64) -> [u8; 8] {
    let mut hash = sm3::Sm3::new();
    hash.update(b"rhc-sim-factor");
    hash.update(&seed.to_be_bytes());
    let digest = hash.finish();
    std::array::from_fn(|i| digest[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_differs_from_others() {
        let mut a = Random::from_seed(Some(7));
        let mut b = Random::from_seed(Some(7));
        let mut c = Random::from_seed(Some(8));
        let first: [u8; 40] = a.draw().unwrap();
        assert_eq!(first, b.draw::<40>().unwrap());
        assert_ne!(first, c.draw::<40>().unwrap());
        assert_ne!(first, a.draw::<40>().unwrap());
    }

    #[test]
    fn a_list_is_drawn_in_order_and_ends() {
        let mut list = Random::scripted(&[[1; 8], [2; 8]]);
        assert_eq!(list.draw::<8>(), Ok([1; 8]));
        assert_eq!(list.draw::<8>(), Ok([2; 8]));
        assert_eq!(list.draw::<8>(), Err(NoRandom));
    }
}
