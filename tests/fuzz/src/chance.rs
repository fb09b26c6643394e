//! Repeatable chance (SplitMix64), and bytes near given ones.

/// A stream of numbers that follows from seed and round.
pub struct Chance(u64);

impl Chance {
    /// The stream of one round.
    #[must_use]
    pub fn of_round(seed: u64, round: u64) -> Self {
        let mut chance = Self(seed ^ round.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        chance.draw();
        chance
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end` (which is not 0).
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() % end as u64).unwrap_or(0)
    }

    pub fn byte(&mut self) -> u8 {
        self.draw().to_le_bytes()[0]
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// A few changes: bits, bytes, cuts, repetitions, insertions.
    pub fn near(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let len = bytes.len();
            match self.below(6) {
                _ if len == 0 => bytes.push(self.byte()),
                0 => {
                    let at = self.below(len);
                    bytes[at] ^= 1 << self.below(8);
                }
                1 => {
                    let at = self.below(len);
                    bytes[at] = *self.pick(&[0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF]);
                }
                2 => bytes.truncate(self.below(len + 1)),
                3 => {
                    let (from, to) = (self.below(len), self.below(len));
                    let piece: Vec<u8> = bytes[from.min(to)..from.max(to)].to_vec();
                    let at = self.below(len);
                    bytes.splice(at..at, piece);
                }
                4 => {
                    let (at, count) = (self.below(len + 1), self.below(9));
                    let piece = self.bytes(count);
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let (from, to) = (self.below(len), self.below(len));
                    bytes.drain(from.min(to)..from.max(to));
                }
            }
        }
    }
}
