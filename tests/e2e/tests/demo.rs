//! The demo as a user meets it: two runs, both languages, few lines, and the result that the golden file holds.

use std::path::PathBuf;

use serde_json::Value;
use tests_e2e::golden;
use tests_e2e::oracle::python;
use tests_stand::{Outcome, Tool};

const MOST_LINES: usize = 60;

fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn run(language: &str) -> (Outcome, Value) {
    let out = tempfile::tempdir().expect("folder");
    let tool = Tool::new("rhc-demo")
        .expect("demo")
        .directory(&top())
        .env(("RHC_LANG", language));
    let outcome = tool.arg("--out").arg(out.path()).ok().expect("the demo");
    let lines = outcome.out.lines().count();
    assert!(lines <= MOST_LINES, "{lines} lines");
    assert!(outcome.err.is_empty(), "{}", outcome.err);
    let text = std::fs::read_to_string(out.path().join("result.json")).expect("result.json");
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

/// What `KEEP=1` leaves behind, ended when the test ends.
struct Kept {
    pids: Vec<String>,
    folders: Vec<PathBuf>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self
            .pids
            .iter()
            .fold(Tool::foreign("kill"), Tool::arg)
            .run();
        for folder in &self.folders {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn after<'a>(text: &'a str, start: &str) -> &'a str {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(start));
    line.unwrap_or_else(|| panic!("no line begins with {start:?} in\n{text}"))
}

#[test]
fn a_demo_that_is_kept_serves_foreign_tools() {
    let tool = Tool::new("rhc-demo")
        .expect("demo")
        .directory(&top())
        .env(("KEEP", "1"))
        .env(("RHC_LANG", "en"));
    let out = tempfile::tempdir().expect("folder");
    let told = tool
        .arg("--out")
        .arg(out.path())
        .ok()
        .expect("the demo")
        .out;
    let socket = PathBuf::from(after(&told, "export PCSCLITE_CSOCK_NAME="));
    let run = socket
        .parent()
        .and_then(std::path::Path::parent)
        .expect("folder")
        .to_path_buf();
    let kept = Kept {
        pids: after(&told, "stop it all: kill ")
            .split(' ')
            .map(str::to_owned)
            .collect(),
        folders: vec![run, PathBuf::from(after(&told, "ls "))],
    };
    assert!(told.lines().count() <= MOST_LINES);
    let environment = ("PCSCLITE_CSOCK_NAME", socket.as_os_str());
    let card = python("judges/card.py")
        .arg("--reader")
        .arg("Virtual PCD 0 00 00")
        .words("--number 410101198512030022 --name");
    let card = card
        .arg("阿依古丽·麦麦提吐尔逊阿卜杜拉")
        .env(environment)
        .run()
        .expect("judge");
    assert_eq!(card.code, 0, "{}", card.text());
    let listed = Tool::foreign("opensc-tool")
        .arg("--list-readers")
        .env(environment)
        .ok()
        .expect("opensc-tool");
    assert_eq!(listed.out.matches(" Yes ").count(), 8, "{}", listed.out);
    drop(kept);
}
