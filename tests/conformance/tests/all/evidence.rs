//! Evidence: a package is accepted as it was made and refused after any change; an interrupted run goes on.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use tests_conformance::evidence::package;
use tests_conformance::random::Chance;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhc-conformance");

fn program(words: &[&str]) -> (Option<i32>, String) {
    let done = Command::new(PROGRAM)
        .args(words)
        .env("RHC_LANG", "en")
        .output()
        .unwrap();
    (
        done.status.code(),
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
    )
}

fn run(out: &Path, more: &[&str]) -> (Option<i32>, String) {
    let out = out.to_str().unwrap();
    let words = [
        "run",
        "--suite",
        "user-card",
        "--virtual",
        "--no-pdf",
        "--seed",
        "evidence",
        "--out",
        out,
    ];
    program(&[&words[..], more].concat())
}

#[test]
fn a_package_is_accepted_and_refused_after_a_change_of_any_byte() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("package");
    let (code, said) = run(&out, &["--case", "reset", "--case", "files.*"]);
    assert_eq!(code, Some(0), "{said}");
    let verified = package::verify(&out, None).unwrap();
    assert!(verified.rehearsal && verified.files == 5, "{verified:?}");
    assert_eq!(program(&["verify", out.to_str().unwrap()]).0, Some(0));

    let names: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|item| item.unwrap().path())
        .collect();
    let mut chance = Chance::of("any byte", "1,000 positions");
    let mut refused = 0;
    for _ in 0..1000 {
        let path = &names[chance.below(names.len())];
        let before = std::fs::read(path).unwrap();
        let mut bytes = before.clone();
        let at = chance.below(bytes.len());
        bytes[at] ^= 1 << chance.below(8);
        std::fs::write(path, &bytes).unwrap();
        let verdict = package::verify(&out, None);
        assert!(
            verdict.is_err(),
            "{} at {at} was changed and nobody saw it",
            path.display()
        );
        refused += 1;
        std::fs::write(path, before).unwrap();
    }
    println!("conformance: verify: changed bytes refused: {refused} of 1000");
    assert!(package::verify(&out, None).is_ok());
    assert!(
        package::verify(&out, Some(&"0".repeat(128))).is_err(),
        "another signer"
    );
    std::fs::write(out.join("more.txt"), "x").unwrap();
    assert_eq!(
        program(&["verify", out.to_str().unwrap()]).0,
        Some(3),
        "a file that is not listed"
    );
}

#[test]
fn an_interrupted_run_goes_on_and_ends_like_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    assert_eq!(run(&whole, &["--case", "reset"]).0, Some(0));
    std::fs::create_dir(&broken).unwrap();
    let record = std::fs::read(whole.join("evidence.jsonl")).unwrap();
    // As if the power had gone in the middle of a line.
    std::fs::write(broken.join("evidence.jsonl"), &record[..record.len() / 2]).unwrap();
    let (code, said) = run(&broken, &["--case", "reset"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("going on after case"), "{said}");
    let ids = |path: &Path| -> BTreeSet<String> {
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path.join("report.json")).unwrap()).unwrap();
        json["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| case["end"]["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&whole), ids(&broken));
    assert!(package::verify(&broken, None).is_ok());
    assert_eq!(
        run(&broken, &["--case", "reset"]).0,
        Some(2),
        "a signed run is not run again"
    );
}

#[test]
fn the_program_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x");
    let out = out.to_str().unwrap();
    assert_eq!(
        program(&["run", "--suite", "user-card", "--out", out]).0,
        Some(2)
    );
    assert_eq!(
        program(&[
            "run",
            "--suite",
            "user-card",
            "--virtual",
            "--preset",
            "rhc-1999",
            "--out",
            out
        ])
        .0,
        Some(2)
    );
    assert_eq!(
        program(&[
            "run",
            "--suite",
            "user-card",
            "--virtual",
            "--case",
            "nothing",
            "--out",
            out
        ])
        .0,
        Some(2)
    );
    assert_eq!(program(&["verify", out]).0, Some(4));
    let key = folder.path().join("lab.key");
    let key = key.to_str().unwrap();
    assert_eq!(program(&["key", "--out", key]).0, Some(0));
    assert_eq!(
        program(&["key", "--out", key]).0,
        Some(4),
        "a key is never overwritten"
    );
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = program(&[
        "run",
        "--suite",
        "sam",
        "--virtual",
        "--case",
        "sam-pin",
        "--key",
        key,
        "--no-pdf",
        "--out",
        out,
    ]);
    assert_eq!(
        (code, said.contains("chmod 600")),
        (Some(4), true),
        "{said}"
    );
    let suites = folder.path().join("suites");
    std::fs::create_dir(&suites).unwrap();
    for hostile in [
        "[group]\nid = 1",
        "\u{0}",
        "[[case]]\nid=\"a\"",
        "[setup.x]\nchip=\"card\"\nsteps=[\"dance\"]\n[group]\nid=\"g\"\nsuite=\"sam\"\nclause=\"\"\nseverity=\"minor\"\ntitle={en=\"\",zh=\"\"}\npurpose={en=\"\",zh=\"\"}\n[[case]]\nid=\"a\"\ntitle={en=\"\",zh=\"\"}\nstart=\"x\"\nsteps=[\"reset\"]",
    ] {
        std::fs::write(suites.join("hostile.toml"), hostile).unwrap();
        assert_eq!(
            program(&["list", "--suites", suites.to_str().unwrap()]).0,
            Some(2),
            "{hostile}"
        );
    }
}
