//! The table of requirements: what the specification's pages demand, and which cases show it. A requirement without its
//! cases, and a case that names a requirement which is not in the table, are errors that `make test` shows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Suites;

const TABLE: &str = include_str!("../../suites/requirements.toml");

/// What must be there for a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// What must work, and what must be refused.
    Both,
    Positive,
    Negative,
    /// No case can show it; the table says why.
    None,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    pub id: String,
    pub page: String,
    pub text: String,
    pub needs: Needs,
    pub why: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    requirement: Vec<Requirement>,
}

/// A requirement with the cases that show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Covered {
    pub requirement: Requirement,
    pub positive: Vec<String>,
    pub negative: Vec<String>,
}

impl Covered {
    /// Whether everything that the requirement needs is there.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let (positive, negative) = (!self.positive.is_empty(), !self.negative.is_empty());
        match self.requirement.needs {
            Needs::Both => positive && negative,
            Needs::Positive => positive && self.requirement.why.is_some(),
            Needs::Negative => negative && self.requirement.why.is_some(),
            Needs::None => self.requirement.why.is_some(),
        }
    }
}

/// The table.
///
/// # Errors
/// Its text is not right; this crate's tests show that it is.
pub fn table() -> Result<Vec<Requirement>, String> {
    toml::from_str::<Table>(TABLE)
        .map(|table| table.requirement)
        .map_err(|e| e.to_string())
}

/// The table with the cases that show each requirement, and the ids that cases name without being in the table.
///
/// # Errors
/// As [`table`].
pub fn coverage(suites: &Suites) -> Result<(Vec<Covered>, Vec<String>), String> {
    let mut cases: BTreeMap<(&str, bool), Vec<String>> = BTreeMap::new();
    for case in &suites.cases {
        for covers in &case.covers {
            let place = cases
                .entry((covers.requirement.as_str(), covers.positive))
                .or_default();
            place.push(case.id.clone());
        }
    }
    let terminal = crate::terminal::case::suite()?;
    for case in &terminal.cases {
        for covers in &case.covers {
            let place = cases
                .entry((covers.requirement.as_str(), covers.positive))
                .or_default();
            place.push(case.id.clone());
        }
    }
    let rows = table()?;
    let known: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let strangers: BTreeSet<String> = cases
        .keys()
        .filter(|(id, _)| !known.contains(id))
        .map(|(id, _)| (*id).to_owned())
        .collect();
    let of = |id: &str, positive| cases.get(&(id, positive)).cloned().unwrap_or_default();
    let covered = rows
        .iter()
        .map(|row| Covered {
            positive: of(&row.id, true),
            negative: of(&row.id, false),
            requirement: row.clone(),
        })
        .collect();
    Ok((covered, strangers.into_iter().collect()))
}
