//! What an answer must be: a status word or several, and data.

use crate::template::Template;

/// A status word with `?` for any digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPattern(String);

impl StatusPattern {
    fn parse(text: &str) -> Option<Self> {
        let right = text.len() == 4 && text.chars().all(|c| c == '?' || c.is_ascii_hexdigit());
        right.then(|| Self(text.to_ascii_uppercase()))
    }

    fn fits(&self, status: u16) -> bool {
        let seen = format!("{status:04X}");
        self.0
            .chars()
            .zip(seen.chars())
            .all(|(want, seen)| want == '?' || want == seen)
    }
}

/// What of the status word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusWish {
    Any,
    OneOf(Vec<StatusPattern>),
    Not(StatusPattern),
}

impl StatusWish {
    pub(super) fn parse(word: &str) -> Option<Self> {
        if word == "any" {
            return Some(Self::Any);
        }
        if let Some(not) = word.strip_prefix('!') {
            return StatusPattern::parse(not).map(Self::Not);
        }
        let all: Option<Vec<_>> = word.split('/').map(StatusPattern::parse).collect();
        all.map(Self::OneOf)
    }

    #[must_use]
    pub fn fits(&self, status: u16) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(all) => all.iter().any(|pattern| pattern.fits(status)),
            Self::Not(pattern) => !pattern.fits(status),
        }
    }
}

impl StatusWish {
    /// Whether `61 L` or `6C L` with exactly this L is what is wished.
    #[must_use]
    pub fn announces(&self, len: usize) -> bool {
        let Self::OneOf(all) = self else {
            return false;
        };
        // 00 announces 256 bytes.
        let le = len.to_le_bytes()[0];
        let told = [format!("61{le:02X}"), format!("6C{le:02X}")];
        (1..=256).contains(&len) && all.iter().any(|pattern| told.contains(&pattern.0))
    }
}

/// What of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataWish {
    Any,
    Like(Template),
    Check {
        name: String,
        words: Vec<String>,
        content: Option<Template>,
    },
}
