//! Chinese or English for everything a person reads, chosen by `RHC_LANG` (`zh` or `en`, default `en`).
//!
//! Two ways to say a thing: a [`Text`] where both languages are constant, and [`say!`](crate::say) where
//! values are woven in. Logs and code stay English.

/// The language of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    En,
    Zh,
}

/// Reads `RHC_LANG`; everything but a value beginning with `zh` is English.
#[must_use]
pub fn current() -> Lang {
    match std::env::var("RHC_LANG") {
        Ok(value) if value.to_ascii_lowercase().starts_with("zh") => Lang::Zh,
        _ => Lang::En,
    }
}

/// One constant message in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    pub en: &'static str,
    pub zh: &'static str,
}

impl Text {
    #[must_use]
    pub const fn new(en: &'static str, zh: &'static str) -> Self {
        Self { en, zh }
    }

    /// The text in the given language.
    #[must_use]
    pub const fn of(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }

    /// The text in the language of this process.
    #[must_use]
    pub fn get(self) -> &'static str {
        self.of(current())
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.get())
    }
}

/// Picks one of two constants in the language of this process.
#[must_use]
pub fn pick(en: &'static str, zh: &'static str) -> &'static str {
    Text::new(en, zh).get()
}

/// Formats one of two format strings: `say!("{n} cards", "{n} 张卡")`; values are captured by name.
#[macro_export]
macro_rules! say {
    ($en:literal, $zh:literal $(, $name:ident = $value:expr)* $(,)?) => {
        match $crate::lang::current() {
            $crate::lang::Lang::En => format!($en $(, $name = $value)*),
            $crate::lang::Lang::Zh => format!($zh $(, $name = $value)*),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_are_reachable() {
        let text = Text::new("lost", "挂失");
        assert_eq!(text.of(Lang::En), "lost");
        assert_eq!(text.of(Lang::Zh), "挂失");
    }

    #[test]
    fn values_are_woven_in_by_name() {
        let n = 3;
        let said = say!("{n} cards", "{n} 张卡");
        assert!(said.starts_with('3'));
    }
}
