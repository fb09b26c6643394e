//! The terminal suite on this project's C library: no false alarm, and every defective terminal is found by a case of its clause.

use std::collections::BTreeSet;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tests_conformance::bench::virtual_product::Recipe;
use tests_conformance::evidence::record::{NoSink, Verdict};
use tests_conformance::hierarchy::PRESETS;
use tests_conformance::terminal::chips::Rig;
use tests_conformance::terminal::drive::{self, Target};
use tests_conformance::terminal::{case, faults};
use tests_stand::{Daemon, binaries};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rhc-conformance");

fn configured(daemon: &Daemon, folder: &Path) -> PathBuf {
    use std::io::Write as _;
    let names: Vec<_> = daemon.readers().iter().map(|r| &r.name).collect();
    let recipe = Recipe::sound(PRESETS[0], 1).unwrap();
    std::fs::write(folder.join("issuer.cer"), recipe.issuer().unwrap()).unwrap();
    let path = folder.join("rhc_reader.toml");
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    writeln!(
        file,
        "[[device]]\ncard = \"{}\"\nsam = \"{}\"\nissuers = [\"issuer.cer\"]",
        names[0], names[1]
    )
    .unwrap();
    path
}

#[test]
fn our_library_passes_and_defective_terminals_do_not() {
    let daemon = Daemon::start(2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = configured(&daemon, folder.path());
    let library = binaries::library("rhc_reader").unwrap();
    let address = |at: usize| daemon.readers()[at].place.address();

    let out = folder.path().join("package");
    let other = folder.path().join("another.so");
    std::fs::write(
        &other,
        [&std::fs::read(&library).unwrap()[..], b"\0"].concat(),
    )
    .unwrap();
    let ordered = |library: &Path| order(&daemon, library, &config, &out);
    killed(ordered(&library), &out);
    away(&daemon);
    let (code, said) = ended(ordered(&other));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the run is of another library"), "{said}");
    away(&daemon);
    let (code, said) = ended(ordered(&library));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("going on after case"), "{said}");
    let verified = Command::new(PROGRAM)
        .arg("verify")
        .arg(&out)
        .status()
        .unwrap();
    assert!(verified.success());
    let suite = case::suite().unwrap();
    let cases: Vec<String> = suite.cases.iter().map(|case| case.id.clone()).collect();
    assert_eq!(reported(&out), cases.len());
    assert_eq!(verdicts(&out), cases, "each case once, in its order");
    away(&daemon);

    let wrapper = folder.path().join("program");
    through(&daemon, &wrapper);
    let target = Target {
        program: wrapper,
        library,
        config: Some(config),
        limit: Duration::from_secs(60),
    };
    let recipe = Recipe::sound(PRESETS[0], 1).unwrap();
    let rig = Rig::plug(recipe, &address(0), &address(1)).unwrap();
    drive::ready(&target, Duration::from_secs(30)).unwrap();
    let all = faults::table().unwrap();
    let mut survivors = Vec::new();
    for fault in &all {
        let case = suite.cases.iter().find(|case| case.id == fault.case);
        let case = case.unwrap();
        let end = drive::run(case, &target, &rig, Some(&fault.bend), &mut NoSink).unwrap();
        let reason = end.reason.unwrap_or_default();
        if end.verdict == Verdict::Fail {
            println!("{}: {}: {reason}", fault.id, case.id);
        } else {
            survivors.push(format!(
                "{} ({}): {:?} {reason}",
                fault.id, case.id, end.verdict
            ));
        }
    }
    assert!(survivors.is_empty(), "not found:\n{}", survivors.join("\n"));
    let named: BTreeSet<&str> = all.iter().map(|fault| fault.case.as_str()).collect();
    let untried: Vec<_> = suite
        .cases
        .iter()
        .filter(|case| !named.contains(case.id.as_str()))
        .map(|case| &case.id)
        .collect();
    assert!(
        untried.is_empty(),
        "no defective terminal shows that these can fail: {untried:?}"
    );
    for (body, told) in HOSTILE {
        let target = Target {
            library: compiled(folder.path(), body),
            config: None,
            limit: Duration::from_secs(5),
            ..target.clone()
        };
        let case = &suite.cases[0];
        let end = drive::run(case, &target, &rig, None, &mut NoSink).unwrap();
        let reason = end.reason.unwrap_or_default();
        assert_eq!(end.verdict, Verdict::Fail, "{body}: {reason}");
        assert!(reason.contains(told), "{body}: {reason}");
    }
    println!(
        "conformance: terminal: {} cases pass on librhc_reader.so, {} of {} defective terminals found",
        suite.cases.len(),
        all.len(),
        all.len()
    );
}

/// The whole suite on a library. The child finds the daemon by its environment variable, so it runs in a process of its own.
fn order(daemon: &Daemon, library: &Path, config: &Path, out: &Path) -> Command {
    let address = |at: usize| daemon.readers()[at].place.address();
    let mut command = Command::new(PROGRAM);
    command
        .args("run --suite terminal --no-pdf --library-verifies --library".split(' '))
        .arg(library)
        .arg("--library-config")
        .arg(config)
        .args(["--card-vpcd", &address(0), "--sam-vpcd", &address(1)])
        .arg("--out")
        .arg(out)
        .env("RHC_LANG", "en")
        .env(daemon.environment().0, daemon.environment().1);
    command
}

/// Begins and is killed when some cases are done.
fn killed(mut order: Command, out: &Path) {
    let mut running = order
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while verdicts(out).len() < 3 {
        let gone = running.try_wait().unwrap();
        assert!(gone.is_none(), "it ended before it was killed: {gone:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(!out.join("manifest.json").exists());
}

fn ended(mut order: Command) -> (Option<i32>, String) {
    let done = order.output().unwrap();
    let said =
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code(), said)
}

/// The chips of an order that ended are out.
fn away(daemon: &Daemon) {
    for reader in daemon.readers() {
        daemon.wait_card(reader, false).unwrap();
    }
}

/// Cases that came to a verdict, in the record's order; its last line may be half written.
fn verdicts(out: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(out.join("evidence.jsonl")).unwrap_or_default();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let id = |record: serde_json::Value| {
        (record["t"] == "verdict").then(|| record["id"].as_str().unwrap().to_owned())
    };
    lines.filter_map(id).collect()
}

fn reported(out: &Path) -> usize {
    let text = std::fs::read(out.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&text).unwrap();
    report["cases"].as_array().unwrap().len()
}

/// What PowerOn of a hostile library does, and what is said of it.
const HOSTILE: [(&str, &str); 4] = [
    ("for (;;) ;", "no answer within 5 s"),
    ("abort();", "the library ended its process"),
    ("exit(0);", "the library ended its process"),
    ("memset(atr, 0xFF, 16384); return 0;", "iR_DDF1EF05Info"),
];

/// A library with `iDOpenPort`, `iDClosePort` and a PowerOn of this body; all else is missing.
fn compiled(folder: &Path, body: &str) -> PathBuf {
    let source = folder.join("hostile.c");
    let text = format!(
        "#include <stdlib.h>\n#include <string.h>\n\
         void *iDOpenPort(void) {{ return (void *)1; }}\nint iDClosePort(void) {{ return 0; }}\n\
         int PowerOn(void *device, int slot, char *atr) {{ {body} }}\n"
    );
    std::fs::write(&source, text).unwrap();
    let library = folder.join("hostile.so");
    let done = Command::new("gcc")
        .args(["-w", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .expect("apt-get install gcc libc6-dev");
    assert!(done.success());
    library
}

/// The program with the daemon's address in its environment.
fn through(daemon: &Daemon, path: &Path) {
    use std::io::Write as _;
    let (name, value) = daemon.environment();
    let text = format!(
        "#!/bin/sh\nexec env {name}='{}' '{PROGRAM}' \"$@\"\n",
        value.to_string_lossy()
    );
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o700)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
