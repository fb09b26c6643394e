//! Shapes of the profile's tables; field names are those of the TOML file.

mod crypto;
mod dialect;
mod file;
mod key;
mod layout;
mod sam;

use std::fmt;
use std::ops::Deref;

use serde::Deserialize;

pub use super::factor::FactorKind;
pub use crate::element::ElementType;
pub use crypto::*;
pub use dialect::*;
pub use file::*;
pub use key::*;
pub use layout::*;
pub use sam::*;

/// Bytes written as a hexadecimal string.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HexBytes(pub Vec<u8>);

impl TryFrom<String> for HexBytes {
    type Error = hex::FromHexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        hex::decode(text).map(Self)
    }
}

impl Deref for HexBytes {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(&self.0))
    }
}

/// A path's directory: `DDF1` of `DDF1/EF05`.
fn directory(path: &str) -> &str {
    path.split_once('/').map_or("", |(directory, _)| directory)
}
