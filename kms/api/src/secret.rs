//! Text that must not be printed and does not stay in memory: a person's number, a PIN.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A string without `Debug` or `Display`, wiped when dropped.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over; the caller's copy is this one.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the moment it is needed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
