//! Every requirement has the cases that it needs, and every case names requirements of the table.

use std::process::Command;

use tests_conformance::suite::{embedded, requirements};

#[test]
fn every_requirement_has_its_cases() {
    let suites = embedded::suites().unwrap();
    let terminal = tests_conformance::terminal::case::suite().unwrap();
    let (covered, strangers) = requirements::coverage(&suites).unwrap();
    assert!(strangers.is_empty(), "not in the table: {strangers:?}");
    let open: Vec<_> = covered
        .iter()
        .filter(|row| !row.is_met())
        .map(|row| &row.requirement.id)
        .collect();
    assert!(open.is_empty(), "without a case that they need: {open:?}");
    let shown = covered
        .iter()
        .filter(|row| !row.positive.is_empty() || !row.negative.is_empty())
        .count();
    println!(
        "conformance: cases: {} and {} of terminals; requirements covered: {shown} of {}, the others with a reason",
        suites.cases.len(),
        terminal.cases.len(),
        covered.len()
    );
    assert!(suites.cases.len() >= 350);
    assert!(suites.cases.iter().all(|case| !case.covers.is_empty()));
}

/// The check above can fail: without its cases a requirement is open, and with one half of them, too.
#[test]
fn a_requirement_without_its_case_is_open() {
    let mut suites = embedded::suites().unwrap();
    let is_met = |suites: &_, id: &str| {
        let (rows, _) = requirements::coverage(suites).unwrap();
        rows.iter()
            .any(|row| row.requirement.id == id && row.is_met())
    };
    assert!(is_met(&suites, "R70"));
    let mut half = suites.clone();
    for case in &mut half.cases {
        case.covers
            .retain(|covers| covers.requirement != "R70" || covers.positive);
    }
    assert!(!is_met(&half, "R70"), "what must be refused is not shown");
    suites
        .cases
        .retain(|case| case.covers.iter().all(|covers| covers.requirement != "R70"));
    assert!(!is_met(&suites, "R70"), "no case shows it");
}

/// The documents' tables are what the program prints now.
#[test]
fn the_documents_tables_are_not_stale() {
    for (word, document) in [
        (
            "requirements",
            include_str!("../../../../docs/conformance/requirements.md"),
        ),
        (
            "mutants",
            include_str!("../../../../docs/conformance/mutants.md"),
        ),
    ] {
        let printed = Command::new(env!("CARGO_BIN_EXE_rhc-conformance"))
            .args([word, "--markdown"])
            .env("RHC_LANG", "en")
            .output()
            .unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        assert!(
            printed.lines().count() > 100 && document.ends_with(&printed),
            "docs/conformance/{word}.md is stale: put what `rhc-conformance {word} --markdown` prints in place of its table"
        );
    }
}
