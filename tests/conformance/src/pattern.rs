//! What an answer is compared with: bytes, any byte, any rest.

/// What an answer is compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    pub bytes: Vec<Option<u8>>,
    /// Further bytes may follow.
    pub open: bool,
}

impl Pattern {
    #[must_use]
    pub fn fits(&self, data: &[u8]) -> bool {
        let long_enough =
            data.len() == self.bytes.len() || self.open && data.len() > self.bytes.len();
        let pairs = self.bytes.iter().zip(data);
        long_enough
            && pairs
                .into_iter()
                .all(|(want, seen)| want.is_none_or(|want| want == *seen))
    }

    /// As text: `0B1E????*`.
    #[must_use]
    pub fn text(&self) -> String {
        let byte = |b: &Option<u8>| b.map_or_else(|| "??".to_owned(), |b| format!("{b:02X}"));
        let mut out: String = self.bytes.iter().map(byte).collect();
        if self.open {
            out.push('*');
        }
        out
    }
}
