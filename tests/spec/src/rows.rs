//! Rows of `rows.txt`: for each command, rule and decision the modules and the tests that stand for it.

use std::path::{Path, PathBuf};

/// One row.
pub struct Row {
    /// Such as `R9`, `D14`, `P2` or `SELECT`.
    pub id: String,
    pub modules: Vec<String>,
    /// `path::name`, or the name of a behaviour test.
    pub tests: Vec<String>,
}

const TEXT: &str = include_str!("../rows.txt");

/// All rows, in the file's order.
///
/// # Panics
/// A line has not its three parts.
#[must_use]
pub fn all() -> Vec<Row> {
    let lines = TEXT
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.split('|').map(str::trim);
            let mut next = || {
                parts
                    .next()
                    .unwrap_or_else(|| panic!("three parts: {line}"))
            };
            let id = next().to_owned();
            let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            Row {
                id,
                modules: list(next()),
                tests: list(next()),
            }
        })
        .collect()
}

/// Whether a named test is there: `FILE::name`, `FOLDER::name` for a test somewhere below, or a behaviour test.
///
/// # Errors
/// What is missing.
pub fn exists(root: &Path, test: &str) -> Result<(), String> {
    let Some((path, name)) = test.split_once("::") else {
        let found = crate::behaviour::ALL.iter().any(|each| each.name == test);
        return found
            .then_some(())
            .ok_or(format!("no behaviour test {test}"));
    };
    let mut files = Vec::new();
    sources(&root.join(path), &mut files);
    let found = files.iter().any(|file| holds(file, name));
    found
        .then_some(())
        .ok_or(format!("{path} has no test {name}"))
}

/// The Rust sources of a folder and below, or the one file.
fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.extension().is_some_and(|ext| ext == "rs") {
        found.push(path.to_owned());
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        sources(&entry.path(), found);
    }
}

/// Whether a source has this function with the attribute of a test in the lines before it.
fn holds(file: &Path, name: &str) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let head = format!("fn {name}(");
    text.match_indices(&head).any(|(at, _)| {
        let mut before = text[..at].trim_end().lines().rev().take(3);
        before.any(|line| line.trim() == "#[test]")
    })
}
