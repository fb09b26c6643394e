//! The demo as a user meets it: two runs, both languages, few lines, and the result that the golden file holds.

use std::path::PathBuf;

use serde_json::Value;
use tests_e2e::golden;
use tests_stand::{Outcome, Tool};

const MOST_LINES: usize = 60;

fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn run(language: &str) -> (Outcome, Value) {
    let outcome = Tool::new("rhc-demo")
        .and_then(|tool| tool.directory(&top()).env(("RHC_LANG", language)).ok());
    let outcome = outcome.expect("the demo");
    let lines = outcome.out.lines().count();
    assert!(lines <= MOST_LINES, "{lines} lines");
    assert!(outcome.err.is_empty(), "{}", outcome.err);
    let text = std::fs::read_to_string(top().join("out/demo/result.json")).expect("result.json");
    (outcome, serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn two_runs_in_two_languages_end_well_and_as_recorded() {
    let (english, first) = run("en");
    golden::compare(&first, &top().join("tests/demo/golden.json")).expect("golden");
    assert!(
        english.out.contains("everything went as it should"),
        "{}",
        english.out
    );

    let (chinese, second) = run("zh");
    assert!(chinese.out.contains("全部符合预期"), "{}", chinese.out);
    for group in ["issued", "verified", "refused"] {
        let verdicts = |document: &Value| -> Vec<(Value, Value)> {
            let entries = document[group].as_array().expect(group);
            entries
                .iter()
                .map(|entry| (entry["verdict"].clone(), entry["exit_code"].clone()))
                .collect()
        };
        assert_eq!(verdicts(&first), verdicts(&second), "{group}");
        assert!(!verdicts(&first).is_empty());
    }
}
