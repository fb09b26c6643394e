//! What is wrong with a profile: item, clause, line.

use std::fmt;

/// A profile that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileError {
    /// Name or path of the offending item, as written in the file.
    pub item: String,
    /// The rule or decision that it breaks; empty when the text is not a profile at all.
    pub clause: &'static str,
    pub what: String,
    /// Line in the text, counted from 1, when the item could be found.
    pub line: Option<usize>,
}

impl ProfileError {
    pub(super) fn new(item: &str, clause: &'static str, what: impl Into<String>) -> Self {
        Self {
            item: item.to_owned(),
            clause,
            what: what.into(),
            line: None,
        }
    }

    /// The text is not TOML, or a field is missing, unknown or of another type.
    pub(super) fn shape(text: &str, cause: &toml::de::Error) -> Self {
        let line = cause
            .span()
            .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        Self {
            item: "profile".into(),
            clause: "",
            what: cause.message().to_owned(),
            line,
        }
    }

    /// Looks the item up in the text, first where it is defined, then anywhere.
    pub(super) fn at_line_in(mut self, text: &str) -> Self {
        let definition = [
            format!("name = \"{}\"", self.item),
            format!("path = \"{}\"", self.item),
            format!("[{}]", self.item),
        ];
        let defines = |line: &str| definition.iter().any(|d| line.starts_with(d.as_str()));
        self.line = text
            .lines()
            .position(defines)
            .or_else(|| {
                text.lines()
                    .position(|line| line.contains(self.item.as_str()))
            })
            .map(|at| at + 1);
        self
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.item, self.what)?;
        if !self.clause.is_empty() {
            write!(f, " ({})", self.clause)?;
        }
        match self.line {
            Some(line) => write!(f, ", line {line}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ProfileError {}
