//! `rhc-station` as a process, as far as it gets without reader and services: exit codes, both languages, JSON.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::Timestamp;
use kms_platform::ca::Authority;
use kms_platform::name::{Peer, Role};
use serde_json::Value;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

struct Office {
    folder: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Timestamp::now();
        let root = Authority::root("test", now).expect("a root");
        for (area, file) in [("4101", "station.json"), ("0", "country.json")] {
            let peer =
                Peer::new(area.parse().expect("an area"), Role::Station, "st1").expect("a name");
            let identity = root.issue(&peer, &[], now).expect("an identity");
            identity.write(&folder.path().join(file)).expect("written");
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn station(&self, lang: &str, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rhc-station"));
        command
            .current_dir(self.folder.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("RHC_LANG", lang)
            .args(args)
            .output()
            .expect("runs")
    }

    /// `personalise` with services that nobody serves.
    fn personalise(&self, lang: &str, applicants: &Path, more: &[&str]) -> Output {
        let file = applicants.to_str().expect("a path");
        let mut args = vec![
            "personalise",
            "--applicants",
            file,
            "--reader",
            "R",
            "--sam-reader",
            "S",
        ];
        args.extend([
            "--sam-pin-file",
            "pin",
            "--kms",
            "https://127.0.0.1:9",
            "--registry",
            "https://127.0.0.1:9",
        ]);
        args.extend([
            "--identity",
            "station.json",
            "--ticket",
            "T",
            "--journal",
            "journal",
        ]);
        args.extend(more);
        self.station(lang, &args)
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

/// The faulty rows of the examples alone: nobody is left to be issued, so neither reader nor service is needed.
fn only_faulty(office: &Office) -> PathBuf {
    let text =
        std::fs::read_to_string(format!("{EXAMPLES}/applicants-faulty.csv")).expect("an example");
    let lines: Vec<&str> = text.lines().collect();
    let path = office.path("faulty.csv");
    std::fs::write(&path, lines[..9].join("\n")).expect("written");
    path
}

#[test]
fn faulty_rows_are_told_with_line_column_and_reason() {
    let office = Office::new();
    let file = only_faulty(&office);
    let output = office.personalise("en", &file, &["--json", "--report", "report.json"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let report = json(&output);
    assert_eq!(
        (report["verdict"].as_str(), report["exit_code"].as_u64()),
        (Some("rows-faulty"), Some(3))
    );
    let first = &report["row_faults"][0];
    assert_eq!(
        (first["line"].as_u64(), first["column"].as_str()),
        (Some(2), Some("id_number"))
    );
    assert!(
        first["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("check character"))
    );
    let kept = std::fs::read(office.path("report.json")).expect("written");
    assert_eq!(
        serde_json::from_slice::<Value>(&kept).expect("JSON"),
        report
    );

    let output = office.personalise("zh", &file, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains("校验码不对"));
}

#[test]
fn a_file_that_is_no_table_and_a_row_that_is_not_there() {
    let office = Office::new();
    let file = office.path("other.csv");
    std::fs::write(&file, "name,sex,colour\n").expect("written");
    let output = office.personalise("en", &file, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("column 3 of the header is unknown"),
        "{}",
        stderr(&output)
    );

    assert_eq!(
        office
            .personalise("en", &office.path("none.csv"), &[])
            .status
            .code(),
        Some(4)
    );
    let good = PathBuf::from(format!("{EXAMPLES}/applicants.csv"));
    let output = office.personalise("en", &good, &["--row", "4"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("no row 4; the file has 3"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_identity_others_may_read_and_one_without_area() {
    let office = Office::new();
    let good = PathBuf::from(format!("{EXAMPLES}/applicants.csv"));
    let output = office.personalise("en", &good, &["--identity", "country.json"]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "an option twice is wrong usage"
    );
    let open = office.path("station.json");
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("changed");
    let output = office.personalise("en", &good, &[]);
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("chmod 600"), "{}", stderr(&output));
}

#[test]
fn the_journal_is_listed_without_services() {
    let office = Office::new();
    assert_eq!(
        office
            .station("en", &["journal", "list", "--journal", "none"])
            .status
            .code(),
        Some(4)
    );
    let own = office.station("en", &["journal", "list"]);
    assert_eq!(own.status.code(), Some(0), "{}", stderr(&own));
    std::fs::create_dir(office.path("journal")).expect("made");
    let output = office.station("en", &["journal", "list", "--journal", "journal"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("no half-made cards"));
    std::fs::write(office.path("journal/journal.log"), "damaged\nline\n").expect("written");
    let output = office.station("zh", &["journal", "list", "--journal", "journal", "--json"]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
}

#[test]
fn help_shows_examples_and_wrong_usage_is_two() {
    let office = Office::new();
    let output = office.station("en", &["--help"]);
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(help.contains("Examples:") && help.contains("rhc-station personalise --applicants"));
    assert_eq!(
        office
            .station("en", &["sam", "--stage", "third"])
            .status
            .code(),
        Some(2)
    );
}
