//! The card profile: files, elements, access rights, keys, SAM types and assumed values as data.
//!
//! `profiles/rhc-2012.toml` is embedded; [`Profile::load`] reads another. Whatever [`Profile`] holds has been checked
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
mod validate;

use std::sync::LazyLock;

use serde::Deserialize;

pub use assumed::{Assumed, AssumedValues};
pub use atr::{AtrError, AtrFacts, AtrLayout, LifeCycle, LifeCycleBytes};
pub use error::ProfileError;
pub use factor::{FactorKind, FactorRule, FactorRules};
pub use lookup::KeyInstance;
pub use model::*;

const RHC_2012: &str = include_str!("../../profiles/rhc-2012.toml");

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
    #[allow(clippy::expect_used)] // the embedded text is checked by this crate's tests
    pub fn rhc_2012() -> &'static Self {
        static EMBEDDED: LazyLock<Profile> =
            LazyLock::new(|| Profile::load(RHC_2012).expect("the embedded profile is valid"));
        &EMBEDDED
    }

    /// An embedded profile by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        match name {
            "rhc-2012" => Some(Self::rhc_2012()),
            _ => None,
        }
    }

    /// Reads and checks a profile.
    ///
    /// # Errors
    /// [`ProfileError`] naming the item, its clause and, where it can be found, the line.
    pub fn load(text: &str) -> Result<Self, ProfileError> {
        let profile: Self =
            toml::from_str(text).map_err(|cause| ProfileError::shape(text, &cause))?;
        validate::check(&profile).map_err(|error| error.at_line_in(text))?;
        Ok(profile)
    }
}
