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
        self.line = line_of(text, &self.item);
        self
    }
}

/// Line, from 1, where an item is defined: by its whole name or path, or step by step (`EE/diagnoses/name`).
pub(super) fn line_of(text: &str, item: &str) -> Option<usize> {
    let whole = definition(text, item, 0);
    let steps = || {
        item.split('/')
            .try_fold(0, |from, step| definition(text, step, from))
    };
    let anywhere = || text.lines().position(|line| line.contains(item));
    whole.or_else(steps).or_else(anywhere).map(|at| at + 1)
}

/// Index of the first line from `from` on that gives something this name, path, id or number, or opens this table.
fn definition(text: &str, item: &str, from: usize) -> Option<usize> {
    let starts = [
        format!("name = \"{item}\""),
        format!("path = \"{item}\""),
        format!("id = \"{item}\""),
        format!("[{item}]"),
    ];
    let inline = format!(" id = \"{item}\",");
    let defines =
        |line: &str| starts.iter().any(|s| line.starts_with(s.as_str())) || line.contains(&inline);
    text.lines()
        .skip(from)
        .position(defines)
        .map(|at| from + at)
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
