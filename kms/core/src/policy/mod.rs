//! The policy table and the one door: operation × role × number of approvers × tier.
//!
//! [`Table::admit`] answers whether something that needs signatures may be done now, [`Table::may_ask`] whether
//! something that needs none may. Nothing else decides. The table is data (`table.toml`), read and validated once.

mod decide;
mod request;
mod role;
#[cfg(test)]
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::Deserialize;
use thiserror::Error;

pub use decide::{Denied, Permit};
pub use request::{Approval, DeviceError, Request, Signer, statement};
pub use role::{Person, Role, clash, folded, same_person};

const EMBEDDED: &str = include_str!("table.toml");
/// HSMs take no order that is valid for longer (`hsm-sim`, 30 days).
const MAX_HOURS: u32 = 30 * 24;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// The operation.
    pub name: String,
    /// `ministry`, `province`, `prefecture`.
    pub tiers: BTreeSet<String>,
    /// Roles that may ask.
    pub ask: BTreeSet<Role>,
    /// Different persons who must sign.
    pub approvers: usize,
    /// Roles whose signature counts.
    #[serde(default)]
    pub approve: BTreeSet<Role>,
    /// A role that one of the signers must have.
    pub among: Option<Role>,
    /// How long a request waits.
    #[serde(default)]
    pub hours: u32,
}

/// A table that contradicts itself.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TableError {
    /// No TOML of this form.
    #[error("the policy table cannot be read: {0}")]
    Form(String),
    /// A row is not possible.
    #[error("the policy table, {operation}: {why}")]
    Row {
        /// Which.
        operation: String,
        /// What is wrong.
        why: &'static str,
    },
}

/// The table.
#[derive(Clone, Debug)]
pub struct Table {
    rules: BTreeMap<String, Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    operation: Vec<Rule>,
}

impl Table {
    /// The table of this release.
    ///
    /// # Errors
    /// It contradicts itself; a test reads it, so that no release has such a one.
    pub fn embedded() -> Result<&'static Self, TableError> {
        static TABLE: OnceLock<Result<Table, TableError>> = OnceLock::new();
        match TABLE.get_or_init(|| Table::parse(EMBEDDED)) {
            Ok(table) => Ok(table),
            Err(TableError::Form(why)) => Err(TableError::Form(why.clone())),
            Err(TableError::Row { operation, why }) => Err(TableError::Row {
                operation: operation.clone(),
                why,
            }),
        }
    }

    /// Reads and validates.
    ///
    /// # Errors
    /// [`TableError`] names the row.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let file: File = toml::from_str(text).map_err(|e| TableError::Form(e.to_string()))?;
        let mut rules = BTreeMap::new();
        for rule in file.operation {
            let row = |why| TableError::Row {
                operation: rule.name.clone(),
                why,
            };
            if let Some(why) = contradiction(&rule) {
                return Err(row(why));
            }
            if rules.insert(rule.name.clone(), rule.clone()).is_some() {
                return Err(row("stands twice"));
            }
        }
        Ok(Self { rules })
    }

    /// All rows, by name.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// One row.
    ///
    /// # Errors
    /// What has no row is not done.
    pub fn rule(&self, operation: &str) -> Result<&Rule, Denied> {
        self.rules
            .get(operation)
            .ok_or_else(|| Denied::NoRule(operation.to_owned()))
    }
}

fn contradiction(rule: &Rule) -> Option<&'static str> {
    let known = ["ministry", "province", "prefecture"];
    let signs_not = |role: &Role| !role.is_a_persons() || *role == Role::Operator;
    if rule.tiers.is_empty() || rule.tiers.iter().any(|t| !known.contains(&t.as_str())) {
        return Some("tiers are ministry, province, prefecture");
    }
    if rule.ask.is_empty() {
        return Some("nobody may ask");
    }
    if (rule.approvers == 0) != rule.approve.is_empty()
        || (rule.approvers == 0) != (rule.hours == 0)
    {
        return Some("approvers, approve and hours belong together");
    }
    if rule.approvers == 1 {
        return Some("one approver is no second person: 0 or at least 2");
    }
    if rule.hours > MAX_HOURS {
        return Some("no request waits longer than 30 days");
    }
    if rule.approve.iter().any(signs_not) {
        return Some("operators, stations and tiers approve nothing");
    }
    if rule.among.is_some_and(|role| !rule.approve.contains(&role)) {
        return Some("`among` is one of the roles that approve");
    }
    None
}
