//! Case files as they are written, and families: each row of a family's table is a case of its own, whose texts and steps have
//! `<column>` replaced by the row's word.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Kind, Severity, Text};
use crate::step::Which;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileShape {
    #[serde(default)]
    pub(super) group: Option<GroupShape>,
    #[serde(default)]
    pub(super) case: Vec<CaseShape>,
    #[serde(default)]
    pub(super) family: Vec<FamilyShape>,
    #[serde(default)]
    pub(super) setup: BTreeMap<String, SetupShape>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupShape {
    pub(super) id: String,
    pub(super) suite: Kind,
    pub(super) title: Text,
    pub(super) purpose: Text,
    pub(super) clause: String,
    pub(super) severity: Severity,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseShape {
    pub(super) id: String,
    pub(super) title: Text,
    pub(super) purpose: Option<Text>,
    pub(super) clause: Option<String>,
    #[serde(default)]
    pub(super) covers: Vec<String>,
    pub(super) severity: Option<Severity>,
    #[serde(default)]
    pub(super) presets: Vec<String>,
    #[serde(default)]
    pub(super) needs: Vec<String>,
    #[serde(default)]
    pub(super) scars: Vec<String>,
    #[serde(default)]
    pub(super) start: String,
    pub(super) steps: Vec<String>,
    #[serde(default)]
    pub(super) cleanup: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FamilyShape {
    pub(super) columns: String,
    pub(super) rows: String,
    pub(super) case: CaseShape,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetupShape {
    pub(super) chip: Which,
    pub(super) steps: Vec<String>,
}

pub(super) fn expand(family: &FamilyShape) -> Result<Vec<CaseShape>, String> {
    let columns: Vec<&str> = family.columns.split_whitespace().collect();
    let rows = family
        .rows
        .lines()
        .map(str::trim)
        .filter(|row| !row.is_empty() && !row.starts_with('#'));
    rows.map(|row| {
        let words: Vec<&str> = row.split_whitespace().collect();
        if words.len() != columns.len() {
            return Err(format!(
                "family {}: {} words where {} columns are: {row}",
                family.case.id,
                words.len(),
                columns.len()
            ));
        }
        let put = |text: &str| {
            columns
                .iter()
                .zip(&words)
                .fold(text.to_owned(), |text, (column, word)| {
                    // `~` stands for a blank inside a word, in columns with * `_` too; `-` for nothing.
                    let word = if *word == "-" {
                        String::new()
                    } else {
                        word.replace('~', " ")
                    };
                    let word = if column.ends_with('*') {
                        word.replace('_', " ")
                    } else {
                        word
                    };
                    text.replace(&format!("<{}>", column.trim_end_matches('*')), &word)
                })
        };
        let both = |text: &Text| Text {
            en: put(&text.en),
            zh: put(&text.zh),
        };
        let all = |texts: &[String]| {
            texts
                .iter()
                .map(|text| put(text))
                .filter(|text| !text.trim().is_empty())
                .collect()
        };
        let case = family.case.clone();
        Ok(CaseShape {
            id: put(&case.id),
            title: both(&case.title),
            purpose: case.purpose.as_ref().map(both),
            clause: case.clause.as_deref().map(put),
            covers: all(&case.covers),
            severity: case.severity,
            presets: all(&case.presets),
            needs: all(&case.needs),
            scars: all(&case.scars),
            start: put(&case.start),
            steps: all(&case.steps),
            cleanup: all(&case.cleanup),
        })
    })
    .collect()
}
