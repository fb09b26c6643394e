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
