//! What a command line tool prints: a table for people or JSON for programs.

use std::io::Write as _;

use serde::Serialize;

/// Rows under headings, columns as wide as their widest cell; Chinese characters count two.
#[derive(Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = || {
            std::iter::once(&self.head)
                .chain(&self.rows)
                .filter(|line| !line.is_empty())
        };
        let columns = lines().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                lines()
                    .filter_map(|line| line.get(column))
                    .map(|cell| width(cell))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for line in lines() {
            let mut text = String::new();
            for (cell, wanted) in line.iter().zip(&widths) {
                text.push_str(cell);
                text.extend(std::iter::repeat_n(' ', wanted - width(cell) + 2));
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// Columns a text takes on a terminal: East Asian wide characters take two.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// The wide blocks that occur here: CJK with its punctuation, Hangul, full-width forms, the further planes.
fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x2_0000..=0x3_FFFD)
}

/// Prints `value` as JSON when asked for, else the table. A reader that has gone away (`… | head`) is no failure.
pub fn print(
    json: bool,
    value: &impl Serialize,
    table: impl FnOnce() -> Table,
) -> Result<(), serde_json::Error> {
    let text = if json {
        serde_json::to_string_pretty(value)? + "\n"
    } else {
        table().to_string()
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(serde::ser::Error::custom(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_chinese_cells() {
        let mut table = Table::new(["卡号", "state"]);
        table.row(["1", "挂失"]).row(["12345", "ok"]);
        assert_eq!(table.to_string(), "卡号   state\n1      挂失\n12345  ok\n");
    }
}
