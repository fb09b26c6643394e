//! Chance from a seed, so that a run can be repeated and a maker cannot foresee it: `SM3(seed ‖ place ‖ counter)`.

use sm3::{Digest, Sm3};

/// A stream of bytes that follows from the run's seed and a place in it.
pub struct Chance {
    start: Sm3,
    drawn: u64,
    left: Vec<u8>,
}

impl Chance {
    /// The stream of one place (case, attempt) under a seed.
    #[must_use]
    pub fn of(seed: &str, place: &str) -> Self {
        let mut start = Sm3::new();
        start.update(b"rhc-conformance");
        start.update((seed.len() as u64).to_be_bytes());
        start.update(seed);
        start.update(place);
        Self {
            start,
            drawn: 0,
            left: Vec::new(),
        }
    }

    pub fn byte(&mut self) -> u8 {
        if self.left.is_empty() {
            let mut hash = self.start.clone();
            hash.update(self.drawn.to_be_bytes());
            self.drawn += 1;
            self.left = hash.finalize().to_vec();
        }
        self.left.pop().unwrap_or_default()
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    pub fn draw(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// A number below `end`; 0 for 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.draw() % end).unwrap_or(0)
    }

    /// One of a list that is not empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}
