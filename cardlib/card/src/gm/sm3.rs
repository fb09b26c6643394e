//! SM3 (GB/T 32905), 32-byte digests.

use ::sm3::Digest;

/// Bytes of one digest.
pub const DIGEST_LEN: usize = 32;

/// Digest of one buffer.
#[must_use]
pub fn digest(data: &[u8]) -> [u8; DIGEST_LEN] {
    ::sm3::Sm3::digest(data).into()
}

/// A digest fed in pieces.
#[derive(Clone, Default)]
pub struct Sm3(::sm3::Sm3);

impl Sm3 {
    /// An empty digest.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// Ends the digest.
    #[must_use]
    pub fn finish(self) -> [u8; DIGEST_LEN] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GB/T 32905 appendix A, both examples.
    #[test]
    fn standard_examples() {
        assert_eq!(
            hex::encode(digest(b"abc")),
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        );
        let mut pieces = Sm3::new();
        for _ in 0..16 {
            pieces.update(b"abcd");
        }
        assert_eq!(
            hex::encode(pieces.finish()),
            "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
        );
    }
}
