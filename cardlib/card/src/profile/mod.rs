//! The card profile: files, elements, access rights, keys, SAM types and assumed values as data.
//!
//! Those in `profiles/` are embedded ([`Profile::named`]); [`Profile::load`] reads another, which may say only what differs from
//! one of them. Whatever [`Profile`] holds has been checked
//! ([`validate`]), so that code may rely on it: every key that a file names exists, sizes add up, names are unique.
//!
//! | part | clause |
//! |---|---|
//! | [`model`] | shapes: directories, files, elements, keys, the SAM |
//! | [`assumed`] | values that no public source gives, each with its decision |
//! | [`atr`] | the two ATR layouts (D5, D6, D7) |
//! | [`factor`] | province and prefecture factors (D3, D4) |
//! | [`lookup`] | questions that others ask of the profile |
//! | [`codes`] | code dictionaries and their texts |

pub mod assumed;
pub mod atr;
pub mod codes;
mod error;
pub mod factor;
mod lookup;
pub mod model;
mod overlay;
mod validate;

use std::sync::OnceLock;

use serde::Deserialize;

pub use assumed::{Assumed, AssumedValues};
pub use atr::{AtrError, AtrFacts, AtrLayout, LifeCycle, LifeCycleBytes};
pub use error::ProfileError;
pub use factor::{FactorKind, FactorRule, FactorRules};
pub use lookup::KeyInstance;
pub use model::*;

/// The profiles that come with the program. A profile may name one of them as its base.
const EMBEDDED: [(&str, &str); 4] = [
    ("rhc-2012", include_str!("../../profiles/rhc-2012.toml")),
    (
        "rhc-2012-bank",
        include_str!("../../profiles/rhc-2012-bank.toml"),
    ),
    (
        "rhc-three-level",
        include_str!("../../profiles/rhc-three-level.toml"),
    ),
    ("rhc-aes", include_str!("../../profiles/rhc-aes.toml")),
];

fn embedded_text(name: &str) -> Option<&'static str> {
    EMBEDDED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// One card profile, complete and consistent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub title_zh: String,
    pub title_en: String,
    pub interface: String,
    pub totals: Totals,
    pub crypto: Crypto,
    pub atr: AtrLayout,
    pub life_cycle: LifeCycleBytes,
    pub factors: FactorRules,
    pub assumed: AssumedValues,
    pub certificates: Certificates,
    pub dialect: DialectCodes,
    #[serde(rename = "df")]
    pub dfs: Vec<Df>,
    #[serde(rename = "file")]
    pub files: Vec<File>,
    #[serde(rename = "layout", default)]
    pub layouts: Vec<Layout>,
    #[serde(rename = "key")]
    pub keys: Vec<Key>,
    #[serde(rename = "service_key")]
    pub service_keys: Vec<ServiceKey>,
    pub sam: Sam,
}

impl Profile {
    /// The embedded profile of the 2012 card.
    #[must_use]
    #[allow(clippy::expect_used)] // `named` knows the first entry of the table above
    pub fn rhc_2012() -> &'static Self {
        Self::named("rhc-2012").expect("an embedded profile")
    }

    /// An embedded profile by its name.
    #[must_use]
    #[allow(clippy::expect_used)] // the embedded texts are checked by this crate's tests
    pub fn named(name: &str) -> Option<&'static Self> {
        static LOADED: [OnceLock<Profile>; EMBEDDED.len()] =
            [const { OnceLock::new() }; EMBEDDED.len()];
        let at = EMBEDDED.iter().position(|(known, _)| *known == name)?;
        let load = || Profile::load(EMBEDDED[at].1).expect("the embedded profiles are valid");
        Some(LOADED[at].get_or_init(load))
    }

    /// The table of an embedded profile, with its base's items merged in: for checkers that change an item.
    #[must_use]
    pub fn table(name: &str) -> Option<toml::Table> {
        let mut table: toml::Table = toml::from_str(embedded_text(name)?).ok()?;
        match table.remove("base") {
            Some(base) => Some(overlay::merge(Self::table(base.as_str()?)?, table)),
            None => Some(table),
        }
    }

    /// A profile of which only the form is checked, so that it may contradict itself: for checkers that want to see what a
    /// card with a wrong item does.
    ///
    /// # Errors
    /// The table has not the form of a profile.
    pub fn unchecked(table: toml::Table) -> Result<Self, toml::de::Error> {
        table.try_into()
    }

    /// Whether the loader takes this profile.
    ///
    /// # Errors
    /// What it says.
    pub fn check(&self) -> Result<(), ProfileError> {
        validate::check(self)
    }

    /// Names of the embedded profiles.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// Reads and checks a profile: a whole one, or one that names an embedded `base` and says what differs from it.
    ///
    /// # Errors
    /// [`ProfileError`] naming the item, its clause and, where it can be found, the line.
    pub fn load(text: &str) -> Result<Self, ProfileError> {
        let mut table: toml::Table =
            toml::from_str(text).map_err(|cause| ProfileError::shape(text, &cause))?;
        let Some(base) = table.remove("base") else {
            let profile: Self =
                toml::from_str(text).map_err(|cause| ProfileError::shape(text, &cause))?;
            validate::check(&profile).map_err(|error| error.at_line_in(text))?;
            return Ok(profile);
        };
        let base_text = base.as_str().and_then(embedded_text);
        let base_text = base_text.ok_or_else(|| ProfileError::base(text, &base))?;
        let base: toml::Table =
            toml::from_str(base_text).map_err(|cause| ProfileError::shape(base_text, &cause))?;
        let merged = overlay::merge(base, table);
        let profile: Self = merged
            .try_into()
            .map_err(|cause| ProfileError::merged(text, base_text, &cause))?;
        validate::check(&profile).map_err(|error| error.at_line_in_either(text, base_text))?;
        Ok(profile)
    }
}
