//! An HSM in a temporary directory, two officers, a clock and a random source that the test decides, and a card that
//! reads scripts with code of its own.
#![allow(dead_code, clippy::unwrap_used)] // each test binary uses its part; a test may stop at a broken invariant

pub mod card;

use hsm_engine::{
    Birth, Clock, Engine, Entropy, EntropyError, EpochFile, SystemDisk, UnsealSecret, World,
};
use hsm_wire::attributes::{KeyInfo, Leaves};
use hsm_wire::fill::{
    Derived, Factor, FillAnswer, FillRequest, Level, MECHANISM, Segment, SessionKey, Step,
};
use hsm_wire::info::HsmInfo;
use hsm_wire::officer::{KeySource, OfficerAnswer, OfficerRequest, OrderDone, OrderOp, PeerKind};
use hsm_wire::operator::{OperatorAnswer, OperatorRequest};
use hsm_wire::order::{Body, OfficerKey, Order};
use hsm_wire::ticket::{Target, TicketSpec};
use hsm_wire::{Algorithm, BaseClass, ErrorCode, Hex, HsmError, KeyAttributes, Mark, Usage};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const NOW: u64 = 1_800_000_000;
pub const PROVINCE: Factor = *b"41000000";
pub const CARD: Factor = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
pub const OTHER_CARD: Factor = [0xA1; 8];

/// A clock that the test sets.
#[derive(Clone)]
pub struct TestClock(pub Arc<AtomicU64>);

impl Clock for TestClock {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The system's generator, but 8-byte draws (host challenges) are always the same where a test wants that.
pub struct TestEntropy {
    pub host_challenge: Option<[u8; 8]>,
}

impl Entropy for TestEntropy {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        match (buffer.len(), self.host_challenge) {
            (8, Some(fixed)) => {
                buffer.copy_from_slice(&fixed);
                Ok(())
            }
            _ => getrandom::fill(buffer).map_err(|_| EntropyError),
        }
    }
}

pub struct Hsm {
    pub engine: Engine,
    pub clock: TestClock,
    pub officers: Vec<OfficerKey>,
    pub secret: UnsealSecret,
    pub dir: tempfile::TempDir,
    pub host_challenge: Option<[u8; 8]>,
    requests: u128,
}

impl Hsm {
    pub fn new(mark: Mark) -> Self {
        Self::with(mark, None)
    }

    pub fn with(mark: Mark, host_challenge: Option<[u8; 8]>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock(Arc::new(AtomicU64::new(NOW)));
        let officers: Vec<_> = ["zhang", "li", "wang"]
            .map(|name| OfficerKey::generate(name).unwrap())
            .into();
        let birth = Birth {
            mark,
            officers: officers.iter().map(|o| o.public().unwrap()).collect(),
            operator_hash: Hex([0; 32]),
            auditor_hash: None,
        };
        let mut world = world(&clock, host_challenge);
        let secret = UnsealSecret::generate(&mut world).unwrap();
        Engine::create(&dir.path().join("hsm"), &birth, &secret, world).unwrap();
        let engine = Engine::open(
            &dir.path().join("hsm"),
            &secret,
            self::world(&clock, host_challenge),
        )
        .unwrap();
        Self {
            engine,
            clock,
            officers,
            secret,
            dir,
            host_challenge,
            requests: 0,
        }
    }

    pub fn store(&self) -> std::path::PathBuf {
        self.dir.path().join("hsm")
    }

    /// Closes and opens it again, as after a crash: nothing is written on the way out.
    pub fn reopen(self) -> Self {
        let Self {
            engine,
            clock,
            officers,
            secret,
            dir,
            host_challenge,
            requests,
        } = self;
        drop(engine);
        let engine = Engine::open(
            &dir.path().join("hsm"),
            &secret,
            world(&clock, host_challenge),
        )
        .unwrap();
        Self {
            engine,
            clock,
            officers,
            secret,
            dir,
            host_challenge,
            requests,
        }
    }

    /// The same with the epoch kept outside the store.
    pub fn reopen_at(self, epoch: &EpochFile) -> Self {
        let Self {
            engine,
            clock,
            officers,
            secret,
            dir,
            host_challenge,
            requests,
        } = self;
        drop(engine);
        let world = world(&clock, host_challenge);
        let store = dir.path().join("hsm");
        let engine = Engine::open_at(&store, &secret, world, Some(epoch)).unwrap();
        Self {
            engine,
            clock,
            officers,
            secret,
            dir,
            host_challenge,
            requests,
        }
    }

    /// Closes it; what opens it again.
    pub fn close(self) -> (UnsealSecret, TestClock, tempfile::TempDir) {
        (self.secret, self.clock, self.dir)
    }

    pub fn body(&self, op: OrderOp) -> Body {
        let info = self.engine.info();
        Body {
            hsm: info.id,
            sequence: info.next_order,
            expires: NOW + 3600,
            op,
        }
    }

    /// Signed by the officers of these numbers.
    pub fn signed(&self, body: &Body, signers: &[usize]) -> Order {
        let mut order = Order::new(body.to_text().unwrap());
        for signer in signers {
            order.sign(&self.officers[*signer]).unwrap();
        }
        order
    }

    pub fn execute(&mut self, order: Order) -> Result<OrderDone, HsmError> {
        match self.engine.officer(OfficerRequest::Execute(order))? {
            OfficerAnswer::Executed(done) => Ok(done),
            OfficerAnswer::Info(_) => panic!("info for an order"),
        }
    }

    pub fn order(&mut self, op: OrderOp) -> Result<OrderDone, HsmError> {
        let order = self.signed(&self.body(op), &[0, 1]);
        self.execute(order)
    }

    pub fn test_key(&mut self, id: &str, attributes: KeyAttributes, label: &str) -> KeyInfo {
        let source = KeySource::TestFormula(label.to_owned());
        match self
            .order(OrderOp::GenerateKey {
                id: id.to_owned(),
                attributes,
                source,
            })
            .unwrap()
        {
            OrderDone::Key(info) => *info,
            _ => panic!("no key info"),
        }
    }

    pub fn random_key(
        &mut self,
        id: &str,
        attributes: KeyAttributes,
    ) -> Result<OrderDone, HsmError> {
        self.order(OrderOp::GenerateKey {
            id: id.to_owned(),
            attributes,
            source: KeySource::Random,
        })
    }

    pub fn policy(&mut self, text: &str) {
        let policy = serde_json::from_str(text).unwrap();
        self.order(OrderOp::LoadPolicy { policy }).unwrap();
    }

    pub fn ticket(&mut self, id: &str, kind: Target, count: u64, base_keys: &[&str]) {
        let ticket = TicketSpec {
            id: id.to_owned(),
            kind,
            count,
            max_attempts_per_factor: if id == "matrix" { 100 } else { 3 },
            not_after: NOW + 86_400,
            base_keys: base_keys.iter().map(|k| (*k).to_owned()).collect(),
        };
        self.order(OrderOp::CreateTicket { ticket }).unwrap();
    }

    /// Keys of a province that personalises cards and SAMs, the test policy, and a ticket of each kind.
    pub fn province(mark: Mark, host_challenge: Option<[u8; 8]>) -> Self {
        let mut hsm = Self::with(mark, host_challenge);
        for (id, attributes, label) in province_keys() {
            if mark == Mark::Test {
                hsm.test_key(id, attributes, label);
            } else {
                assert!(hsm.random_key(id, attributes).is_ok());
            }
        }
        hsm.policy(if mark == Mark::Test {
            hsm_engine::POLICY_TEST
        } else {
            hsm_engine::POLICY_STANDARD
        });
        hsm.ticket("cards", Target::Card, 2, &["transport", "CMK"]);
        hsm.ticket("sams", Target::Sam, 2, &["sam-transport", "SMK_N"]);
        hsm
    }

    pub fn request_id(&mut self) -> [u8; 16] {
        self.requests += 1;
        (self.requests << 64).to_be_bytes()
    }

    pub fn card_request(&mut self) -> FillRequest {
        card_request(self.request_id(), self.engine.info().mark)
    }

    pub fn sam_request(&mut self) -> FillRequest {
        sam_request(self.request_id(), self.engine.info().mark)
    }

    pub fn fill(&mut self, target: Target, request: FillRequest) -> Result<FillAnswer, HsmError> {
        let request = Box::new(request);
        let answer = self.engine.operator(match target {
            Target::Card => OperatorRequest::FillCard(request),
            Target::Sam => OperatorRequest::FillSam(request),
        })?;
        match answer {
            OperatorAnswer::Filled(answer) => Ok(*answer),
            _ => panic!("another answer to a fill"),
        }
    }

    pub fn info(&self) -> HsmInfo {
        self.engine.info()
    }

    pub fn enrol(&mut self, name: &str, kind: PeerKind, peer: &HsmInfo) {
        self.order(OrderOp::EnrolPeer {
            name: name.to_owned(),
            kind,
            signing_key: peer.signing_key,
            encryption_key: peer.encryption_key,
            fingerprint: peer.id,
        })
        .unwrap();
    }
}

pub fn world(clock: &TestClock, host_challenge: Option<[u8; 8]>) -> World {
    World {
        clock: Box::new(clock.clone()),
        entropy: Box::new(TestEntropy { host_challenge }),
        disk: Box::new(SystemDisk),
    }
}

pub fn open(dir: &Path, secret: &UnsealSecret) -> Result<Engine, hsm_engine::OpenError> {
    Engine::open(
        dir,
        secret,
        world(&TestClock(Arc::new(AtomicU64::new(NOW))), None),
    )
}

pub fn sm4(
    name: &str,
    usage: Usage,
    depth: u8,
    leaves: (Option<u8>, Option<u8>, Option<u8>),
) -> KeyAttributes {
    let (hsm, sam, card) = leaves;
    KeyAttributes {
        algorithm: Algorithm::Sm4,
        name: name.to_owned(),
        version: 1,
        usage,
        leaves: Leaves { hsm, sam, card },
        depth,
        quota: None,
        not_after: None,
    }
}

pub fn sm2(name: &str, usage: Usage) -> KeyAttributes {
    KeyAttributes {
        algorithm: Algorithm::Sm2,
        ..sm4(name, usage, 0, (None, None, None))
    }
}

/// `national` is at depth 0 (as at the ministry), so that depth rules can be broken.
fn province_keys() -> Vec<(&'static str, KeyAttributes, &'static str)> {
    let base = |class| Usage::SessionBase(class);
    vec![
        (
            "transport",
            sm4(
                "transport",
                base(BaseClass::CardTransport),
                0,
                (Some(0), None, None),
            ),
            "RHC-TEST-TRANSPORT",
        ),
        (
            "sam-transport",
            sm4(
                "sam-transport",
                base(BaseClass::SamTransport),
                0,
                (Some(0), None, None),
            ),
            "RHC-TEST-TRANSPORT",
        ),
        (
            "CMK",
            sm4(
                "CMK",
                base(BaseClass::CardMaster),
                0,
                (Some(0), None, Some(1)),
            ),
            "RHC-TEST-41-CMK-v0",
        ),
        (
            "SMK_N",
            sm4(
                "SMK_N",
                base(BaseClass::SamMaster),
                0,
                (None, Some(1), None),
            ),
            "RHC-TEST-SMK_N-v0",
        ),
        (
            "national",
            sm4("RK1_DDF1", Usage::Derive, 0, (Some(1), Some(0), Some(2))),
            "RHC-TEST-RK1_DDF1-v1",
        ),
        (
            "provincial",
            sm4("UK1_DDF1", Usage::Derive, 0, (Some(0), Some(0), Some(1))),
            "RHC-TEST-41-UK1_DDF1-v1",
        ),
        (
            "cvk",
            sm4("CVK", Usage::Mac, 0, (Some(0), None, None)),
            "RHC-TEST-41-CVK-v0",
        ),
    ]
}

pub fn key(id: &str, factors: &[Factor]) -> Derived {
    Derived {
        key: id.to_owned(),
        factors: factors.to_vec(),
    }
}

/// The same request for another card.
pub fn for_factor(mut request: FillRequest, factor: Factor) -> FillRequest {
    let old = std::mem::replace(&mut request.factor, factor);
    let lists = request.slots.iter_mut().map(|slot| &mut slot.factors);
    for list in lists.chain([&mut request.base.factors]) {
        for entry in list.iter_mut().filter(|entry| **entry == old) {
            *entry = factor;
        }
    }
    request
}

/// A copy of a closed store, or of an open one between two operations.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

pub fn command(header: [u8; 4], segments: Vec<Segment>) -> Step {
    Step::Command {
        header,
        segments,
        level: Level::MacEnc,
    }
}

pub fn open_step(with: SessionKey, key_version: u8) -> Step {
    Step::Open {
        with,
        key_version,
        counter: 0,
        level: Level::MacEnc,
    }
}

pub fn load(header: [u8; 4], literal: [u8; 9], slot: u16) -> Step {
    command(
        header,
        vec![
            Segment::Literal(literal.to_vec()),
            Segment::KeySlot(slot),
            Segment::CheckValue(slot),
        ],
    )
}

pub const LOAD_MASTER: [u8; 4] = [0x84, 0xD4, 1, 0];
pub const LOAD: [u8; 4] = [0x84, 0xD4, 0, 0];
pub const STORE: [u8; 4] = [0x84, 0xDA, 0, 0];
pub const WIPE: [u8; 4] = [0x84, 0xE4, 0, 0];

/// Transport, CMK, two application keys, data with a MAC text. Slots: 0 CMK, 1 national, 2 provincial.
pub fn card_request(request_id: [u8; 16], mark: Mark) -> FillRequest {
    FillRequest {
        request_id,
        ticket: "cards".to_owned(),
        mark,
        mechanism: MECHANISM.to_owned(),
        factor: CARD,
        base: key("transport", &[CARD]),
        slots: vec![
            key("CMK", &[CARD]),
            key("national", &[PROVINCE, CARD]),
            key("provincial", &[CARD]),
        ],
        mac_texts: vec![hsm_wire::fill::MacText {
            key: "cvk".to_owned(),
            message: b"4101020000000001".to_vec(),
            digits: 3,
        }],
        steps: vec![
            open_step(SessionKey::Base, 0),
            load(LOAD_MASTER, [0, 0, 0, 1, 1, 0, 0, 0, 0], 0),
            open_step(SessionKey::Slot(0), 1),
            command(WIPE, vec![]),
            load(LOAD, [0xDD, 0xF1, 2, 4, 1, 4, 10, 0, 0], 1),
            load(LOAD, [0xDD, 0xF1, 3, 5, 1, 4, 10, 0, 0], 2),
            command(
                STORE,
                vec![
                    Segment::Literal(b"\xDD\xF1\xEF\x05\x00\x00\x09\x03".to_vec()),
                    Segment::MacText(0),
                ],
            ),
            command(STORE, vec![Segment::Literal(vec![0x5A; 239])]),
            command([0x84, 0xF0, 5, 0], vec![]),
        ],
    }
}

/// SAM transport, SMK_N, a root as it is, a test key pair.
pub fn sam_request(request_id: [u8; 16], mark: Mark) -> FillRequest {
    FillRequest {
        request_id,
        ticket: "sams".to_owned(),
        mark,
        mechanism: MECHANISM.to_owned(),
        factor: CARD,
        base: key("sam-transport", &[CARD]),
        slots: vec![key("SMK_N", &[CARD]), key("national", &[])],
        mac_texts: vec![],
        steps: vec![
            open_step(SessionKey::Base, 0),
            load(LOAD_MASTER, [0, 0, 0, 1, 1, 0, 0, 0, 0], 0),
            open_step(SessionKey::Slot(0), 1),
            load(LOAD, [0xDF, 0x01, 0x48, 4, 1, 4, 2, 0, 0], 1),
        ],
    }
}

/// The code of a refusal.
pub fn code<A>(result: Result<A, HsmError>) -> ErrorCode {
    match result {
        Ok(_) => panic!("was not refused"),
        Err(error) => error.code,
    }
}
