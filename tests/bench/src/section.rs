//! What one part of the benchmark gives: named values, lines for the reader, and the raw readings.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

/// How often everything is measured; the best run counts.
pub const RUNS: u32 = 3;

/// A part of the benchmark.
pub struct Part {
    /// Its table in `bars.toml` and its name for `--only`.
    pub name: &'static str,
    /// Heading in `docs/performance.md`.
    pub title: &'static str,
    /// Does the work.
    pub measure: fn() -> Result<Section>,
}

/// What a part measured.
#[derive(Default)]
pub struct Section {
    /// Value by the name of its bar. A value without a bar, or a bar without a value, is an error.
    pub values: BTreeMap<String, f64>,
    /// What explains the values: single readings, floors, in words.
    pub notes: Vec<String>,
    /// Every reading, for `result.json`.
    pub raw: Value,
}

impl Section {
    /// Adds one value.
    pub fn value(&mut self, name: &str, value: f64) {
        self.values.insert(name.to_owned(), value);
    }

    /// Adds one line of explanation.
    pub fn note(&mut self, line: impl Into<String>) {
        self.notes.push(line.into());
    }
}

/// The parts that are wanted: all, or those named.
///
/// # Errors
/// A name that no part has.
pub fn chosen<'a>(parts: &'a [Part], only: &[String]) -> Result<Vec<&'a Part>> {
    for name in only {
        if !parts.iter().any(|part| part.name == name) {
            let known: Vec<&str> = parts.iter().map(|part| part.name).collect();
            bail!("no part is called {name}; there are {}", known.join(", "));
        }
    }
    Ok(parts
        .iter()
        .filter(|part| only.is_empty() || only.iter().any(|name| name == part.name))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [Part; 2] = [
        Part {
            name: "one",
            title: "",
            measure: || Ok(Section::default()),
        },
        Part {
            name: "two",
            title: "",
            measure: || Ok(Section::default()),
        },
    ];

    #[test]
    fn parts_are_chosen_by_name_and_unknown_names_refused() {
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
            chosen(&PARTS, &only).map(|all| all.iter().map(|part| part.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap(), ["one", "two"]);
        assert_eq!(names(&["two"]).unwrap(), ["two"]);
        assert!(names(&["three"]).is_err());
    }
}
