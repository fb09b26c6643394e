//! The rights matrix: every cell of `tests/rights.toml` is tried against a fresh HSM, each refusal is looked up in the
//! audit, and the table in `docs/hsm.md` is the file's.
#![allow(clippy::unwrap_used)]

mod attempts;
mod house;

use house::Trial;
use hsm_wire::{ErrorCode, HsmError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

pub const ROLES: [&str; 5] = [
    "stranger",
    "auditor",
    "operator",
    "one-officer",
    "two-officers",
];

type Cells = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Table {
    states: Vec<String>,
    plain: BTreeMap<String, Cells>,
    key: BTreeMap<String, KeyRow>,
    others: BTreeMap<String, Cells>,
}

#[derive(Deserialize)]
struct KeyRow {
    by: String,
    others: String,
    cells: Vec<String>,
}

impl Table {
    fn read() -> Self {
        toml::from_str(include_str!("../../rights.toml")).unwrap()
    }

    /// What a role is answered for an operation with a key in a state.
    fn key_cell(&self, row: &KeyRow, role: &str, state: usize) -> String {
        if row.by == role {
            row.cells[state].clone()
        } else {
            self.others[&row.others][role].clone()
        }
    }
}

fn said(result: &Result<(), HsmError>) -> String {
    match result {
        Ok(()) => "yes".to_owned(),
        Err(error) => error.code.name().to_owned(),
    }
}

/// Reads that are refused for what they name, and no key is used: they are not audited (the roles' refusals are).
fn silent(operation: &str, code: ErrorCode) -> bool {
    operation == "key-attributes" && code == ErrorCode::NoSuchKey
}

fn check(
    trial: &mut Trial,
    operation: &str,
    role: &str,
    result: &Result<(), HsmError>,
    cell: &str,
) {
    let place = format!("{operation} by {role}, key {}", trial.state);
    assert_eq!(said(result), cell, "{place}");
    if let Err(error) = result
        && !silent(operation, error.code)
    {
        assert_eq!(trial.last_outcome(), error.code.name(), "{place}: audited");
    }
}

/// Those who are refused try first: that changes nothing for those who may.
fn refused_first(cell: impl Fn(&str) -> String) -> [&'static str; ROLES.len()] {
    let mut roles = ROLES;
    roles.sort_by_key(|role| cell(role) == "yes");
    roles
}

#[test]
fn every_cell_without_a_key() {
    let table = Table::read();
    for (operation, cells) in &table.plain {
        assert_eq!(cells.len(), ROLES.len(), "{operation}");
        let mut trial = Trial::new("ready");
        for role in refused_first(|role| cells[role].clone()) {
            let result = attempts::plain(&mut trial, operation, role);
            check(&mut trial, operation, role, &result, &cells[role]);
        }
    }
}

#[test]
fn every_cell_with_a_key() {
    let table = Table::read();
    for (operation, row) in &table.key {
        for (number, state) in table.states.iter().enumerate() {
            let mut trial = Trial::new(state);
            for role in refused_first(|role| table.key_cell(row, role, number)) {
                let result = attempts::with_key(&mut trial, operation, role);
                let cell = table.key_cell(row, role, number);
                check(&mut trial, operation, role, &result, &cell);
            }
        }
    }
}

/// Every operation of the two sockets has a row.
#[test]
fn no_operation_is_forgotten() {
    let table = Table::read();
    for operation in attempts::OPERATIONS {
        let known = |name: &String| name == operation || name.starts_with(&format!("{operation}-"));
        assert!(
            table.plain.keys().chain(table.key.keys()).any(known),
            "{operation} has no row"
        );
    }
}

/// The table as `docs/hsm.md` shows it.
fn rendered(table: &Table) -> String {
    let mut text = String::new();
    let heads = ROLES.join(" | ");
    writeln!(text, "| operation | key | {heads} |").unwrap();
    writeln!(text, "|---|---|{}", "---|".repeat(ROLES.len())).unwrap();
    for (operation, cells) in &table.plain {
        let cells: Vec<_> = ROLES.iter().map(|role| cells[*role].as_str()).collect();
        writeln!(text, "| {operation} | – | {} |", cells.join(" | ")).unwrap();
    }
    for (operation, row) in &table.key {
        for (number, state) in table.states.iter().enumerate() {
            let cells = ROLES.map(|role| table.key_cell(row, role, number));
            writeln!(text, "| {operation} | {state} | {} |", cells.join(" | ")).unwrap();
        }
    }
    text
}

#[test]
fn the_documented_table_is_this_one() {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/hsm.md"));
    let table = rendered(&Table::read());
    let out = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hsm-rights.md");
    std::fs::write(&out, &table).unwrap();
    assert!(
        page.contains(&table),
        "docs/hsm.md has another table of rights; paste that of {}",
        out.display()
    );
}
