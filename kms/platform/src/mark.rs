//! TEST, DEMO and PRODUCTION never mix (D38).
//!
//! A store takes its mark at birth and keeps it until it is destroyed; packages, certificates and the audit
//! genesis carry it; each mark refuses the others.

use serde::{Deserialize, Serialize};

use crate::lang::Text;

/// What the keys and data of a store are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Public test keys (D31–D42): anybody can make such a card.
    Test,
    /// Random keys, simulators, synthetic persons.
    Demo,
    /// The real thing.
    Production,
}

/// Two marks met that must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkMismatch {
    pub ours: Mark,
    pub theirs: Mark,
}

impl std::fmt::Display for MarkMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ours, theirs) = (self.ours.label(), self.theirs.label());
        f.write_str(&crate::say!(
            "this store is {ours}, what came is {theirs}: they never mix",
            "本库标记为{ours}，来者为{theirs}，二者不得混用"
        ))
    }
}

impl std::error::Error for MarkMismatch {}

impl Mark {
    /// The word used in stores, files and command lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Mark::Test => "test",
            Mark::Demo => "demo",
            Mark::Production => "production",
        }
    }

    /// The word shown on screens and reports.
    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            Mark::Test => Text::new("TEST", "测试"),
            Mark::Demo => Text::new("DEMO", "演示"),
            Mark::Production => Text::new("PRODUCTION", "生产"),
        }
    }

    /// Refuses anything with another mark.
    pub fn admit(self, theirs: Mark) -> Result<(), MarkMismatch> {
        if self == theirs {
            Ok(())
        } else {
            Err(MarkMismatch { ours: self, theirs })
        }
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not one of the three words.
#[derive(Debug)]
pub struct UnknownMark(pub String);

impl std::fmt::Display for UnknownMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = &self.0;
        f.write_str(&crate::say!(
            "`{word}` is no mark: use test, demo or production",
            "`{word}` 不是有效标记：请用 test、demo 或 production"
        ))
    }
}

impl std::error::Error for UnknownMark {}

impl std::str::FromStr for Mark {
    type Err = UnknownMark;

    fn from_str(word: &str) -> Result<Self, UnknownMark> {
        match word {
            "test" => Ok(Mark::Test),
            "demo" => Ok(Mark::Demo),
            "production" => Ok(Mark::Production),
            other => Err(UnknownMark(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_refuses_the_two_others() {
        let all = [Mark::Test, Mark::Demo, Mark::Production];
        for ours in all {
            for theirs in all {
                assert_eq!(ours.admit(theirs).is_ok(), ours == theirs);
            }
            assert_eq!(ours.as_str().parse::<Mark>().unwrap(), ours);
        }
        assert!("TEST".parse::<Mark>().is_err());
    }
}
