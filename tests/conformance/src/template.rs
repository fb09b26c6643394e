//! Bytes with symbolic parts, as steps and expectations write them: `04DC0104{lc}{cipher STK_DF01: 220120}{mac STK_DF01}`.
//!
//! Hexadecimal digits (blanks between bytes are free), `??` for any byte and `*` for any rest (expectations only), and calls
//! `{name word word: content}`, whose content is a template again. What calls mean is said by whoever evaluates
//! ([`Symbols`]); `{lc}` is the number of bytes that follow it, up to 255.

use thiserror::Error;

pub use crate::pattern::Pattern;

/// Deepest nesting of calls: case files come from strangers.
const MAX_DEPTH: usize = 8;
/// Most bytes that a template may become: a short command has 261, a visit file 3,267.
const MAX_BYTES: usize = 8192;

/// Why a text is no template, or has no value here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    #[error("'{0}' is not hexadecimal, ??, * or a call in braces")]
    Digits(String),
    #[error("a brace is not closed, or closed twice, in '{0}'")]
    Braces(String),
    #[error("calls are nested deeper than {MAX_DEPTH}")]
    Depth,
    #[error("a template of more than {MAX_BYTES} bytes")]
    TooLong,
    #[error("?? and * stand in expectations only")]
    Wildcard,
    #[error("{0}")]
    Call(String),
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    pub words: Vec<String>,
    pub content: Option<Template>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Bytes(Vec<u8>),
    Any,
    Rest,
    Call(Call),
}

/// A parsed template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// Says what calls mean.
pub trait Symbols {
    /// The bytes of a call; `so_far` is what stands before it, `content` its own content.
    ///
    /// # Errors
    /// [`TemplateError::Call`] with a text for the case's author.
    fn value(&self, call: &Call, so_far: &[u8], content: &[u8]) -> Result<Vec<u8>, TemplateError>;
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::parse_at(text, 0)
    }

    fn parse_at(text: &str, depth: usize) -> Result<Self, TemplateError> {
        if depth > MAX_DEPTH {
            return Err(TemplateError::Depth);
        }
        let mut parts = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let taken = match first {
                '{' => {
                    let inner =
                        braced(rest).ok_or_else(|| TemplateError::Braces(text.to_owned()))?;
                    parts.push(Part::Call(parse_call(inner, depth)?));
                    inner.len() + 2
                }
                '*' => {
                    parts.push(Part::Rest);
                    1
                }
                '?' if rest.starts_with("??") => {
                    parts.push(Part::Any);
                    2
                }
                _ => {
                    let two = rest
                        .get(..2)
                        .ok_or_else(|| TemplateError::Digits(rest.to_owned()))?;
                    let byte = u8::from_str_radix(two, 16)
                        .ok()
                        .filter(|_| !two.starts_with('+'));
                    let byte = byte.ok_or_else(|| TemplateError::Digits(two.to_owned()))?;
                    match parts.last_mut() {
                        Some(Part::Bytes(bytes)) => bytes.push(byte),
                        _ => parts.push(Part::Bytes(vec![byte])),
                    }
                    2
                }
            };
            rest = rest[taken..].trim_start();
        }
        Ok(Self { parts })
    }

    /// All calls, inner ones too, for the check of a case when it is loaded.
    pub fn calls(&self) -> Vec<&Call> {
        let mut found = Vec::new();
        for part in &self.parts {
            if let Part::Call(call) = part {
                found.push(call);
                found.extend(call.content.iter().flat_map(Self::calls));
            }
        }
        found
    }

    /// The bytes to send.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn bytes(&self, symbols: &dyn Symbols) -> Result<Vec<u8>, TemplateError> {
        let pattern = self.pattern(symbols)?;
        let all: Option<Vec<u8>> = pattern.bytes.into_iter().collect();
        all.filter(|_| !pattern.open).ok_or(TemplateError::Wildcard)
    }

    /// What to compare an answer with.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn pattern(&self, symbols: &dyn Symbols) -> Result<Pattern, TemplateError> {
        // Once for the lengths, once with {lc} right: no length depends on its value.
        let lengths = self.pass(symbols, &[])?;
        let total = lengths.pattern.bytes.len();
        let following: Vec<u8> = lengths
            .lc_places
            .iter()
            .map(|place| u8::try_from(total - place - 1).unwrap_or(u8::MAX))
            .collect();
        Ok(if following.is_empty() {
            lengths
        } else {
            self.pass(symbols, &following)?
        }
        .pattern)
    }

    fn pass(&self, symbols: &dyn Symbols, lcs: &[u8]) -> Result<Pass, TemplateError> {
        let mut pass = Pass {
            pattern: Pattern::default(),
            lc_places: Vec::new(),
        };
        for part in &self.parts {
            let out = &mut pass.pattern;
            match part {
                Part::Bytes(bytes) => out.bytes.extend(bytes.iter().map(|b| Some(*b))),
                Part::Any => out.bytes.push(None),
                Part::Rest => out.open = true,
                Part::Call(call) if call.name == "lc" => {
                    let at = pass.lc_places.len();
                    pass.lc_places.push(out.bytes.len());
                    out.bytes.push(Some(lcs.get(at).copied().unwrap_or(0)));
                }
                Part::Call(call) => {
                    let so_far: Vec<u8> = out.bytes.iter().map(|b| b.unwrap_or(0)).collect();
                    let content = match &call.content {
                        Some(content) => content.bytes(symbols)?,
                        None => Vec::new(),
                    };
                    let value = symbols.value(call, &so_far, &content)?;
                    out.bytes.extend(value.into_iter().map(Some));
                }
            }
            if pass.pattern.bytes.len() > MAX_BYTES {
                return Err(TemplateError::TooLong);
            }
        }
        Ok(pass)
    }
}

struct Pass {
    pattern: Pattern,
    lc_places: Vec<usize>,
}

/// What stands between the brace at the start and the one that closes it.
fn braced(text: &str) -> Option<&str> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return text.get(1..at);
                }
            }
            _ => {}
        }
    }
    None
}

fn parse_call(inner: &str, depth: usize) -> Result<Call, TemplateError> {
    let colon = inner.find(':').filter(|at| !inner[..*at].contains('{'));
    let (head, content) = match colon {
        Some(at) => (
            &inner[..at],
            Some(Template::parse_at(&inner[at + 1..], depth + 1)?),
        ),
        None => (inner, None),
    };
    let mut words = head.split_whitespace().map(str::to_owned);
    let name = words
        .next()
        .ok_or_else(|| TemplateError::Call("an empty call {}".into()))?;
    Ok(Call {
        name,
        words: words.collect(),
        content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{two}` is 2 bytes, `{sum}` the sum of what stands before, `{turn: …}` its content backwards.
    struct Sample;
    impl Symbols for Sample {
        fn value(
            &self,
            call: &Call,
            so_far: &[u8],
            content: &[u8],
        ) -> Result<Vec<u8>, TemplateError> {
            match call.name.as_str() {
                "two" => Ok(vec![0xAA, 0xBB]),
                "sum" => Ok(vec![
                    so_far.iter().fold(0, |sum: u8, b| sum.wrapping_add(*b)),
                ]),
                "turn" => Ok(content.iter().rev().copied().collect()),
                other => Err(TemplateError::Call(other.to_owned())),
            }
        }
    }

    fn bytes(text: &str) -> Result<String, TemplateError> {
        Template::parse(text)?.bytes(&Sample).map(hex::encode_upper)
    }

    #[test]
    fn literals_calls_and_lengths() {
        assert_eq!(bytes("00 A4 0000").unwrap(), "00A40000");
        assert_eq!(bytes("01{lc}{two}03").unwrap(), "0103AABB03");
        assert_eq!(
            bytes("01{lc}{turn: 01 {two}}{sum}").unwrap(),
            "0104BBAA016B"
        );
        assert_eq!(bytes("").unwrap(), "");
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in ["0", "0G", "{two", "two}", "{}", "+1", "é0", "{no}"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(bytes("??"), Err(TemplateError::Wildcard));
        let deep = "{turn:".repeat(20) + &"}".repeat(20);
        assert_eq!(bytes(&deep), Err(TemplateError::Depth));
    }

    #[test]
    fn patterns_take_any_byte_and_any_rest() {
        let pattern = Template::parse("01??{two}*")
            .unwrap()
            .pattern(&Sample)
            .unwrap();
        assert_eq!(pattern.text(), "01??AABB*");
        assert!(pattern.fits(&[1, 9, 0xAA, 0xBB]));
        assert!(pattern.fits(&[1, 9, 0xAA, 0xBB, 7]));
        assert!(!pattern.fits(&[1, 9, 0xAA]));
        assert!(!pattern.fits(&[2, 9, 0xAA, 0xBB]));
    }
}
