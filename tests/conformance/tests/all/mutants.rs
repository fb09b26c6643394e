//! Every mutant of the table is caught by a case of its clause.

use tests_conformance::mutants::hunt::{cases_of, hunt};
use tests_conformance::mutants::table;
use tests_conformance::suite::embedded;

#[test]
fn every_mutant_of_the_table_is_killed_by_a_case_of_its_clause() {
    let suites = embedded::suites().unwrap();
    let all = table();
    let mut survivors = Vec::new();
    for mutant in &all {
        let hunt = hunt(mutant, cases_of(mutant, &suites), "table")
            .map_err(|e| format!("{}: {e}", mutant.id))
            .unwrap();
        if hunt.killer.is_none() {
            survivors.push(format!(
                "{} ({}): {} [{} cases tried]",
                mutant.id,
                mutant.clauses.join(" "),
                mutant.what,
                hunt.tried
            ));
        }
    }
    println!(
        "table mutants killed: {} of {}",
        all.len() - survivors.len(),
        all.len()
    );
    assert!(all.len() >= 120);
    assert!(survivors.is_empty(), "survivors:\n{}", survivors.join("\n"));
}
