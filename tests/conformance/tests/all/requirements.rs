//! Every requirement has the cases that it needs, and every case names requirements of the table.

use tests_conformance::suite::{embedded, requirements};

#[test]
fn every_requirement_has_its_cases() {
    let suites = embedded::suites().unwrap();
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
        "cases: {}; requirements covered: {shown} of {}, the others with a reason",
        suites.cases.len(),
        covered.len()
    );
    assert!(suites.cases.len() >= 350);
    assert!(suites.cases.iter().all(|case| !case.covers.is_empty()));
}
