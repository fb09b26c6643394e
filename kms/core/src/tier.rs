//! The three tiers and the factors that separate them (D3, D4).

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Eight bytes that diversify a key once (D2).
pub type Factor = [u8; 8];

/// Where a key service stands, with its area digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "TierRecord", try_from = "TierRecord")]
pub enum Tier {
    /// Holds the national roots.
    Ministry,
    /// Two area digits; holds national keys derived for it and its own provincial roots.
    Province(Area),
    /// Four area digits; holds what its province holds for cards (`rhc-2012`).
    Prefecture(Area),
}

/// Area digits, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area(String);

/// Why a tier cannot be named so.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TierError {
    /// Not one of the three words.
    #[error("`{0}` is no tier: use ministry, province or prefecture")]
    Name(String),
    /// Wrong number of digits for the tier.
    #[error("a {tier} has {digits} area digits, not `{given}`")]
    Area {
        /// The tier.
        tier: &'static str,
        /// Digits it has.
        digits: usize,
        /// What was given.
        given: String,
    },
}

#[derive(Serialize, Deserialize)]
struct TierRecord {
    tier: String,
    area: String,
}

impl Tier {
    /// A tier from its name and area digits (none for the ministry).
    ///
    /// # Errors
    /// [`TierError`] for another name, or digits that do not belong to the tier.
    pub fn new(name: &str, area: &str) -> Result<Self, TierError> {
        match name {
            "ministry" => Area::parse("ministry", area, 0).map(|_| Self::Ministry),
            "province" => Area::parse("province", area, 2).map(Self::Province),
            "prefecture" => Area::parse("prefecture", area, 4).map(Self::Prefecture),
            other => Err(TierError::Name(other.to_owned())),
        }
    }

    /// `ministry`, `province`, `prefecture`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ministry => "ministry",
            Self::Province(_) => "province",
            Self::Prefecture(_) => "prefecture",
        }
    }

    /// Area digits: none, two or four.
    #[must_use]
    pub fn area(&self) -> &str {
        match self {
            Self::Ministry => "",
            Self::Province(area) | Self::Prefecture(area) => &area.0,
        }
    }

    /// Area digits as an identity's name wants them: `00` for the ministry.
    #[must_use]
    pub fn identity_area(&self) -> &str {
        match self {
            Self::Ministry => "00",
            Self::Province(area) | Self::Prefecture(area) => &area.0,
        }
    }

    /// Two province digits of this tier, none for the ministry.
    #[must_use]
    pub fn province(&self) -> Option<&str> {
        self.area().get(..2)
    }

    /// The factor D3 of this tier's province.
    #[must_use]
    pub fn province_factor(&self) -> Option<Factor> {
        self.province().and_then(province_factor)
    }

    /// Whether `lower` receives its keys from here.
    #[must_use]
    pub fn is_directly_above(&self, lower: &Self) -> bool {
        match (self, lower) {
            (Self::Ministry, Self::Province(_)) => true,
            (Self::Province(province), Self::Prefecture(prefecture)) => {
                prefecture.0.starts_with(&province.0)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ministry => f.write_str("ministry"),
            _ => write!(f, "{} {}", self.name(), self.area()),
        }
    }
}

impl Area {
    fn parse(tier: &'static str, digits: &str, len: usize) -> Result<Self, TierError> {
        if digits.len() == len && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(digits.to_owned()))
        } else {
            let given = digits.to_owned();
            Err(TierError::Area {
                tier,
                digits: len,
                given,
            })
        }
    }
}

impl From<Tier> for TierRecord {
    fn from(tier: Tier) -> Self {
        Self {
            tier: tier.name().to_owned(),
            area: tier.area().to_owned(),
        }
    }
}

impl TryFrom<TierRecord> for Tier {
    type Error = TierError;

    fn try_from(record: TierRecord) -> Result<Self, TierError> {
        Self::new(&record.tier, &record.area)
    }
}

/// D3: two province digits in ASCII, then six times `30`. None for anything but two digits.
#[must_use]
pub fn province_factor(province: &str) -> Option<Factor> {
    match province.as_bytes() {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some([*a, *b, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn henan_has_the_factor_of_the_published_chain() {
        let tier = Tier::new("prefecture", "4101").unwrap();
        assert_eq!(
            tier.province_factor().map(hex::encode),
            Some("3431303030303030".to_owned())
        );
        assert_eq!(Tier::Ministry.province_factor(), None);
    }

    #[test]
    fn digits_must_belong_to_the_tier() {
        for (name, area) in [
            ("ministry", "41"),
            ("province", ""),
            ("province", "4101"),
            ("prefecture", "41"),
            ("province", "4x"),
        ] {
            assert!(
                matches!(Tier::new(name, area), Err(TierError::Area { .. })),
                "{name} {area}"
            );
        }
        assert_eq!(
            Tier::new("county", ""),
            Err(TierError::Name("county".into()))
        );
    }

    #[test]
    fn keys_flow_one_tier_down_and_not_sideways() {
        let tier = |name, area| Tier::new(name, area).unwrap();
        assert!(Tier::Ministry.is_directly_above(&tier("province", "41")));
        assert!(tier("province", "41").is_directly_above(&tier("prefecture", "4101")));
        assert!(!tier("province", "42").is_directly_above(&tier("prefecture", "4101")));
        assert!(!Tier::Ministry.is_directly_above(&tier("prefecture", "4101")));
        assert!(!tier("prefecture", "4101").is_directly_above(&tier("province", "41")));
    }
}
