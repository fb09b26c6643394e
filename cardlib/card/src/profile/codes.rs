//! Code dictionaries (user card §2.7): what a code on a card means, in Chinese and English.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

const CODES: &str = include_str!("../../profiles/codes.toml");

/// One code's texts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CodeText {
    pub zh: String,
    pub en: String,
}

/// Codes of one dictionary by their value as written in an element (leading zeros as on the card).
pub type Dictionary = BTreeMap<String, CodeText>;

/// The dictionary of this name, such as `sex`.
#[must_use]
#[allow(clippy::expect_used)] // the embedded text is checked by this crate's tests
pub fn dictionary(name: &str) -> Option<&'static Dictionary> {
    static ALL: LazyLock<BTreeMap<String, Dictionary>> =
        LazyLock::new(|| toml::from_str(CODES).expect("the embedded dictionaries are valid"));
    ALL.get(name)
}

/// The texts of a code.
#[must_use]
pub fn text(name: &str, code: &str) -> Option<&'static CodeText> {
    dictionary(name)?.get(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_have_both_texts() {
        assert_eq!(text("sex", "1").map(|t| t.zh.as_str()), Some("男"));
        assert_eq!(text("abo", "3").map(|t| t.en.as_str()), Some("O"));
        assert_eq!(
            text("ethnic", "05").map(|t| t.zh.as_str()),
            Some("维吾尔族")
        );
        assert_eq!(dictionary("ethnic").map(Dictionary::len), Some(56));
        assert!(text("sex", "3").is_none() && dictionary("nothing").is_none());
    }
}
