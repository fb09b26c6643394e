//! Keys of the card, and the service keys beside them.

use serde::Deserialize;

use crate::profile::factor::FactorKind;

/// Classes of table 10-2; also the kinds of right (R34).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyClass {
    Internal,
    Read,
    Update,
    Erase,
    Lock,
    Maintenance,
}

impl KeyClass {
    /// Whether EXTERNAL AUTHENTICATE takes keys of this class, and so whether they have an error counter.
    #[must_use]
    pub const fn authenticates(self) -> bool {
        matches!(self, Self::Read | Self::Update | Self::Erase | Self::Lock)
    }
}

/// Whose root a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The ministry's: any SAM of the country that has it opens any card.
    National,
    /// One province's.
    Provincial,
}

/// A key of the user card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub name: String,
    pub df: String,
    pub class: KeyClass,
    pub kid: u8,
    /// Number of versions, 0 upwards.
    pub groups: u8,
    pub scope: Scope,
    /// Derivation steps from the root downwards; their number is the SAM's level count.
    pub factors: Vec<FactorKind>,
    pub sam_usage: u8,
    pub sam_index: u8,
    /// Wrong authentications until a version blocks; 0 = no counter.
    pub error_limit: u8,
}

impl Key {
    /// Diversification levels from the key that a SAM holds to the card's.
    #[must_use]
    pub fn levels(&self) -> u8 {
        u8::try_from(self.factors.len()).unwrap_or(u8::MAX)
    }
}

/// A key beside the card's 21.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceKey {
    pub name: String,
    #[serde(rename = "use")]
    pub purpose: ServiceUse,
    pub scope: Scope,
    pub factors: Vec<FactorKind>,
    /// Key version in INITIALIZE UPDATE once this key is the base key of sessions.
    pub base_version: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceUse {
    SecurityCode,
    CardMaster,
    SamMaster,
}
