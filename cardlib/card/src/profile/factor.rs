//! Diversification factors (D2–D5): which ones a key takes, and those that come from the area code.

use serde::Deserialize;

use super::model::HexBytes;

/// A step of key derivation, from the root downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactorKind {
    /// From the first two digits of 应用城市代码 (D3).
    Province,
    /// From its first four digits (D4, `rhc-three-level` only).
    Prefecture,
    /// Eight bytes of the card's ATR (D5).
    Card,
    /// The SAM's chip serial (D7, D40).
    Chip,
}

/// How a factor comes from an area code: leading digits as ASCII, then padding.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorRule {
    pub digits: usize,
    pub pad: HexBytes,
}

impl FactorRule {
    /// The factor of an area code; `None` when it has too few digits or others than 0–9.
    #[must_use]
    pub fn of_area(&self, area: &str) -> Option<[u8; 8]> {
        let digits = area.as_bytes().get(..self.digits)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        [digits, &self.pad].concat().try_into().ok()
    }
}

/// The table `[factors]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorRules {
    pub province: FactorRule,
    pub prefecture: FactorRule,
}

#[cfg(test)]
mod tests {
    use crate::profile::Profile;

    #[test]
    fn province_and_prefecture_factors_are_those_of_the_decisions() {
        let factors = &Profile::rhc_2012().factors;
        assert_eq!(
            factors.province.of_area("41"),
            Some(*b"41000000"),
            "D3: 3431303030303030"
        );
        assert_eq!(factors.province.of_area("410100"), Some(*b"41000000"));
        assert_eq!(
            factors.prefecture.of_area("410100"),
            Some(*b"41010000"),
            "D4"
        );
        assert_eq!(factors.prefecture.of_area("41"), None);
        assert_eq!(factors.province.of_area("4x"), None);
    }
}
