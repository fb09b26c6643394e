//! Every mutant of the table is caught by a case of its clause.

use tests_conformance::mutants::generate::{change, differs};
use tests_conformance::mutants::hunt::{cases_of, hunt, hunt_changed};
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

/// Mutants by chance, a seed drawn now. One counts only when 10,000 commands showed a difference; nine of ten must be caught.
#[test]
fn mutants_by_chance_are_caught() {
    let count: u32 = std::env::var("RHC_GENERATED_MUTANTS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(100);
    let mut drawn = [0u8; 8];
    getrandom::fill(&mut drawn).unwrap();
    let seed = hex::encode(drawn);
    let suites = embedded::suites().unwrap();
    let (mut killed, mut counted, mut number) = (0, 0, 0);
    let mut survivors = Vec::new();
    let mut killers = std::collections::BTreeSet::new();
    while counted < count && number < 20 * count {
        number += 1;
        let change = change(&seed, number);
        if !matches!(differs(&change, &seed, 10_000), Ok(true)) {
            continue;
        }
        counted += 1;
        match hunt_changed(&change, &suites, &seed, &killers).unwrap() {
            Some(killer) => {
                killed += 1;
                killers.insert(killer);
            }
            None => survivors.push(format!("{number}: {change:?}")),
        }
    }
    println!("generated mutants killed: {killed} of {counted}, seed {seed}, drawn {number}");
    for survivor in &survivors {
        println!("survivor {survivor}");
    }
    assert_eq!(
        counted, count,
        "seed {seed}: too few of the drawn mutants differ"
    );
    assert!(killed * 10 >= counted * 9, "seed {seed}: {survivors:?}");
}
