//! Every behaviour test on every profile; the map is current and its tests exist; a sample of perturbations is noticed.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed one here is the failed assertion

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use tests_spec::stand::Stand;
use tests_spec::verdict::{Verdict, drawn, judge, run, watch};
use tests_spec::{PROFILES, each_behaviour, map, page, perturb, rows};

macro_rules! as_tests {
    ($($name:ident: $module:ident::$what:ident($($with:literal)?),)*) => {
        $(#[test]
        fn $name() {
            for profile in PROFILES {
                if let Err(what) = run(stringify!($name), &Stand::sound(profile)) {
                    panic!("{profile}: {what}");
                }
            }
        })*
    };
}
each_behaviour!(as_tests);

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_map_is_current() {
    let page = std::fs::read_to_string(root().join("docs/spec-map.md")).unwrap();
    assert!(page == map::text(), "stale: run rhc-spec map --write");
}

#[test]
fn every_rule_and_decision_has_its_row_and_every_row_its_module_and_test() {
    let rows = rows::all();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "a row twice");
    let wanted = (1..=81).map(|n| format!("R{n}"));
    let wanted = wanted.chain((1..=46).map(|n| format!("D{n}")));
    let missing: Vec<String> = wanted.filter(|id| !ids.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "no row: {missing:?}");
    let mut wrong = Vec::new();
    for row in &rows {
        if row.modules.is_empty() || row.tests.is_empty() {
            wrong.push(format!("{}: no module or no test", row.id));
        }
        for module in row
            .modules
            .iter()
            .filter(|module| !root().join(module).exists())
        {
            wrong.push(format!("{}: no {module}", row.id));
        }
        wrong.extend(
            row.tests
                .iter()
                .filter_map(|test| rows::exists(root(), test).err()),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_item_of_a_profile_has_its_watch() {
    for profile in PROFILES {
        for perturbation in perturb::all(profile) {
            if let tests_spec::verdict::Watch::Elsewhere(_, test) = watch(&perturbation.item) {
                assert_eq!(rows::exists(root(), test), Ok(()));
            }
        }
    }
    assert_eq!(
        page::FILES
            .iter()
            .map(|row| row.elements.len())
            .sum::<usize>(),
        61
    );
}

#[test]
fn a_sample_of_changed_items_is_noticed() {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = clock.as_micros() as u64;
    for profile in PROFILES {
        let sample = drawn(perturb::all(profile), 15, seed);
        for perturbation in &sample {
            let (item, change) = (&perturbation.item, &perturbation.change);
            println!("seed {seed}, {profile}: {item} := {change}");
            assert_ne!(
                judge(perturbation),
                Verdict::Survived,
                "{profile}: {item} := {change}"
            );
        }
    }
}
