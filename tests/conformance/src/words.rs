//! Chinese or English, chosen by `RHC_LANG` (`zh` or `en`, default `en`).

use std::sync::OnceLock;

/// A language of texts and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Lang {
    En,
    Zh,
}

impl Lang {
    /// The one of two texts.
    #[must_use]
    pub fn say<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}

/// What the environment asks for.
#[must_use]
pub fn lang() -> Lang {
    static CHOSEN: OnceLock<Lang> = OnceLock::new();
    *CHOSEN.get_or_init(|| match std::env::var("RHC_LANG") {
        Ok(lang) if lang.starts_with("zh") => Lang::Zh,
        _ => Lang::En,
    })
}

/// The one of two texts in this process's language.
#[must_use]
pub fn say<'a>(en: &'a str, zh: &'a str) -> &'a str {
    lang().say(en, zh)
}
