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
    /// Whether that line is one of the base, because the text itself does not mention the item.
    pub in_base: bool,
}

impl ProfileError {
    pub(super) fn new(item: &str, clause: &'static str, what: impl Into<String>) -> Self {
        Self {
            item: item.to_owned(),
            clause,
            what: what.into(),
            line: None,
            in_base: false,
        }
    }

    /// The text is not TOML, or a field is missing, unknown or of another type.
    pub(super) fn shape(text: &str, cause: &toml::de::Error) -> Self {
        let line = cause
            .span()
            .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let table = line.and_then(|line| table_around(text, line));
        Self {
            item: table.unwrap_or("profile").to_owned(),
            clause: table.map_or("", clause_of),
            what: cause.message().to_owned(),
            line,
            in_base: false,
        }
    }

    /// The base is none that the program has.
    pub(super) fn base(text: &str, base: &toml::Value) -> Self {
        Self {
            line: text
                .lines()
                .position(|line| line.starts_with("base"))
                .map(|at| at + 1),
            ..Self::new("base", "D4", format!("there is no profile {base}"))
        }
    }

    /// Overlay and base together have a field that is missing, unknown or of another type.
    pub(super) fn merged(text: &str, base: &str, cause: &toml::de::Error) -> Self {
        // A value without text carries its path in the message: "in `crypto.cipher`".
        let shown = cause.to_string();
        let path = shown
            .rsplit_once("in `")
            .and_then(|(_, path)| path.split_once('`'))
            .map_or("", |(path, _)| path);
        let table = path.split('.').next().filter(|table| !table.is_empty());
        let key = path.rsplit('.').next().unwrap_or_default();
        let quoted = cause.message().split('`').nth(1).unwrap_or_default();
        let line = |text: &str| {
            [quoted, key].iter().find_map(|word| {
                let starts = |line: &str| line.trim_start().starts_with(word);
                let named = |line: &str| !word.is_empty() && starts(line);
                text.lines().position(named).map(|at| at + 1)
            })
        };
        let here = line(text);
        Self {
            item: table.unwrap_or("profile").to_owned(),
            clause: table.map_or("", clause_of),
            what: cause.message().to_owned(),
            line: here.or_else(|| line(base)),
            in_base: here.is_none(),
        }
    }

    /// Looks the item up in the text, first where it is defined, then anywhere.
    pub(super) fn at_line_in(mut self, text: &str) -> Self {
        self.line = line_of(text, &self.item);
        self
    }

    /// The same in a text and the base that it changes.
    pub(super) fn at_line_in_either(self, text: &str, base: &str) -> Self {
        let found = self.at_line_in(text);
        if found.line.is_some() {
            return found;
        }
        Self {
            in_base: true,
            ..found.at_line_in(base)
        }
    }
}

/// Top-level table that a line stands in.
fn table_around(text: &str, line: usize) -> Option<&str> {
    let before: Vec<&str> = text.lines().take(line).collect();
    let head = before.iter().rev().find(|line| line.starts_with('['))?;
    head.trim_start_matches('[').split([']', '.']).next()
}

/// The clause that a top-level table writes down.
fn clause_of(table: &str) -> &'static str {
    match table {
        "totals" => "D12",
        "crypto" => "D46",
        "atr" | "life_cycle" => "D6",
        "factors" => "D3",
        "assumed" => "decisions",
        "certificates" => "D20",
        "dialect" => "cos-dialect",
        "df" => "R1",
        "file" => "user card 2.2",
        "layout" => "R64",
        "key" => "SAM 4.4",
        "service_key" => "D39",
        "sam" => "R55",
        _ => "",
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
            Some(line) if self.in_base => write!(f, ", line {line} of the base"),
            Some(line) => write!(f, ", line {line}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ProfileError {}
