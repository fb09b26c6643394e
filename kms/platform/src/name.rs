//! Who somebody is: `rhc://<area>/<role>/<name>`, the URI name in a certificate.
//!
//! An area is `0` (the country, the ministry), two digits (a province, `41`) or four (a prefecture, `4101`): the
//! leading digits of GB/T 2260. An area contains every area that begins with it, and `0` contains all.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that cannot be one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("`{0}` is no area: 0, two digits (province) or four digits (prefecture)")]
    Area(String),
    #[error("`{0}` is no role: ca, kms, registry, station, hospital, clerk, officer or operator")]
    Role(String),
    #[error("`{0}` is no name: 1 to 64 letters, digits, `.`, `_` or `-`")]
    Name(String),
    #[error("`{0}` is not of the form rhc://<area>/<role>/<name>")]
    Form(String),
}

/// The country, a province or a prefecture.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Area(String);

impl Area {
    /// The whole country: the ministry's area.
    #[must_use]
    pub fn country() -> Self {
        Self("0".into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` lies within this area (an area lies within itself).
    #[must_use]
    pub fn contains(&self, other: &Area) -> bool {
        self.0 == "0" || other.0.starts_with(&self.0)
    }

    /// Whether a GB/T 2260 code of two to six digits lies within this area.
    #[must_use]
    pub fn contains_code(&self, code: &str) -> bool {
        let digits = (2..=6).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
        digits && (self.0 == "0" || code.starts_with(&self.0))
    }

    /// The two digits of the province, `None` for the country.
    #[must_use]
    pub fn province(&self) -> Option<&str> {
        self.0.get(..2)
    }
}

impl FromStr for Area {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let known =
            text == "0" || (digits && matches!(text.len(), 2 | 4) && !text.starts_with('0'));
        if known {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Area(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Area {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Area> for String {
    fn from(area: Area) -> Self {
        area.0
    }
}

impl std::fmt::Display for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a party may be. `Ca` signs certificates and never speaks TLS itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Ca,
    Kms,
    Registry,
    Station,
    Hospital,
    Clerk,
    Officer,
    Operator,
}

impl Role {
    pub const ALL: [Role; 8] = [
        Role::Ca,
        Role::Kms,
        Role::Registry,
        Role::Station,
        Role::Hospital,
        Role::Clerk,
        Role::Officer,
        Role::Operator,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Ca => "ca",
            Role::Kms => "kms",
            Role::Registry => "registry",
            Role::Station => "station",
            Role::Hospital => "hospital",
            Role::Clerk => "clerk",
            Role::Officer => "officer",
            Role::Operator => "operator",
        }
    }

    /// Whether this role answers requests, so that its certificate carries host names.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self, Role::Kms | Role::Registry)
    }
}

impl FromStr for Role {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| NameError::Role(text.to_owned()))
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A party: of the verified client certificate inside a handler, or oneself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Peer {
    pub area: Area,
    pub role: Role,
    pub name: String,
}

impl Peer {
    /// Checks the parts and puts them together.
    pub fn new(area: Area, role: Role, name: &str) -> Result<Self, NameError> {
        let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(letter) {
            return Err(NameError::Name(name.to_owned()));
        }
        Ok(Self {
            area,
            role,
            name: name.to_owned(),
        })
    }
}

impl FromStr for Peer {
    type Err = NameError;

    fn from_str(uri: &str) -> Result<Self, NameError> {
        let form = || NameError::Form(uri.to_owned());
        let rest = uri.strip_prefix("rhc://").ok_or_else(form)?;
        let mut parts = rest.split('/');
        let (Some(area), Some(role), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form());
        };
        Peer::new(area.parse()?, role.parse()?, name)
    }
}

impl TryFrom<String> for Peer {
    type Error = NameError;

    fn try_from(uri: String) -> Result<Self, NameError> {
        uri.parse()
    }
}

impl From<Peer> for String {
    fn from(peer: Peer) -> Self {
        peer.to_string()
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rhc://{}/{}/{}", self.area, self.role, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(text: &str) -> Area {
        text.parse().unwrap()
    }

    #[test]
    fn areas_nest_by_their_digits() {
        assert!(area("0").contains(&area("4101")));
        assert!(area("41").contains(&area("4101")));
        assert!(area("4101").contains(&area("4101")));
        assert!(!area("4101").contains(&area("41")));
        assert!(!area("41").contains(&area("4201")));
        assert!(!area("41").contains(&area("0")));
        assert!(area("4101").contains_code("410102"));
        assert!(!area("4101").contains_code("4201"));
        assert!(!area("0").contains_code("41x"));
    }

    #[test]
    fn only_three_shapes_of_area_exist() {
        for bad in ["", "00", "4", "04", "410", "41010", "410101", "4a", "４１"] {
            assert!(bad.parse::<Area>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_reads_back_as_written() {
        let uri = "rhc://4101/station/st-1";
        assert_eq!(uri.parse::<Peer>().unwrap().to_string(), uri);
    }

    #[test]
    fn crooked_names_are_refused() {
        for bad in [
            "https://41/kms/a",
            "rhc://41/kms",
            "rhc://41/kms/a/b",
            "rhc://41/king/a",
            "rhc://41/kms/",
            "rhc://41/kms/a b",
            "rhc:///kms/a",
            "RHC://41/kms/a",
        ] {
            assert!(bad.parse::<Peer>().is_err(), "{bad}");
        }
    }
}
