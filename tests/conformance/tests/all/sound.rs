//! The suites on sound products, in every profile and every odd reader: no false alarm. And the trial itself: it tells when a
//! suite is too weak, and when one cries wolf. The hunt for all faults is a step of `tests/all.sh` of its own
//! (`rhc-conformance trial`).

use std::path::Path;
use std::process::Command;

use tests_conformance::suite::embedded;
use tests_conformance::suite::load::{Source, load};
use tests_conformance::trial::alarms;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhc-conformance");
const SUITES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/suites");

#[test]
fn sound_products_raise_no_alarm() {
    let mut seed = [0u8; 8];
    getrandom::fill(&mut seed).unwrap();
    let seed = hex::encode(seed);
    let alarms = alarms::look(&embedded::suites().unwrap(), &seed).unwrap();
    let lines = alarms.lines().join("\n");
    println!("conformance: {lines}\nconformance: seed {seed}");
    assert_eq!(alarms.raised(), 0, "seed {seed}: {lines}");
}

/// A case that wants what the specification does not say fails on every sound product, and the trial counts it.
#[test]
fn a_case_that_cries_wolf_is_counted() {
    let text = "
[group]
id = \"wolf\"
suite = \"user-card\"
title = { en = \"w\", zh = \"w\" }
purpose = { en = \"w\", zh = \"w\" }
clause = \"R2\"
severity = \"minor\"

[[case]]
id = \"missing-file\"
title = { en = \"w\", zh = \"w\" }
covers = [\"-R2\"]
steps = [\"00A4000C021234 -> 6A83\"]
";
    let source = Source {
        name: "wolf.toml".into(),
        text: text.into(),
    };
    let suites = load(&[source]).unwrap();
    let alarms = alarms::look(&suites, "wolf").unwrap();
    // Four profiles and three odd readers.
    assert_eq!(alarms.raised(), 7, "{:?}", alarms.lines());
}

fn copied(name: &str, from: &str, to: &Path) {
    std::fs::copy(format!("{SUITES}/{from}{name}"), to.join(name)).unwrap();
}

#[test]
fn a_weak_suite_lets_faults_through_and_the_trial_says_which() {
    let folder = tempfile::tempdir().unwrap();
    copied("setups.toml", "", folder.path());
    copied("reset.toml", "user-card/", folder.path());
    let trial = |folder: Option<&Path>| {
        let mut command = Command::new(PROGRAM);
        command.args(["trial", "--fault", "read-free-DF02-EF06", "--seed", "weak"]);
        if let Some(folder) = folder {
            command.arg("--suites").arg(folder);
        }
        let done = command.env("RHC_LANG", "en").output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        (done.status.code(), said)
    };
    let (code, said) = trial(Some(folder.path()));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("killed: 0 of 1"), "{said}");
    assert!(said.contains("survivor read-free-DF02-EF06"), "{said}");
    let (code, said) = trial(None);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("killed: 1 of 1"), "{said}");
}
