//! `rhc-hospital verify` as a hospital runs it: the program, the real PC/SC daemon, virtual readers.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use cardlib_card::cert::Mark;
use cardlib_sim::VirtualCard;
use cardlib_sim::fault::{Fault, Order};
use cardlib_sim::vpcd::{Manner, Slot};
use common::{NUMBER, TODAY, card_with, content, good, root, sam, sam_of};
use tempfile::TempDir;
use tests_stand::{Daemon, Reader};

/// A desk with readers; each card sits in a reader of its own for the whole test.
struct Desk {
    daemon: Daemon,
    folder: TempDir,
    taken: usize,
}

impl Desk {
    fn new() -> Self {
        let daemon =
            Daemon::start(14).expect("pcscd with vpcd (apt-get install pcscd vsmartcard-vpcd)");
        let desk = Self {
            daemon,
            folder: tempfile::tempdir().expect("folder"),
            taken: 0,
        };
        desk.file("sam.pin", "123456\n", 0o600);
        desk.file("root.key", &root_key(), 0o644);
        desk
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
        path
    }

    fn empty_reader(&mut self) -> Reader {
        self.taken += 1;
        self.daemon.readers()[self.taken - 1].clone()
    }

    /// Puts a chip into the next reader, and says which.
    fn insert(&mut self, chip: impl VirtualCard + Send + 'static) -> String {
        self.insert_with(chip, None)
    }

    fn insert_with(
        &mut self,
        mut chip: impl VirtualCard + Send + 'static,
        fault: Option<(Fault, u64)>,
    ) -> String {
        let reader = self.empty_reader();
        let address = reader.place.address();
        let fault = fault.map(|(fault, at)| Order { fault, at });
        thread::spawn(move || {
            let slot = Slot::connect(&address, Duration::from_secs(5)).expect("reader");
            // The end of the test closes the reader: whatever that gives is no matter of the test.
            let _ = slot.serve(
                &mut chip,
                Manner {
                    delay: Duration::ZERO,
                    fault,
                },
            );
        });
        self.daemon.wait_card(&reader, true).expect("inserted");
        reader.name
    }

    fn verify(&self, card: &str, sam: &str, more: &[&str]) -> Output {
        self.run(card, sam, &self.folder.path().join("sam.pin"), more)
    }

    fn run(&self, card: &str, sam: &str, pin: &Path, more: &[&str]) -> Output {
        let (name, socket) = self.daemon.environment();
        Command::new(env!("CARGO_BIN_EXE_rhc-hospital"))
            .args([
                "verify",
                "--reader",
                card,
                "--sam-reader",
                sam,
                "--date",
                TODAY,
                "--sam-pin-file",
            ])
            .arg(pin)
            .args(more)
            .env(name, socket)
            .env("RHC_LANG", "en")
            .env("RHC_LOG", "trace")
            .output()
            .expect("the program")
    }
}

fn root_key() -> String {
    root()
        .verifying_key()
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {}", text(output)))
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn verdicts_and_troubles_at_the_desk() {
    let mut desk = Desk::new();
    let sam_in = desk.insert(sam());
    let card_in = desk.insert(good());
    a_good_card_twice_in_a_row(&desk, &card_in, &sam_in);
    nothing_personal_is_logged(&desk, &card_in, &sam_in);
    chinese_for_a_chinese_reader(&desk, &card_in, &sam_in);
    wrong_settings_are_said_before_a_card_is_touched(&desk, &card_in, &sam_in);

    let forged = desk.insert(card_with(&content(&[]), 1));
    let output = desk.verify(&forged, &sam_in, &["--json"]);
    assert_eq!(
        (json(&output)["verdict"].as_str(), output.status.code()),
        (Some("forged"), Some(3))
    );

    let other_sam = desk.insert(sam_of(4, Mark::Test));
    let output = desk.verify(&card_in, &other_sam, &["--json"]);
    assert_eq!(json(&output)["verdict"], "not-permitted-with-this-sam");
    assert_eq!(
        (
            json(&output)["authenticated"].as_bool(),
            output.status.code()
        ),
        (Some(true), Some(3))
    );

    for (fault, at, trouble) in [
        (Fault::PullAt, 9, "card-lost"),
        (Fault::PullAfter, 20, "card-lost"),
        (Fault::ShortAt(0), 5, "card-silent"),
        (Fault::ShortAt(1), 5, "card-lost"),
        (Fault::SilentAt, 5, "card-silent"),
    ] {
        let faulty = desk.insert_with(good(), Some((fault, at)));
        let output = desk.verify(&faulty, &sam_in, &["--json", "--time-limit", "1"]);
        let report = json(&output);
        let said = (report["trouble"].as_str(), output.status.code());
        assert_eq!(said, (Some(trouble), Some(4)), "{fault:?}: {report}");
    }
    let empty = desk.empty_reader();
    let output = desk.verify(&empty.name, &sam_in, &["--json"]);
    assert_eq!(
        (json(&output)["trouble"].as_str(), output.status.code()),
        (Some("no-card"), Some(4))
    );
    assert!(text(&output).contains("put one in"));

    desk.daemon.stop();
    let output = desk.verify(&card_in, &sam_in, &["--json"]);
    assert_eq!(
        (json(&output)["trouble"].as_str(), output.status.code()),
        (Some("pcsc-down"), Some(4))
    );
}

fn a_good_card_twice_in_a_row(desk: &Desk, card: &str, sam: &str) {
    let root = desk.folder.path().join("root.key");
    for _ in 0..2 {
        let output = desk.verify(
            card,
            sam,
            &["--json", "--root-key", root.to_str().expect("utf-8")],
        );
        let report = json(&output);
        assert_eq!(
            (report["verdict"].as_str(), output.status.code()),
            (Some("genuine"), Some(0)),
            "{report}"
        );
        assert_eq!(report["certificates_by_root"], true);
        assert_eq!(report["card"]["number"], "410101***********2");
        assert!(report["timings"]["reader_ms"].as_f64() > Some(0.0));
    }
    let shipped = desk.verify(card, sam, &["--json"]);
    let by_root = &json(&shipped)["certificates_by_root"];
    assert_eq!(by_root, true, "the TEST root is shipped");
    let table = desk.verify(card, sam, &[]);
    assert!(text(&table).contains("genuine"), "{}", text(&table));
}

fn nothing_personal_is_logged(desk: &Desk, card: &str, sam: &str) {
    let output = desk.verify(card, sam, &[]);
    let said = text(&output);
    assert!(said.contains("00 B2"), "the trace shows headers: {said}");
    for secret in [NUMBER, "123456", "张三丰", "19850712", "1985-07-12"] {
        assert!(!said.contains(secret), "{secret} is shown");
    }
    let full = desk.verify(card, sam, &["--full"]);
    assert!(String::from_utf8_lossy(&full.stdout).contains(NUMBER));
    assert!(!String::from_utf8_lossy(&full.stderr).contains(NUMBER));
}

fn chinese_for_a_chinese_reader(desk: &Desk, card: &str, sam: &str) {
    let (name, socket) = desk.daemon.environment();
    let output = Command::new(env!("CARGO_BIN_EXE_rhc-hospital"))
        .args([
            "verify",
            "--reader",
            card,
            "--sam-reader",
            sam,
            "--date",
            TODAY,
            "--sam-pin-file",
        ])
        .arg(desk.folder.path().join("sam.pin"))
        .env(name, socket)
        .env("RHC_LANG", "zh_CN.UTF-8")
        .output()
        .expect("the program");
    assert!(
        text(&output).contains("真卡") && text(&output).contains("持卡人"),
        "{}",
        text(&output)
    );
}

fn wrong_settings_are_said_before_a_card_is_touched(desk: &Desk, card: &str, sam: &str) {
    let open = desk.file("open.pin", "123456", 0o644);
    let output = desk.run(card, sam, &open, &[]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output).contains("chmod 600"), "{}", text(&output));

    let long = desk.file("long.pin", "1234567", 0o600);
    let output = desk.run(card, sam, &long, &[]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        text(&output).contains("six digits") && !text(&output).contains("1234567"),
        "{}",
        text(&output)
    );

    let wrong = desk.file("wrong.pin", "000000", 0o600);
    let output = desk.run(card, sam, &wrong, &["--json"]);
    assert_eq!(
        (json(&output)["trouble"].as_str(), output.status.code()),
        (Some("sam-pin-wrong"), Some(4))
    );

    let output = desk.verify(card, card, &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let output = desk.verify("Gemplus", sam, &["--json"]);
    assert_eq!(
        (json(&output)["trouble"].as_str(), output.status.code()),
        (Some("no-reader"), Some(4))
    );
    let output = desk.verify(card, sam, &["--registry", "https://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(2), "no identity");
}
