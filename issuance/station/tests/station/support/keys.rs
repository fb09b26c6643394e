//! A key service with the public test keys of the vector file: one script per request, one person and one data hash per
//! card, as the real one.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::LazyLock;

use cardlib_card::dialect::sam::{self, KeyPair, Versions};
use cardlib_card::dialect::user::user_card;
use cardlib_card::dialect::{self, ChipState, Dialect, DialectError, Plan};
use cardlib_card::gm::sm2::VerifyingKey;
use issuance_station::engine::data_hash;
use issuance_station::ports::{Keys, Service, ServiceFault};
use kms_api::{
    AnswerKind, CardState, PersonalisationRequest, Phase, SamNationalRequest,
    SamProvincialFilesRequest, SamProvincialKeysRequest, Script, Step,
};
use kms_platform::exit::Exit;

use uuid::Uuid;

use super::profile;
use super::scp::{self, Key};

/// Province factor of Henan (D3).
pub const PROVINCE: [u8; 8] = *b"41000000";

/// The key service.
pub struct TestKeys {
    bound: RefCell<HashMap<[u8; 8], (String, String)>>,
    challenge: Cell<u64>,
    /// Scripts made.
    pub made: Cell<u32>,
    /// Refuses everything with this.
    pub fault: RefCell<Option<ServiceFault>>,
    /// Makes scripts for another card's keys.
    pub wrong_keys: Cell<bool>,
}

/// Root keys of the vector file, computed by OpenSSL.
pub fn roots() -> &'static HashMap<(String, u8), Key> {
    static ROOTS: LazyLock<HashMap<(String, u8), Key>> = LazyLock::new(read_roots);
    &ROOTS
}

fn read_roots() -> HashMap<(String, u8), Key> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/chain.toml"
    );
    let text = std::fs::read_to_string(path).expect("the vector file");
    let file: toml::Table = text.parse().expect("TOML");
    let rows = file["root"].as_array().expect("rows").iter();
    rows.map(|row| {
        let name = row["name"].as_str().expect("name").to_owned();
        let version = row["version"].as_integer().expect("version");
        let value = hex::decode(row["value"].as_str().expect("value")).expect("hex");
        let version = u8::try_from(version).expect("a digit");
        ((name, version), value.try_into().expect("16 bytes"))
    })
    .collect()
}

/// The maker's transport key of a card (D34).
pub fn transport(factor: [u8; 8]) -> Key {
    use sm3::Digest;
    let master: [u8; 32] = sm3::Sm3::digest(b"RHC-TEST-TRANSPORT").into();
    scp::diversify(&master[..16].try_into().expect("16"), factor)
}

impl TestKeys {
    pub fn new() -> Self {
        Self {
            bound: RefCell::default(),
            challenge: Cell::new(1),
            made: Cell::new(0),
            fault: RefCell::default(),
            wrong_keys: Cell::new(false),
        }
    }

    fn key(&self, factor: [u8; 8], name: &str, version: u8, levels: u8) -> Key {
        let factor = if self.wrong_keys.get() {
            [0xEE; 8]
        } else {
            factor
        };
        if name == "TRANSPORT" {
            return transport(factor);
        }
        let root = roots()[&(name.to_owned(), version)];
        match levels {
            0 => root,
            1 => scp::diversify(&root, factor),
            _ => scp::diversify(&scp::diversify(&root, PROVINCE), factor),
        }
    }

    fn bind(&self, request: &PersonalisationRequest) -> Result<(), ServiceFault> {
        let wanted = (
            request.person.expose().to_owned(),
            data_hash(&request.content),
        );
        let mut bound = self.bound.borrow_mut();
        let held = bound
            .entry(request.factor)
            .or_insert_with(|| wanted.clone());
        match (held.0 == wanted.0, held.1 == wanted.1) {
            (true, true) => Ok(()),
            (true, false) => Err(refusal("factor-bound-to-other-data")),
            _ => Err(refusal("factor-bound-to-another-person")),
        }
    }
}

/// A refusal by name.
pub fn refusal(slug: &str) -> ServiceFault {
    ServiceFault {
        service: Service::Kms,
        slug: Some(slug.into()),
        message: slug.into(),
        next: None,
        exit: Exit::Wrong,
    }
}

/// A service that does not answer.
pub fn down(service: Service) -> ServiceFault {
    ServiceFault {
        service,
        slug: None,
        message: "no answer".into(),
        next: None,
        exit: Exit::Environment,
    }
}

/// What the chip said of itself, for the dialect.
fn chip(card: CardState) -> ChipState {
    ChipState {
        key_version: card.key_version,
        counter: card.counter,
        state: card.state,
    }
}

impl TestKeys {
    fn script(
        &self,
        factor: [u8; 8],
        request_id: Uuid,
        plan: Result<Plan, DialectError>,
    ) -> Result<Script, ServiceFault> {
        if let Some(fault) = self.fault.borrow().clone() {
            return Err(fault);
        }
        let plan = plan.map_err(|_| refusal("card-state"))?;
        let held = |name: &str, version: u8, levels: u8| self.key(factor, name, version, levels);
        let mut challenge = || {
            self.challenge.set(self.challenge.get() + 1);
            self.challenge.get().to_be_bytes()
        };
        let (phases, security_code) = scp::fill(&plan, &held, &mut challenge);
        self.made.set(self.made.get() + 1);
        let phases = phases.into_iter().map(|(name, sent)| Phase {
            name,
            steps: sent.into_iter().map(step).collect(),
        });
        Ok(Script {
            request_id,
            phases: phases.collect(),
            check_values: Vec::new(),
            security_code,
            receipt: None,
            digest: "00".repeat(32),
            quota_left: 1,
        })
    }
}

/// What a SAM proves its key pair with.
const CHALLENGE: [u8; 32] = [0xC4; 32];

fn rhc_cos_1() -> Dialect {
    Dialect::rhc_cos_1().expect("the embedded dialect")
}

impl Keys for TestKeys {
    fn card(&self, request: &PersonalisationRequest) -> Result<Script, ServiceFault> {
        if self.fault.borrow().is_none() {
            self.bind(request)?;
        }
        let plan = user_card(
            &rhc_cos_1(),
            profile(),
            &request.content,
            chip(request.card),
        );
        self.script(request.factor, request.request_id, plan)
    }

    fn sam_national(&self, request: &SamNationalRequest) -> Result<Script, ServiceFault> {
        let plan = sam::national(
            &rhc_cos_1(),
            profile(),
            request.sam_type,
            &Versions::All,
            chip(request.sam),
        );
        self.script(request.chip_serial, request.request_id, plan)
    }

    fn sam_keys(&self, request: &SamProvincialKeysRequest) -> Result<Script, ServiceFault> {
        let (kind, state) = (request.sam_type, chip(request.sam));
        let plan = sam::provincial_keys(
            &rhc_cos_1(),
            profile(),
            kind,
            &Versions::All,
            KeyPair::Generate,
            &CHALLENGE,
            state,
        );
        self.script(request.chip_serial, request.request_id, plan)
    }

    fn sam_files(&self, request: &SamProvincialFilesRequest) -> Result<Script, ServiceFault> {
        let text = [
            &b"RHC-COS-1-PROOF\0"[..],
            &request.chip_serial,
            &CHALLENGE,
            &request.public_key,
        ];
        let key = VerifyingKey::from_bytes(&request.public_key).expect("a key");
        if key
            .verify_message(&text.concat(), &request.key_proof)
            .is_err()
        {
            return Err(refusal("sam-key-unproved"));
        }
        let serial = hex::decode(&request.serial).expect("20 digits");
        let public = [&serial[..], &[0x01, request.sam_type, 0, 0]].concat();
        // A certificate's form does not matter here, but it must carry this very key.
        let certificate = [&[0xCE; 62][..], &request.public_key, &[0; 64]].concat();
        let files = [
            ("MF/0015", public),
            ("MF/0016", vec![0x41; 6]),
            ("DF01/001A", vec![0x01; 25]),
            ("DF01/001B", vec![0x5A; 180]),
            ("DF01/001C", certificate),
        ];
        let plan = sam::provincial_files(
            &rhc_cos_1(),
            profile(),
            &files,
            request.pin.expose(),
            chip(request.sam),
        );
        self.script(request.chip_serial, request.request_id, plan)
    }
}

fn step((apdu, tail, kept): scp::Sent) -> Step {
    Step {
        apdu: hex::encode_upper(apdu),
        sw: "9000".into(),
        expect_tail: tail.map(hex::encode_upper),
        answer: kept.map(|kind| match kind {
            dialect::AnswerKind::PublicKey => AnswerKind::PublicKey,
            dialect::AnswerKind::KeyProof => AnswerKind::KeyProof,
        }),
    }
}
