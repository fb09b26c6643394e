//! Chinese or English for people, chosen by `RHC_LANG` (`zh` or `en`, default `en`).

/// The one of two texts that this process speaks.
pub fn say<'a>(en: &'a str, zh: &'a str) -> &'a str {
    if is_chinese() { zh } else { en }
}

/// Whether this process speaks Chinese.
pub fn is_chinese() -> bool {
    std::env::var("RHC_LANG").is_ok_and(|lang| lang.starts_with("zh"))
}
