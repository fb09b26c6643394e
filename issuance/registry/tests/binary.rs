//! The program as people and scripts meet it: start, foreign clients, command line, stop.
#![allow(clippy::unwrap_used)] // a failed unwrap is the failed test

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use common::{ANNA, House, Stand};
use kms_platform::identity::Identity;

const BIN: &str = env!("CARGO_BIN_EXE_rhc-registry");

struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(dir: &Path, house: &House) -> Self {
        let identity = dir.join("registry.json");
        house
            .identity("rhc://41/registry/r1")
            .write(&identity)
            .unwrap();
        let mut child = Command::new(BIN)
            .args(["serve", "--listen", "127.0.0.1:0", "--mark", "test", "--db"])
            .arg(format!("sqlite:{}", dir.join("registry.db").display()))
            .stdout(Stdio::piped())
            .env("RHC_LOG", "trace")
            .stderr(std::fs::File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .expect("the ready line")
            .to_owned();
        Self { child, url }
    }

    fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn export(dir: &Path, identity: &Identity) {
    std::fs::write(dir.join("key.pem"), identity.key_pem().as_bytes()).unwrap();
    std::fs::write(dir.join("chain.pem"), identity.chain_pem()).unwrap();
    std::fs::write(dir.join("root.pem"), identity.anchors_pem()).unwrap();
}

/// curl as this identity: status and body.
fn curl(dir: &Path, url: &str, data: Option<&str>) -> (String, String) {
    let mut command = Command::new("curl");
    command.current_dir(dir).args([
        "-sS",
        "--cacert",
        "root.pem",
        "--cert",
        "chain.pem",
        "--key",
        "key.pem",
    ]);
    command.args([
        "-w",
        "\n%{http_code} %{content_type}",
        "-H",
        "Content-Type: application/json",
        url,
    ]);
    if data.is_some() {
        command.args(["--data-binary", "@-"]);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is installed");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(data.unwrap_or_default().as_bytes())
        .unwrap();
    let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn curl_can_work_with_it_and_no_rubbish_brings_it_down() {
    let (house, dir) = (House::new(), tempfile::tempdir().unwrap());
    let mut running = Running::start(dir.path(), &house);
    export(dir.path(), &house.identity("rhc://4101/station/st1"));
    let url = |path: &str| format!("{}{path}", running.url);

    let good = format!(r#"{{"card_number":"{ANNA}","area":"410101","factor":"1122334455667788"}}"#);
    let (status, body) = curl(dir.path(), &url("/v1/reservations"), Some(&good));
    assert_eq!(status, "200 application/json", "{body}");
    let serial = serde_json::from_str::<serde_json::Value>(&body).unwrap()["serial"]
        .as_str()
        .unwrap()
        .to_owned();

    let unknown_member = good.replace("\"area\"", "\"name\":\"x\",\"area\"");
    let deep = "[".repeat(100_000);
    let rubbish: [(&str, &str, &str); 9] = [
        ("/v1/reservations", "", "400"),
        ("/v1/reservations", "{", "400"),
        ("/v1/reservations", "\u{0}\u{1}", "400"),
        ("/v1/reservations", &deep, "400"),
        ("/v1/reservations", &unknown_member, "400"),
        (
            "/v1/reservations",
            &good.replace("410101", "4101010101010101"),
            "400",
        ),
        ("/v1/cards", "{}", "400"),
        (
            "/v1/cards/%2e%2e/events",
            r#"{"event":"voided","reason":"x"}"#,
            "422",
        ),
        ("/v2/anything", "{}", "404"),
    ];
    for (path, body, wanted) in rubbish {
        let (status, answer) = curl(dir.path(), &url(path), Some(body));
        assert_eq!(
            status,
            format!("{wanted} application/problem+json"),
            "{path} {body:.60} {answer}"
        );
        let problem: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert!(
            problem["type"]
                .as_str()
                .unwrap()
                .starts_with("urn:rhc:problem:"),
            "{answer}"
        );
        assert!(
            problem["next"]
                .as_str()
                .is_some_and(|next| !next.is_empty())
                && !answer.contains(ANNA),
            "{answer}"
        );
    }
    assert_eq!(
        curl(dir.path(), &url("/v1/reservations"), None).0,
        "405 application/problem+json"
    );
    let (status, body) = curl(dir.path(), &url(&format!("/v1/cards/{serial}")), None);
    assert_eq!(status, "200 application/json", "{body}");
    assert!(
        running.resident_kib() < 64 * 1024,
        "{} KiB resident",
        running.resident_kib()
    );
    let begun = std::time::Instant::now();
    assert_eq!(running.terminate(), Some(0));
    assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
}

#[test]
fn what_was_committed_survives_a_kill() {
    let (house, dir) = (House::new(), tempfile::tempdir().unwrap());
    let mut running = Running::start(dir.path(), &house);
    let client = |url: &str| {
        issuance_registry_api::RegistryClient::new(url, &house.identity("rhc://4101/station/st1"))
            .unwrap()
    };
    let first = client(&running.url)
        .reserve(&common::reservation(ANNA, "1122334455667788"))
        .unwrap();
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    std::fs::remove_file(dir.path().join("registry.json")).unwrap();
    let again = Running::start(dir.path(), &house);
    let second = client(&again.url)
        .reserve(&common::reservation(ANNA, "1122334455667788"))
        .unwrap();
    assert_eq!(first, second);
}

/// Killed in the middle of work, five times: the record is whole, and every promise that was given is kept.
#[test]
fn kills_break_neither_the_record_nor_a_promise() {
    let (house, dir) = (House::new(), tempfile::tempdir().unwrap());
    let station = house.identity("rhc://4101/station/st1");
    let mut promised = Vec::new();
    for round in 0..5 {
        let _ = std::fs::remove_file(dir.path().join("registry.json"));
        let mut running = Running::start(dir.path(), &house);
        let client = issuance_registry_api::RegistryClient::new(&running.url, &station).unwrap();
        let ask = |round: u32, n: u32| {
            let (person, chip) = (
                format!("4101011970{round:04}{n:03}X"),
                format!("{round:08X}{n:08X}"),
            );
            client
                .reserve(&common::reservation(&person, &chip))
                .map(|reserved| reserved.serial)
        };
        for (round, n, serial) in &promised {
            assert_eq!(&ask(*round, *n).unwrap(), serial);
        }
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                (0..999)
                    .map_while(|n| ask(round, n).ok().map(|serial| (round, n, serial)))
                    .collect::<Vec<_>>()
            });
            std::thread::sleep(std::time::Duration::from_millis(60 + 17 * u64::from(round)));
            running.child.kill().unwrap();
            promised.extend(worker.join().unwrap());
        });
        let db = format!("sqlite:{}", dir.path().join("registry.db").display());
        let verified = tool(&["audit", "verify", "--db", &db]);
        assert_eq!(
            verified.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&verified.stderr)
        );
    }
    assert!(
        promised.len() > 5,
        "{} reservations in five rounds",
        promised.len()
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let stand = Stand::new();
    stand.card(ANNA, "1122334455667788");
    let mut child = Command::new(BIN)
        .args(["card", ANNA, "--json", "--db", &db(&stand)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The most talkative setting: whatever our libraries log then must not be a person's number.
#[test]
fn no_log_level_shows_a_number() {
    let (house, dir) = (House::new(), tempfile::tempdir().unwrap());
    let log = dir.path().join("log");
    let mut running = Running::start(dir.path(), &house);
    let client = |uri: &str| {
        issuance_registry_api::RegistryClient::new(&running.url, &house.identity(uri)).unwrap()
    };
    let (station, clerk) = (
        client("rhc://4101/station/st1"),
        client("rhc://41/clerk/li"),
    );
    let reserved = station
        .reserve(&common::reservation(ANNA, "1122334455667788"))
        .unwrap();
    clerk.cards(ANNA).unwrap();
    clerk
        .verify(&ANNA.parse().unwrap(), &reserved.serial, None)
        .unwrap();
    running.terminate();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.contains("TRACE") && log.contains("registry opens"),
        "the log is there"
    );
    assert!(
        !log.contains(ANNA),
        "{}",
        log.lines().find(|line| line.contains(ANNA)).unwrap()
    );
}

fn tool(args: &[&str]) -> Output {
    Command::new(BIN)
        .args(args)
        .env_remove("RHC_LANG")
        .env("RHC_LOG", "trace")
        .output()
        .unwrap()
}

fn db(stand: &Stand) -> String {
    format!("sqlite:{}", stand.db.display())
}

fn file(dir: &Path, name: &str, identity: &Identity) -> PathBuf {
    let path = dir.join(name);
    identity.write(&path).unwrap();
    path
}

#[test]
fn a_clerk_works_at_the_machine_and_over_the_network() {
    let stand = Stand::new();
    let card = stand.card(ANNA, "1122334455667788");
    let (db, url) = (db(&stand), stand.url());
    let clerk = file(
        stand.dir(),
        "clerk.json",
        &stand.house.identity("rhc://41/clerk/li"),
    );
    let clerk = clerk.to_str().unwrap();

    let lost = tool(&[
        "card",
        ANNA,
        "--set",
        "lost",
        "--reason",
        "by telephone",
        "--db",
        &db,
        "--json",
    ]);
    assert_eq!(
        lost.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&lost.stderr)
    );
    let told: serde_json::Value = serde_json::from_slice(&lost.stdout).unwrap();
    assert_eq!(told["cards"][0]["state"], "lost");
    assert!(
        told["cards"][0]["history"][2]["actor"]
            .as_str()
            .unwrap()
            .starts_with("local uid ")
    );

    let remote = tool(&[
        "card",
        card.serial.as_str(),
        "--url",
        &url,
        "--identity",
        clerk,
    ]);
    let text = String::from_utf8_lossy(&remote.stdout);
    assert!(
        text.contains("lost") && text.contains("by telephone") && !text.contains(ANNA),
        "{text}"
    );
    let found = tool(&[
        "card",
        ANNA,
        "--set",
        "found",
        "--reason",
        "ok",
        "--url",
        &url,
        "--identity",
        clerk,
        "--json",
    ]);
    // However talkative the logs are made: the number, which is in the address asked, is not in them.
    let log = String::from_utf8_lossy(&found.stderr);
    assert!(!log.is_empty() && !log.contains(ANNA), "{log}");
    let told: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(told["cards"][0]["state"], "active");

    let again = tool(&[
        "card", ANNA, "--set", "found", "--reason", "other", "--db", &db,
    ]);
    assert_eq!(again.status.code(), Some(3));
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("rhc-registry card"),
        "the next step is told"
    );
    let zh = Command::new(BIN)
        .args(["card", ANNA, "--db", &db])
        .env("RHC_LANG", "zh")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&zh.stdout).contains("正常"));

    let verified = tool(&["audit", "verify", "--db", &db, "--json"]);
    assert_eq!(
        verified.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}

#[test]
fn exit_codes_tell_usage_from_wrong_from_environment() {
    let stand = Stand::new();
    let db = db(&stand);
    let clerk = file(
        stand.dir(),
        "clerk.json",
        &stand.house.identity("rhc://41/clerk/li"),
    );
    let clerk = clerk.to_str().unwrap();
    let nowhere = stand.dir().join("missing.db").display().to_string();
    for (args, code) in [
        // Without --db and --url it is registry.db in the current folder, where there is none.
        (&["card", ANNA][..], 4),
        (&["card", ANNA, "--db", &db, "--set", "lost"], 2),
        (&["card", ANNA, "--db", "postgres://x"], 2),
        (&["card", ANNA, "--db", &db], 3),
        (&["card", "hello", "--db", &db], 3),
        (&["card", ANNA, "--db", &nowhere], 4),
        (
            &[
                "card",
                ANNA,
                "--url",
                "https://127.0.0.1:1",
                "--identity",
                clerk,
            ],
            4,
        ),
        (
            &[
                "serve",
                "--db",
                &db,
                "--listen",
                "127.0.0.1:0",
                "--identity",
                "/nowhere.json",
            ],
            4,
        ),
        (
            &[
                "serve",
                "--db",
                &db,
                "--listen",
                "127.0.0.1:0",
                "--identity",
                clerk,
            ],
            2,
        ),
    ] {
        let output = tool(args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !said.is_empty() && !said.contains(ANNA),
            "{args:?} says why without the number: {said}"
        );
    }
}

#[test]
fn a_store_keeps_its_mark_and_its_area() {
    let mut stand = Stand::new();
    stand.stop();
    let db = db(&stand);
    let mine = file(
        stand.dir(),
        "r41.json",
        &stand.house.identity("rhc://41/registry/r1"),
    );
    let other = file(
        stand.dir(),
        "r42.json",
        &stand.house.identity("rhc://42/registry/r1"),
    );
    for (identity, mark, why) in [
        (&mine, "production", "TEST"),
        (&mine, "demo", "TEST"),
        (&other, "test", "belongs to 41"),
    ] {
        let args = [
            "serve",
            "--db",
            &db,
            "--listen",
            "127.0.0.1:0",
            "--mark",
            mark,
            "--identity",
            identity.to_str().unwrap(),
        ];
        let output = tool(&args);
        assert_eq!(output.status.code(), Some(4));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(why),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn a_flipped_audit_row_is_found_from_the_command_line() {
    let mut stand = Stand::new();
    stand.card(ANNA, "1122334455667788");
    stand.stop();
    let flip = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('DROP TRIGGER audit_never_changes'); \
                c.execute(\"UPDATE audit SET outcome='refused x' WHERE seq=3\"); c.commit()";
    let python = Command::new("python3")
        .args(["-c", flip])
        .arg(&stand.db)
        .status()
        .expect("python3 is installed");
    assert!(python.success());
    let output = tool(&["audit", "verify", "--db", &db(&stand)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("row 3"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
