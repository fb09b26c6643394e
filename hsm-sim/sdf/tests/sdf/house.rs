//! A TEST store with what the C programs expect, made by the engine itself, and the two ways to it.

use crate::program::built;
use hsm_engine::{Birth, Engine, POLICY_TEST, UnsealSecret, World};
use hsm_wire::fill::{Derived, FillRequest, Level, MECHANISM, Segment, SessionKey, Step};
use hsm_wire::gm::PrivateKey;
use hsm_wire::info::fingerprint;
use hsm_wire::officer::{ExportEntry, KeySource, OfficerAnswer, OfficerRequest, OrderOp, PeerKind};
use hsm_wire::order::{Body, OfficerKey, Order};
use hsm_wire::secret::{OperatorSecret, write_secret_file};
use hsm_wire::ticket::{Target, TicketSpec};
use hsm_wire::{Algorithm, BaseClass, KeyAttributes, Leaves, Mark, Usage};
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Bytes of key encryption key 1, known so that OpenSSL can judge.
pub const KEK: &str = "00112233445566778899AABBCCDDEEFF";
/// Labels of the test keys `RK` and `CVK`.
pub const RK: &str = "RHC-TEST-41-RK-v0";
pub const CVK: &str = "RHC-TEST-41-CVK-v0";

pub struct House {
    pub dir: tempfile::TempDir,
    /// Programs lie elsewhere: memory may be mounted so that nothing in it runs.
    pub programs: tempfile::TempDir,
    daemon: Option<Child>,
}

/// How a program gets to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way<'a> {
    Embedded,
    /// With this plan of faults.
    Daemon(&'a str),
}

/// A directory in memory where there is such a place: thousands of audited calls would each wait for the disk.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

impl House {
    pub fn new(way: Way<'_>) -> Self {
        let mut house = Self {
            dir: in_memory(),
            programs: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            daemon: None,
        };
        let officers = [OfficerKey::generate("zhang"), OfficerKey::generate("li")];
        let officers = officers.map(Result::unwrap);
        let operator = OperatorSecret::generate().unwrap();
        operator.save(&house.path("operator.cred")).unwrap();
        let unseal = "5A".repeat(32);
        write_secret_file(&house.path("unseal"), unseal.as_bytes()).unwrap();
        let secret = UnsealSecret::from_hex(unseal.as_bytes()).unwrap();
        let birth = Birth {
            mark: Mark::Test,
            officers: officers.iter().map(|o| o.public().unwrap()).collect(),
            operator_hash: operator.hash(),
            auditor_hash: None,
        };
        let store = house.path("hsm");
        Engine::create(&store, &birth, &secret, World::system()).unwrap();
        let mut engine = Engine::open(&store, &secret, World::system()).unwrap();
        for op in furniture() {
            let order = signed(&engine, &officers, op);
            let done = engine.officer(OfficerRequest::Execute(order)).unwrap();
            assert!(matches!(done, OfficerAnswer::Executed(_)));
        }
        let order = signed(&engine, &officers, OrderOp::RemovePolicy);
        house.write("order.json", &serde_json::to_vec(&order).unwrap());
        let mut other = fill_request(2);
        other.ticket = "none".into();
        let fill = serde_json::to_vec(&[fill_request(1), other]).unwrap();
        house.write("fill.json", &fill);
        drop(engine);
        house.open(way);
        house
    }

    fn open(&mut self, way: Way<'_>) {
        match way {
            Way::Embedded => self.write("sdf.toml", b"store = \"hsm\"\nunseal = \"unseal\"\n"),
            Way::Daemon(faults) => {
                self.write(
                    "sdf.toml",
                    b"socket = \"s\"\ncredential = \"operator.cred\"\ntimeout_ms = 20000\n",
                );
                self.write("officers.toml", b"officer_socket = \"o\"\n");
                self.serve(faults);
            }
        }
    }

    fn serve(&mut self, faults: &str) {
        let mut command = Command::new(built().join("rhc-hsm"));
        command
            .args(["serve", "--store", "hsm", "--socket", "s"])
            .args(["--officer-socket", "o", "--unseal-fd", "0"])
            .current_dir(self.dir.path())
            .env("RHC_LOG", "off")
            .stdin(File::open(self.path("unseal")).unwrap())
            .stdout(Stdio::null());
        if !faults.is_empty() {
            command.args(["--faults", faults]);
        }
        self.daemon = Some(command.spawn().unwrap());
        let start = Instant::now();
        while UnixStream::connect(self.path("o")).is_err() {
            let ended = self.daemon.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "rhc-hsm ended: {ended:?}");
            assert!(start.elapsed() < Duration::from_secs(60), "does not serve");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn signed(engine: &Engine, officers: &[OfficerKey], op: OrderOp) -> Order {
    let info = engine.info();
    let body = Body {
        hsm: info.id,
        sequence: info.next_order,
        expires: now() + 3600,
        op,
    };
    let mut order = Order::new(body.to_text().unwrap());
    for officer in officers {
        order.sign(officer).unwrap();
    }
    order
}

fn key(id: &str, algorithm: Algorithm, usage: Usage, leaves: Leaves, source: KeySource) -> OrderOp {
    OrderOp::GenerateKey {
        id: id.into(),
        attributes: attributes(id, algorithm, usage, leaves),
        source,
    }
}

fn attributes(id: &str, algorithm: Algorithm, usage: Usage, leaves: Leaves) -> KeyAttributes {
    KeyAttributes {
        algorithm,
        name: id.into(),
        version: 0,
        usage,
        leaves,
        depth: 0,
        quota: None,
        not_after: None,
    }
}

/// Index 1 and 4 have a password, 2 has none, 3 holds keys of the wrong kind.
fn furniture() -> Vec<OrderOp> {
    use Algorithm::{Sm2, Sm4};
    let nowhere = Leaves::default();
    let card = |depth| Leaves {
        card: Some(depth),
        hsm: Some(0),
        ..nowhere
    };
    let random = |id: &str, algorithm, usage| key(id, algorithm, usage, nowhere, KeySource::Random);
    let public = |id: &str, usage, leaves, label: &str| {
        let source = KeySource::TestFormula(label.into());
        key(id, Sm4, usage, leaves, source)
    };
    let class = Usage::SessionBase;
    let mut ops = vec![
        random("sdf/1/sign", Sm2, Usage::Sign),
        random("sdf/1/encrypt", Sm2, Usage::Decrypt),
        random("sdf/2/sign", Sm2, Usage::Sign),
        random("sdf/3/sign", Sm4, Usage::KeyEncryption),
        random("sdf/3/encrypt", Sm2, Usage::Sign),
        random("sdf/4/encrypt", Sm2, Usage::Decrypt),
        random("sdf/kek/2", Sm4, Usage::Derive),
        random("ISSUER", Sm2, Usage::Sign),
        public("RK", Usage::Derive, card(1), RK),
        public("DEEP", Usage::Derive, card(2), "RHC-TEST-DEEP-v0"),
        public("CVK", Usage::Mac, nowhere, CVK),
        public(
            "CMK",
            class(BaseClass::CardMaster),
            card(1),
            "RHC-TEST-41-CMK-v0",
        ),
        public(
            "transport",
            class(BaseClass::CardTransport),
            nowhere,
            "RHC-TEST-TRANSPORT",
        ),
        OrderOp::ImportRaw {
            id: "sdf/kek/1".into(),
            attributes: attributes("KEK", Sm4, Usage::KeyEncryption, nowhere),
            bytes: KEK.into(),
        },
        OrderOp::LoadPolicy {
            policy: serde_json::from_str(POLICY_TEST).unwrap(),
        },
        OrderOp::CreateTicket {
            ticket: TicketSpec {
                id: "t".into(),
                kind: Target::Card,
                count: 100,
                max_attempts_per_factor: 9,
                not_after: now() + 3600,
                base_keys: vec!["transport".into()],
            },
        },
    ];
    for index in [1, 4] {
        let verifier = hsm_engine::device::index_password_verifier(b"12345678", [9; 16]).unwrap();
        ops.push(OrderOp::SetIndexPassword { index, verifier });
    }
    let peer = || PrivateKey::generate().unwrap().public_key().unwrap();
    let (signing_key, encryption_key) = (peer(), peer());
    ops.push(OrderOp::EnrolPeer {
        name: "lower".into(),
        kind: PeerKind::Lower,
        signing_key,
        encryption_key,
        fingerprint: fingerprint(&signing_key, &encryption_key),
    });
    ops.push(OrderOp::ExportPackage {
        receiver: "lower".into(),
        purpose: "a package to be asked for".into(),
        entries: vec![ExportEntry {
            key: "RK".into(),
            factors: Vec::new(),
            new_id: "RK".into(),
            leaves: None,
        }],
        payload: String::new(),
    });
    ops
}

fn fill_request(number: u64) -> FillRequest {
    let factor = number.to_be_bytes();
    let derived = |key: &str| Derived {
        key: key.into(),
        factors: vec![factor],
    };
    let header = vec![0; 9];
    FillRequest {
        request_id: u128::from(number).to_be_bytes(),
        ticket: "t".into(),
        mark: Mark::Test,
        mechanism: MECHANISM.into(),
        factor,
        base: derived("transport"),
        slots: vec![derived("CMK")],
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
                    Segment::Literal(header),
                    Segment::KeySlot(0),
                    Segment::CheckValue(0),
                ],
                level: Level::MacEnc,
            },
        ],
    }
}
