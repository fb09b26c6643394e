//! Chinese or English for people, chosen by `RHC_LANG` (`zh` or `en`, default `en`).

use std::io::{IsTerminal, Write};
use std::sync::LazyLock;

/// The one of two texts that this process speaks.
pub fn say<'a>(en: &'a str, zh: &'a str) -> &'a str {
    if is_chinese() { zh } else { en }
}

/// Whether this process speaks Chinese.
pub fn is_chinese() -> bool {
    std::env::var("RHC_LANG").is_ok_and(|lang| lang.starts_with("zh"))
}

/// One line to standard output; whoever stopped listening is not told.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Colours of a terminal, where standard output is one and nobody asked for none (`NO_COLOR`).
#[derive(Clone, Copy)]
pub enum Colour {
    Good,
    Bad,
    Dim,
}

/// A text in a colour.
pub fn paint(text: &str, colour: Colour) -> String {
    static ON: LazyLock<bool> =
        LazyLock::new(|| std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    if !*ON {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Good => "32",
        Colour::Bad => "31",
        Colour::Dim => "2",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
