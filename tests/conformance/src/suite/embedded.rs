//! The suites that come with the program, so that `rhc-conformance` is one file. A new case file gets a line here.

use super::Suites;
use super::load::{LoadError, Source, load};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../suites/", $name)))),*]
    };
}

/// Name and text of every file.
pub const FILES: &[(&str, &str)] = &files! {
    "setups.toml",
    "user-card/reset.toml",
    "user-card/files.toml",
    "user-card/elements.toml",
    "user-card/rights.toml",
    "user-card/keys.toml",
    "user-card/messaging.toml",
    "user-card/blocking.toml",
    "user-card/apdu.toml",
    "user-card/order.toml",
    "user-card/visits.toml",
    "user-card/tear.toml",
    "user-card/misc.toml",
    "sam/files.toml",
    "sam/pin.toml",
    "sam/keys.toml",
    "sam/cipher.toml",
    "sam/sign.toml",
    "sam/tear.toml",
    "sam/apdu.toml",
};

/// Loads them.
///
/// # Errors
/// [`LoadError`]; this crate's tests show that there is none.
pub fn suites() -> Result<Suites, LoadError> {
    let source = |(name, text): &(&str, &str)| Source {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    load(&FILES.iter().map(source).collect::<Vec<_>>())
}
