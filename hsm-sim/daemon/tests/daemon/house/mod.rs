//! A store with two officers in a temporary directory, and the `rhc-hsm` that serves it.
#![allow(clippy::unwrap_used)] // a test may stop at a broken invariant

use hsm_wire::attributes::{KeyAttributes, Leaves};
use hsm_wire::client::{ClientError, OfficerClient, OperatorClient};
use hsm_wire::fill::{Derived, FillRequest, Level, MECHANISM, Segment, SessionKey, Step};
use hsm_wire::officer::{KeySource, OrderDone, OrderOp};
use hsm_wire::order::{Body, OfficerKey, Order};
use hsm_wire::secret::OperatorSecret;
use hsm_wire::ticket::{Target, TicketSpec};
use hsm_wire::{Algorithm, BaseClass, ErrorCode, Mark, Usage};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub const BIN: &str = env!("CARGO_BIN_EXE_rhc-hsm");

pub fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(BIN)
        .args(arguments)
        .current_dir(directory)
        .env_remove("RHC_LANG")
        .output()
        .unwrap()
}

pub fn ok(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A store with two officers, and the process that serves it.
pub struct House {
    pub dir: tempfile::TempDir,
    pub child: Option<Child>,
}

impl House {
    pub fn new(mark: &str) -> Self {
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

    pub fn init(&mut self, mark: &str, more: &[&str]) {
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

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self, secret: &Path, more: &[&str]) -> Command {
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

    pub fn serve(&mut self, more: &[&str]) {
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

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn operator(&self) -> OperatorClient {
        let secret = OperatorSecret::load(&self.path("operator.cred")).unwrap();
        OperatorClient::connect(self.path("s"), &secret).unwrap()
    }

    pub fn order(&self, op: OrderOp) -> Result<OrderDone, ClientError> {
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
    pub fn end(&mut self, signal: &str) -> std::process::ExitStatus {
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

pub fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub fn make_key(id: &str) -> OrderOp {
    OrderOp::GenerateKey {
        id: id.into(),
        attributes: KeyAttributes {
            algorithm: Algorithm::Sm4,
            name: "k".into(),
            version: 0,
            usage: Usage::Derive,
            leaves: Leaves::default(),
            depth: 0,
            quota: None,
            not_after: None,
        },
        source: KeySource::Random,
    }
}

/// Keys, policy and a ticket over the officers' socket, as a key service would have them.
pub fn furnish(house: &House, count: u64) {
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
            quota: None,
            not_after: None,
        },
        source: KeySource::TestFormula(label.into()),
    };
    let policy = include_str!("../../../../engine/policies/rhc-cos-1-test.json");
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

pub fn fill_request(number: u64) -> FillRequest {
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

pub fn refusal<A>(result: Result<A, ClientError>) -> ErrorCode {
    match result {
        Err(ClientError::Refused(refusal)) => refusal.code,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("was not refused"),
    }
}
