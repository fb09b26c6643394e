//! Sound products pass every case.

use std::collections::BTreeSet;

use tests_conformance::bench::virtual_product::{Recipe, VirtualBench};
use tests_conformance::engine::talk::Limits;
use tests_conformance::evidence::record::{NoSink, Verdict};
use tests_conformance::hierarchy::PRESETS;
use tests_conformance::plan::{Choice, plan};
use tests_conformance::run::{Manner, run};
use tests_conformance::suite::{Kind, embedded};

#[test]
fn no_false_alarm_in_any_preset() {
    let suites = embedded::suites().unwrap();
    for preset in PRESETS {
        for kind in [Kind::UserCard, Kind::Sam] {
            let recipe = Recipe::sound(preset, 1).unwrap();
            let mut bench = VirtualBench::sound(recipe, true).unwrap();
            let choice = Choice {
                preset: preset.name.into(),
                cases: Vec::new(),
                destructive: true,
            };
            let plan = plan(&suites, kind, &choice);
            let manner = Manner {
                preset,
                kind,
                seed: "no-false-alarm".into(),
                repeats: 1,
                limits: Limits::default(),
            };
            let ends = run(
                &plan,
                &manner,
                &mut bench,
                &mut NoSink,
                &BTreeSet::new(),
                &mut |_, _, _| {},
            )
            .unwrap();
            let wrong: Vec<_> = ends
                .iter()
                .filter(|end| !matches!(end.verdict, Verdict::Pass | Verdict::Skipped))
                .map(|end| format!("{}: {:?}", end.id, end.reason))
                .collect();
            println!(
                "{} {}: {} cases on {} samples",
                preset.name,
                kind.word(),
                ends.len(),
                plan.samples
            );
            assert!(
                wrong.is_empty(),
                "{} {}:\n{}",
                preset.name,
                kind.word(),
                wrong.join("\n")
            );
        }
    }
}
