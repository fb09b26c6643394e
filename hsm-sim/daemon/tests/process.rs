//! `rhc-hsm` as a process: two sockets, strangers, garbage, crashes, users.
#![allow(clippy::unwrap_used)]

use hsm_wire::attributes::{KeyAttributes, Leaves};
use hsm_wire::client::{ClientError, OfficerClient, OperatorClient};
use hsm_wire::fill::{Derived, FillRequest, Level, MECHANISM, Segment, SessionKey, Step};
use hsm_wire::frame;
use hsm_wire::officer::{KeySource, OfficerRequest, OrderDone, OrderOp};
use hsm_wire::operator::{OperatorRequest, OperatorResult};
use hsm_wire::order::{Body, OfficerKey, Order};
use hsm_wire::secret::OperatorSecret;
use hsm_wire::ticket::{Target, TicketSpec};
use hsm_wire::{Algorithm, BaseClass, ErrorCode, Mark, Usage};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const BIN: &str = env!("CARGO_BIN_EXE_rhc-hsm");

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(BIN)
        .args(arguments)
        .current_dir(directory)
        .env_remove("RHC_LANG")
        .output()
        .unwrap()
}

fn ok(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A store with two officers, and the process that serves it.
struct House {
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl House {
    fn new(mark: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["zhang", "li"] {
            ok(
                dir.path(),
                &[
                    "officer-key",
                    "--name",
                    name,
                    "--out",
                    &format!("{name}.key"),
                ],
            );
        }
        let mut house = Self { dir, child: None };
        house.init(mark, &[]);
        house
    }

    fn init(&mut self, mark: &str, more: &[&str]) {
        let mut arguments = vec![
            "init",
            "--store",
            "hsm",
            "--mark",
            mark,
            "--officer",
            "zhang=zhang.key.pub",
            "--officer",
            "li=li.key.pub",
            "--operator-cred-out",
            "operator.cred",
            "--unseal-out",
            "unseal",
        ];
        arguments.extend(more);
        ok(self.dir.path(), &arguments);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, secret: &Path, more: &[&str]) -> Command {
        // The shell hands the secret over as descriptor 3 and allows core images, which the HSM must then forbid.
        let script = r#"ulimit -c unlimited 2>/dev/null; secret=$1; shift; exec "$@" 3<"$secret""#;
        let mut command = Command::new("sh");
        command
            .args(["-c", script, "sh"])
            .arg(secret)
            .args([
                BIN,
                "serve",
                "--store",
                "hsm",
                "--socket",
                "s",
                "--officer-socket",
                "o",
                "--unseal-fd",
                "3",
            ])
            .args(more)
            .current_dir(self.dir.path())
            .stderr(Stdio::piped());
        command
    }

    fn serve(&mut self, more: &[&str]) {
        let mut child = self.command(&self.path("unseal"), more).spawn().unwrap();
        let start = Instant::now();
        while OfficerClient::connect(self.path("o"))
            .and_then(|mut client| client.info())
            .is_err()
        {
            assert!(start.elapsed() < Duration::from_secs(20), "does not serve");
            if child.try_wait().unwrap().is_some() {
                let mut text = String::new();
                child.stderr.unwrap().read_to_string(&mut text).unwrap();
                panic!("ended: {text}");
            }
            sleep(Duration::from_millis(20));
        }
        self.child = Some(child);
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    fn operator(&self) -> OperatorClient {
        let secret = OperatorSecret::load(&self.path("operator.cred")).unwrap();
        OperatorClient::connect(self.path("s"), &secret).unwrap()
    }

    fn order(&self, op: OrderOp) -> Result<OrderDone, ClientError> {
        let mut client = OfficerClient::connect(self.path("o")).unwrap();
        let info = client.info().unwrap();
        let body = Body {
            hsm: info.id,
            sequence: info.next_order,
            expires: now() + 60,
            op,
        };
        let mut order = Order::new(body.to_text().unwrap());
        for name in ["zhang.key", "li.key"] {
            order
                .sign(&OfficerKey::load(&self.path(name)).unwrap())
                .unwrap();
        }
        client.execute(&order)
    }

    /// Sends a signal and waits for the end; how it ended.
    fn end(&mut self, signal: &str) -> std::process::ExitStatus {
        let mut child = self.child.take().unwrap();
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        child.wait().unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn make_key(id: &str) -> OrderOp {
    OrderOp::GenerateKey {
        id: id.into(),
        attributes: KeyAttributes {
            algorithm: Algorithm::Sm4,
            name: "k".into(),
            version: 0,
            usage: Usage::Derive,
            leaves: Leaves::default(),
            depth: 0,
        },
        source: KeySource::Random,
    }
}

fn refusal<A>(result: Result<A, ClientError>) -> ErrorCode {
    match result {
        Err(ClientError::Refused(refusal)) => refusal.code,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("was not refused"),
    }
}

#[test]
fn officers_order_and_the_operator_uses() {
    let mut house = House::new("demo");
    house.serve(&[]);
    assert!(house.order(make_key("k")).is_ok());
    assert_eq!(refusal(house.order(make_key("k"))), ErrorCode::KeyExists);
    let mut operator = house.operator();
    assert_eq!(operator.list_keys().unwrap().len(), 1);
    assert_eq!(operator.key("k").unwrap().attributes.usage, Usage::Derive);
    assert_eq!(operator.random(32).unwrap().len(), 32);
    assert_eq!(refusal(operator.key("none")), ErrorCode::NoSuchKey);
    assert_eq!(refusal(operator.mac("k", b"x", 4)), ErrorCode::NotPermitted);
    let audit = operator.audit(0).unwrap();
    assert_eq!(
        hsm_wire::info::verify_audit(hsm_wire::Hex([0; 32]), &audit),
        None
    );
    assert!(
        audit
            .iter()
            .any(|r| r.actor == "officers:li+zhang" && r.operation == "generate-key")
    );
    // The command line's own way, one officer after the other.
    let op = r#"{"destroy-key":{"id":"k"}}"#;
    ok(
        house.dir.path(),
        &[
            "sign",
            "--key",
            "zhang.key",
            "--order",
            "o.json",
            "--officer-socket",
            "o",
            "--op",
            op,
        ],
    );
    let alone = run(
        house.dir.path(),
        &["execute", "--order", "o.json", "--officer-socket", "o"],
    );
    assert_eq!(alone.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("NeedTwoOfficers"));
    let chinese = Command::new(BIN)
        .args(["execute", "--order", "o.json", "--officer-socket", "o"])
        .current_dir(house.dir.path())
        .env("RHC_LANG", "zh")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&chinese.stderr).contains("两名不同管理员"));
    ok(
        house.dir.path(),
        &["sign", "--key", "li.key", "--order", "o.json"],
    );
    ok(
        house.dir.path(),
        &["execute", "--order", "o.json", "--officer-socket", "o"],
    );
    assert!(operator.list_keys().unwrap().is_empty());
    // An orderly end, and everything is there again.
    assert!(house.end("-TERM").success());
    assert!(!house.path("s").exists() && !house.path("o").exists());
    house.serve(&[]);
    assert!(house.operator().audit(0).unwrap().len() > audit.len());
}

#[test]
fn strangers_and_garbage_get_a_refusal_and_the_hsm_stays() {
    let mut house = House::new("demo");
    house.serve(&[]);
    let wrong = OperatorSecret::generate().unwrap();
    assert_eq!(
        refusal(OperatorClient::connect(house.path("s"), &wrong)),
        ErrorCode::WrongCredential
    );
    // Before hello nothing is served.
    let mut stream = UnixStream::connect(house.path("s")).unwrap();
    frame::send(&mut stream, &OperatorRequest::ListKeys).unwrap();
    let answer: OperatorResult = frame::receive(&mut stream, 4096).unwrap().unwrap();
    assert_eq!(answer.err().unwrap().code, ErrorCode::NotAuthenticated);
    // An order on the operator's socket, and an operator's request on the officers'.
    let mut stream = UnixStream::connect(house.path("o")).unwrap();
    frame::send(&mut stream, &OperatorRequest::ListKeys).unwrap();
    let answer: Result<hsm_wire::officer::OfficerAnswer, hsm_wire::HsmError> =
        frame::receive(&mut stream, 4096).unwrap().unwrap();
    assert_eq!(answer.err().unwrap().code, ErrorCode::BadRequest);
    for socket in ["s", "o"] {
        for bytes in [
            &b"\xFF\xFF\xFF\xFF"[..],
            b"\0\0\0\x01\xFF",
            b"\0\0\0\0",
            b"\0\x0F\xFF\xFFabc",
            b"\0",
            b"GET / HTTP/1.1\r\n\r\n",
        ] {
            let mut stream = UnixStream::connect(house.path(socket)).unwrap();
            stream.write_all(bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
        }
    }
    // More connections than there are places: the rest are closed, and places come back.
    let crowd: Vec<_> = (0..100)
        .map(|_| UnixStream::connect(house.path("o")))
        .collect();
    drop(crowd);
    sleep(Duration::from_millis(300));
    let mut officers = OfficerClient::connect(house.path("o")).unwrap();
    assert!(officers.info().is_ok());
    let mut stream = UnixStream::connect(house.path("o")).unwrap();
    frame::send(&mut stream, &OfficerRequest::Info).unwrap();
    let records = house.operator().audit(0).unwrap();
    assert!(
        records
            .iter()
            .any(|r| r.operation == "hello" && r.outcome == "WrongCredential")
    );
}

/// Keys, policy and a ticket over the officers' socket, as a key service would have them.
fn furnish(house: &House, count: u64) {
    let base = |id: &str, class, label: &str, card| OrderOp::GenerateKey {
        id: id.into(),
        attributes: KeyAttributes {
            algorithm: Algorithm::Sm4,
            name: id.into(),
            version: 0,
            usage: Usage::SessionBase(class),
            leaves: Leaves {
                card,
                ..Leaves::default()
            },
            depth: 0,
        },
        source: KeySource::TestFormula(label.into()),
    };
    let policy = include_str!("../../engine/policies/rhc-cos-1-test.json");
    let ticket = TicketSpec {
        id: "t".into(),
        kind: Target::Card,
        count,
        max_attempts_per_factor: 9,
        not_after: now() + 3600,
        base_keys: vec!["transport".into()],
    };
    for op in [
        base(
            "transport",
            BaseClass::CardTransport,
            "RHC-TEST-TRANSPORT",
            None,
        ),
        base("CMK", BaseClass::CardMaster, "RHC-TEST-41-CMK-v0", Some(1)),
        OrderOp::LoadPolicy {
            policy: serde_json::from_str(policy).unwrap(),
        },
        OrderOp::CreateTicket { ticket },
    ] {
        house.order(op).unwrap();
    }
}

fn fill_request(number: u64) -> FillRequest {
    let factor = number.to_be_bytes();
    FillRequest {
        request_id: u128::from(number).to_be_bytes(),
        ticket: "t".into(),
        mark: Mark::Test,
        mechanism: MECHANISM.into(),
        factor,
        base: Derived {
            key: "transport".into(),
            factors: vec![factor],
        },
        slots: vec![Derived {
            key: "CMK".into(),
            factors: vec![factor],
        }],
        mac_texts: vec![],
        steps: vec![
            Step::Open {
                with: SessionKey::Base,
                key_version: 0,
                counter: 0,
                level: Level::MacEnc,
            },
            Step::Command {
                header: [0x84, 0xD4, 1, 0],
                segments: vec![
                    Segment::Literal(vec![0; 9]),
                    Segment::KeySlot(0),
                    Segment::CheckValue(0),
                ],
                level: Level::MacEnc,
            },
        ],
    }
}

/// Killed between any two instructions: what was answered is counted and can be asked for again; what was not
/// answered costs at most the one count that was on its way.
#[test]
fn killed_at_any_moment_no_count_is_lost_or_given_back() {
    let mut house = House::new("test");
    house.serve(&[]);
    furnish(&house, 100_000);
    let mut answered = Vec::new();
    let mut next = 1;
    for round in 0..8 {
        let child = house.child.as_ref().unwrap().id();
        let killer = std::thread::spawn(move || {
            sleep(Duration::from_millis(20 + 13 * round));
            Command::new("kill")
                .args(["-KILL", &child.to_string()])
                .status()
                .unwrap();
        });
        let mut operator = house.operator();
        while let Ok(answer) = operator.fill_card(fill_request(next)) {
            answered.push((next, answer.digest));
            next += 1;
        }
        killer.join().unwrap();
        house.child.take().unwrap().wait().unwrap();
        house.serve(&[]);
        let used = house.operator().ticket("t").unwrap().used;
        assert!(
            (next - 1..=next).contains(&used),
            "{used} counted, {} answered",
            next - 1
        );
        // The request that was cut off is asked again: it goes on where it was, at no second count.
        let answer = house.operator().fill_card(fill_request(next)).unwrap();
        answered.push((next, answer.digest));
        assert_eq!(house.operator().ticket("t").unwrap().used, next);
        next += 1;
    }
    assert!(answered.len() > 16, "only {} answers", answered.len());
    for (number, digest) in answered.iter().rev().take(200) {
        assert_eq!(
            house
                .operator()
                .fill_card(fill_request(*number))
                .unwrap()
                .digest,
            *digest
        );
    }
}

/// Many clients at once share one ticket of 20: exactly 20 factors are served.
#[test]
fn a_crowd_gets_exactly_the_tickets_count() {
    let mut house = House::new("test");
    house.serve(&[]);
    furnish(&house, 20);
    let served: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8u64)
            .map(|worker| {
                let mut operator = house.operator();
                scope.spawn(move || {
                    (0..8u64)
                        .filter(
                            |n| match operator.fill_card(fill_request(1 + worker * 8 + n)) {
                                Ok(_) => true,
                                Err(error) => {
                                    assert_eq!(refusal::<()>(Err(error)), ErrorCode::TicketEmpty);
                                    false
                                }
                            },
                        )
                        .count()
                })
            })
            .collect();
        workers.into_iter().map(|w| w.join().unwrap()).sum()
    });
    assert_eq!(served, 20);
    assert_eq!(house.operator().ticket("t").unwrap().used, 20);
}

#[test]
fn a_crash_leaves_no_core_image_and_loses_nothing() {
    let mut house = House::new("test");
    house.serve(&[]);
    house.order(make_key("k")).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", house.pid())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"],
        "{core}"
    );
    let status = house.end("-ABRT");
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped(), "left a core image");
    let left: Vec<_> = fs::read_dir(house.dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        !left.iter().any(|name| name.starts_with("core")),
        "{left:?}"
    );
    // The dead sockets are replaced, the key is there.
    house.serve(&[]);
    assert_eq!(house.operator().list_keys().unwrap().len(), 1);
    // A second process on the same store, or the same sockets, is refused.
    let mut second = house.command(&house.path("unseal"), &[]).spawn().unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(4));
    assert_eq!(house.operator().list_keys().unwrap().len(), 1);
}

#[test]
fn the_unsealing_secret_is_read_and_gone() {
    let mut house = House::new("test");
    house.serve(&[]);
    let descriptors = fs::read_dir(format!("/proc/{}/fd", house.pid())).unwrap();
    let secret = house.path("unseal").canonicalize().unwrap();
    for descriptor in descriptors {
        let target = fs::read_link(descriptor.unwrap().path());
        assert!(
            target.is_ok_and(|t| t != secret),
            "the secret's file is still open"
        );
    }
    let environment = fs::read(format!("/proc/{}/environ", house.pid())).unwrap();
    let arguments = fs::read(format!("/proc/{}/cmdline", house.pid())).unwrap();
    let text = fs::read(&secret).unwrap();
    for (place, bytes) in [("environment", environment), ("arguments", arguments)] {
        assert!(!bytes.windows(64).any(|w| w == &text[..64]), "{place}");
    }
    for name in ["unseal", "operator.cred", "zhang.key"] {
        assert_eq!(
            fs::metadata(house.path(name)).unwrap().mode() & 0o777,
            0o600,
            "{name}"
        );
    }
    assert_eq!(fs::metadata(house.path("s")).unwrap().mode() & 0o777, 0o660);
    assert_eq!(
        fs::metadata(house.path("hsm")).unwrap().mode() & 0o777,
        0o700
    );
}

#[test]
fn wrong_secrets_and_changed_stores_are_named() {
    let mut house = House::new("test");
    fs::write(house.path("other"), "ab".repeat(32)).unwrap();
    fs::write(house.path("short"), "abcd").unwrap();
    for (name, code, text) in [
        ("other", 3, "not this store's"),
        ("short", 3, "64 hexadecimal digits"),
    ] {
        let output = house.command(&house.path(name), &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(text),
            "{name}"
        );
    }
    let chinese = house
        .command(&house.path("other"), &[])
        .env("RHC_LANG", "zh")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&chinese.stderr).contains("解封密钥"));
    let snapshot = house.path("hsm/snapshot-0.sealed");
    let mut bytes = fs::read(&snapshot).unwrap();
    bytes[100] ^= 1;
    fs::write(&snapshot, &bytes).unwrap();
    let output = house.command(&house.path("unseal"), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("backup"));
    bytes[100] ^= 1;
    fs::write(&snapshot, &bytes).unwrap();
    house.serve(&[]);
}

#[test]
fn init_refuses_what_would_be_a_mistake() {
    let house = House::new("test");
    let dir = house.dir.path();
    let init = |more: &[&str]| {
        let mut arguments = vec![
            "init",
            "--store",
            "new",
            "--operator-cred-out",
            "op2",
            "--officer",
            "zhang=zhang.key.pub",
        ];
        arguments.extend(more);
        let output = run(dir, &arguments);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, text) = init(&[
        "--officer",
        "li=li.key.pub",
        "--mark",
        "production",
        "--unseal-out",
        "u2",
    ]);
    assert_eq!(code, Some(2));
    assert!(text.contains("NOT FOR PRODUCTION KEYS"));
    assert_eq!(
        init(&[
            "--officer",
            "li=li.key.pub",
            "--mark",
            "test",
            "--unseal-out",
            "new/u2"
        ])
        .0,
        Some(2),
        "beside the store"
    );
    assert_eq!(
        init(&[
            "--officer",
            "li=zhang.key.pub",
            "--mark",
            "test",
            "--unseal-out",
            "u2"
        ])
        .0,
        Some(2),
        "another's key"
    );
    assert_eq!(
        init(&["--mark", "test", "--unseal-out", "u3"]).0,
        Some(2),
        "one officer"
    );
    assert_eq!(
        run(dir, &["officer-key", "--name", "a b", "--out", "x"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        run(
            dir,
            &["officer-key", "--name", "zhang", "--out", "zhang.key"]
        )
        .status
        .code(),
        Some(4),
        "overwrites nothing"
    );
    let forced = run(
        dir,
        &[
            "init",
            "--store",
            "prod",
            "--mark",
            "production",
            "--force-not-for-production",
            "--officer",
            "zhang=zhang.key.pub",
            "--officer",
            "li=li.key.pub",
            "--operator-cred-out",
            "op4",
            "--unseal-out",
            "u4",
        ],
    );
    assert!(forced.status.success());
    assert!(String::from_utf8_lossy(&forced.stderr).contains("NOT FOR PRODUCTION KEYS"));
}

/// As root: the process becomes another user, who may not be looked into by others of the same name.
#[test]
fn started_by_root_it_runs_as_a_user_of_its_own() {
    let mut house = House::new("test");
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let user = fs::read_to_string("/etc/passwd")
        .unwrap()
        .lines()
        .any(|line| line.starts_with("nobody:"));
    if !(root && user) {
        eprintln!("not started by root, or no user nobody: changing the user is not tried");
        return;
    }
    fs::set_permissions(house.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    house.serve(&["--user", "nobody"]);
    let status = fs::read_to_string(format!("/proc/{}/status", house.pid())).unwrap();
    let uids: Vec<_> = status
        .lines()
        .find(|l| l.starts_with("Uid:"))
        .unwrap()
        .split_whitespace()
        .skip(1)
        .collect();
    assert!(uids.iter().all(|uid| *uid != "0"), "{uids:?}");
    // A process that may be dumped belongs to its user under /proc; one that may not, to root.
    assert_eq!(
        fs::metadata(format!("/proc/{}/mem", house.pid()))
            .unwrap()
            .uid(),
        0
    );
    assert!(house.order(make_key("k")).is_ok());
    assert_eq!(house.operator().list_keys().unwrap().len(), 1);
    assert!(house.end("-TERM").success());
    house.serve(&["--user", "nobody"]);
    assert_eq!(house.operator().list_keys().unwrap().len(), 1);
}

/// The descriptor may also be a pipe that is written and closed, as a parent process does it.
#[test]
fn a_pipe_is_as_good_as_a_file() {
    let mut house = House::new("test");
    let mut child = Command::new(BIN);
    child
        .args([
            "serve",
            "--store",
            "hsm",
            "--socket",
            "s",
            "--officer-socket",
            "o",
            "--unseal-fd",
            "0",
        ])
        .current_dir(house.dir.path())
        .process_group(0)
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = child.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&fs::read(house.path("unseal")).unwrap())
        .unwrap();
    assert!(pipe.as_raw_fd() > 2);
    drop(pipe);
    house.child = Some(child);
    let start = Instant::now();
    while OfficerClient::connect(house.path("o"))
        .and_then(|mut client| client.info())
        .is_err()
    {
        assert!(start.elapsed() < Duration::from_secs(20), "does not serve");
        sleep(Duration::from_millis(20));
    }
    assert!(File::open(house.path("unseal")).is_ok());
}
