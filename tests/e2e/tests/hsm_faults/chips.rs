//! Scripts for chips under faults: both stages of a SAM with its certificate, cards, the service's status. Scripts are
//! played on simulated chips, which take them only when they were made with the right keys.

use std::collections::BTreeMap;
use std::path::Path;

use cardlib_card::cert::sam_serial;
use cardlib_card::content::CardContent;
use cardlib_card::profile::Profile;
use cardlib_sim::{Chip, Random, SamCard, Stage, TransportMaster, UserCard, VirtualCard};
use kms_api::{
    CardState, Client, ClientError, PersonalisationRequest, SamNationalRequest,
    SamProvincialFilesRequest, SamProvincialKeysRequest, Script, Secret, TerminalInfo,
};
use kms_platform::identity::Identity;
use tests_e2e::oracle::{Keys, Made};
use tests_e2e::tiers;
use tests_stand::house::House;
use tests_stand::kms::Tier;
use tests_stand::{Tool, ports};
use uuid::Uuid;

use crate::place::{self, COUNTING};
use crate::steps::Scope;
use crate::tally::{KINDS, Kind, Tally};

/// Chips on the delivery lists and counts on the tickets: one for each fault of the request that makes most calls, one
/// whose calls are counted.
pub const CARDS: u8 = 12;
pub const SAMS: u8 = 23;
const VENDOR: [u8; 2] = [0x54, 0x54];
const PERSON: &str = "410102199001010016";

pub fn factor(kind: &str, number: u8) -> [u8; 8] {
    [
        0xA1,
        0xB2,
        0xC3,
        kind.as_bytes()[0],
        0xE5,
        0xF6,
        number,
        0x10,
    ]
}

/// Which call of a request meets what; past the end nothing does.
#[derive(Default)]
struct Cells(Vec<(usize, Kind)>);

impl Cells {
    fn of(calls: usize) -> Self {
        let of_call = |call| KINDS.into_iter().map(move |kind| (call, kind));
        Self((1..=calls).flat_map(of_call).collect())
    }
}

/// Whatever can be asked of a service again and again.
type Asked = Result<Script, ClientError>;

struct Shop<'h> {
    scope: Scope,
    house: &'h mut House,
    tally: &'h mut Tally,
}

/// All requests under faults.
pub fn walk(house: &mut House, tally: &mut Tally, scope: Scope) {
    for tier in Tier::ALL {
        let port = ports::free().expect("port");
        let running = house.serve_tier(tier, port).expect("service");
        house.tiers.push(running);
    }
    let mut shop = Shop {
        scope,
        house,
        tally,
    };
    shop.sams();
    shop.cards();
    shop.status();
}

impl Shop<'_> {
    /// A request for a new chip: its calls are counted, with a fault of no weight at each.
    fn counted(&mut self, tier: Tier, name: &str, ask: impl Fn() -> Asked) -> (Cells, Script) {
        place::serve(self.house, tier, Some(COUNTING));
        let script = ask().expect(name);
        let calls = place::met(self.house, tier);
        self.tally.step(&format!("{}: {name}", tier.word()), calls);
        let mut cells = Cells::of(calls);
        if self.scope == Scope::Turns && calls > 1 {
            // Kinds and calls alternate.
            let mut number = 0;
            cells.0.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
        (cells, script)
    }

    /// A request for a new chip under one fault.
    fn made(
        &mut self,
        tier: Tier,
        cell: Option<&(usize, Kind)>,
        ask: impl Fn() -> Asked,
    ) -> Script {
        let Some((call, kind)) = cell else {
            return ask().expect("no fault");
        };
        let what = format!("{} at call {call}", kind.name);
        place::serve(self.house, tier, Some(&format!("at={call}:{}", kind.name)));
        let first = ask();
        assert_eq!(place::met(self.house, tier), 1, "{what} was not met");
        if kind.ends {
            place::serve(self.house, tier, None);
        }
        if let Err(error) = &first {
            assert!(error.problem().is_some(), "{what}: no clear error: {error}");
        }
        self.tally.add(kind.name, first.is_ok(), 1);
        let script = ask().unwrap_or_else(|error| panic!("{what}: {error}"));
        if let Ok(first) = first {
            assert_eq!(first.digest, script.digest, "{what}: another script");
        }
        let again = ask().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(
            (again.digest, again.quota_left),
            (script.digest.clone(), script.quota_left)
        );
        script
    }

    fn sams(&mut self) {
        let ministry = client(self.house, Tier::Ministry, "station-41");
        let province = client(self.house, Tier::Province, "station-41");
        let [mut national, mut keys, mut files] = [(); 3].map(|()| Cells::default());
        let sams = if self.scope == Scope::Turns {
            SAMS / 2 + 1
        } else {
            SAMS
        };
        for number in 0..sams {
            let mut sam = blank_sam(number);
            let at = usize::from(number).checked_sub(1);
            let left = u64::from(SAMS - 1 - number);

            let request = national_request(&mut sam, number);
            let ask = || ministry.sam_national(&request);
            let script = match at {
                None => {
                    let script;
                    (national, script) = self.counted(Tier::Ministry, "SAM, national", ask);
                    script
                }
                Some(at) => self.made(Tier::Ministry, national.0.get(at), ask),
            };
            assert_eq!(script.quota_left, left, "counted once");
            play(&mut sam, &script);

            let request = keys_request(&mut sam, number);
            let ask = || province.sam_provincial_keys(&request);
            let script = match at {
                None => {
                    let script;
                    (keys, script) = self.counted(Tier::Province, "SAM, provincial keys", ask);
                    script
                }
                Some(at) => self.made(Tier::Province, keys.0.get(at), ask),
            };
            assert_eq!(script.quota_left, left, "counted once");
            let answers = play(&mut sam, &script);

            let request = files_request(&mut sam, number, &answers);
            let ask = || province.sam_provincial_files(&request);
            let script = match at {
                None => {
                    let script;
                    (files, script) = self.counted(Tier::Province, "SAM, provincial files", ask);
                    script
                }
                Some(at) => self.made(Tier::Province, files.0.get(at), ask),
            };
            assert_eq!(script.quota_left, left, "stages a and b are one count");
            play(&mut sam, &script);
            assert!(sam.stage() == Stage::Active, "SAM {number} is not active");
        }
        let room = usize::from(sams) - 1;
        for cells in [&national, &keys, &files] {
            assert!(
                !cells.0.is_empty() && cells.0.len() <= room,
                "{} faults for {room} SAMs",
                cells.0.len()
            );
        }
    }

    fn cards(&mut self) {
        let prefecture = client(self.house, Tier::Prefecture, "station-4101");
        let certificate = issuer_certificate(&self.house.kms_store(Tier::Prefecture));
        let mut cells = Cells::default();
        let mut made = Vec::new();
        for number in 0..CARDS {
            let mut card = blank_card(number);
            let request = card_request(&mut card, &certificate, number);
            let ask = || prefecture.personalise(&request);
            let script = match usize::from(number).checked_sub(1) {
                None => {
                    let script;
                    (cells, script) = self.counted(Tier::Prefecture, "card", ask);
                    script
                }
                Some(at) => self.made(Tier::Prefecture, cells.0.get(at), ask),
            };
            assert_eq!(
                script.quota_left,
                u64::from(CARDS - 1 - number),
                "counted once"
            );
            // Of the others OpenSSL sees the keys below.
            if number == 0 || number + 1 == CARDS {
                play(&mut card, &script);
                assert!(card.stage() == Stage::Active, "card {number} is not active");
            }
            made.push((request.factor, script));
        }
        assert!(!cells.0.is_empty() && cells.0.len() < usize::from(CARDS));
        right_keys(&made);
    }

    /// The status says whether the HSM is there; it is there again afterwards.
    fn status(&mut self) {
        let tier = Tier::Prefecture;
        let prefecture = client(self.house, tier, "station-4101");
        let ready = || prefecture.status().expect("status").hsm_ready;
        place::serve(self.house, tier, Some(COUNTING));
        assert!(ready(), "a slow HSM is there");
        let calls = place::met(self.house, tier);
        self.tally.step("prefecture: status", calls);
        for (call, kind) in Cells::of(calls).0 {
            place::serve(self.house, tier, Some(&format!("at={call}:{}", kind.name)));
            let first = ready();
            assert_eq!(place::met(self.house, tier), 1, "{kind:?} was not met");
            if kind.ends {
                place::serve(self.house, tier, None);
            }
            assert!(ready(), "after {kind:?} at call {call}");
            self.tally.add(kind.name, first, 1);
        }
    }
}

fn client(house: &House, tier: Tier, identity: &str) -> Client {
    let identity = Identity::read(&house.identity(identity)).expect("identity");
    Client::new(&house.url(tier).expect("url"), &identity).expect("client")
}

/// The province's issuer certificate as the prefecture's store has it.
fn issuer_certificate(store: &Path) -> Vec<u8> {
    let script = "import sqlite3,sys,json\nbase=sqlite3.connect(sys.argv[1])\n\
                  print(json.loads(base.execute(\"SELECT value FROM setting WHERE key='issuer-certificate'\").fetchone()[0]))";
    let tool = Tool::foreign("/usr/bin/python3").arg("-c").arg(script);
    let shown = tool
        .arg(store.join("kms.sqlite"))
        .ok()
        .expect("certificate");
    hex::decode(shown.out.trim()).expect("hex")
}

fn blank_card(number: u8) -> UserCard {
    let (profile, factor) = (Profile::rhc_2012(), factor("card", number));
    let key = TransportMaster::test().key_of(&factor);
    UserCard::blank(
        profile,
        Chip::test(profile, factor),
        key,
        Random::from_seed(Some(1)),
    )
}

fn blank_sam(number: u8) -> SamCard {
    let (profile, serial) = (Profile::rhc_2012(), factor("sam", number));
    let key = TransportMaster::test().key_of(&serial);
    SamCard::blank(
        profile,
        Chip::test(profile, serial),
        key,
        Random::from_seed(Some(2)),
    )
}

/// T=0: fetches the answer behind 61xx.
fn transmit(chip: &mut dyn VirtualCard, apdu: &[u8]) -> Vec<u8> {
    let answer = chip.handle(apdu);
    match answer.as_slice() {
        [0x61, length] => chip.handle(&[0x00, 0xC0, 0x00, 0x00, *length]),
        _ => answer,
    }
}

/// Powers a chip and asks what it offers.
fn probe(chip: &mut dyn VirtualCard) -> CardState {
    chip.reset();
    let answer = transmit(chip, &[0x80, 0x50, 0xFF, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(answer.len(), 31, "{}", hex::encode(&answer));
    CardState {
        key_version: answer[8],
        counter: u32::from_be_bytes([0, answer[9], answer[10], answer[11]]),
        state: answer[12],
    }
}

/// Sends a script; what comes back must be what it expects. Gives the answers that are kept.
fn play(chip: &mut dyn VirtualCard, script: &Script) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    for (number, step) in script.steps().enumerate() {
        let answer = transmit(chip, &hex::decode(&step.apdu).expect("hex"));
        let (data, sw) = answer.split_at(answer.len() - 2);
        assert_eq!(hex::encode_upper(sw), step.sw, "step {number}");
        if let Some(tail) = &step.expect_tail {
            assert!(
                hex::encode_upper(data).ends_with(tail),
                "cryptogram at step {number}"
            );
        }
        if step.answer.is_some() {
            kept.push(data.to_vec());
        }
    }
    kept
}

fn card_request(card: &mut UserCard, certificate: &[u8], number: u8) -> PersonalisationRequest {
    let profile = Profile::rhc_2012();
    let mut content = CardContent::default();
    for (tag, text) in [
        (1, "1"),
        (2, "V1.1"),
        (8, PERSON),
        (10, "4100000001"),
        (57, "410100"),
    ] {
        content.set_text(profile, tag, text).expect("content");
    }
    content.set(profile, 5, certificate).expect("certificate");
    PersonalisationRequest {
        request_id: Uuid::new_v4(),
        ticket: "cards".to_owned(),
        factor: factor("card", number),
        vendor: VENDOR,
        cos_version: 1,
        card: probe(card),
        person: Secret::new(PERSON.to_owned()),
        content,
    }
}

fn national_request(sam: &mut SamCard, number: u8) -> SamNationalRequest {
    SamNationalRequest {
        request_id: Uuid::new_v4(),
        ticket: "sam-national".to_owned(),
        chip_serial: factor("sam", number),
        vendor: VENDOR,
        cos_version: 1,
        sam: probe(sam),
        sam_type: 1,
        province: "41".to_owned(),
    }
}

fn serial(number: u8) -> String {
    hex::encode(sam_serial("4101", 1, 2026, u32::from(number) + 1).expect("serial"))
}

fn keys_request(sam: &mut SamCard, number: u8) -> SamProvincialKeysRequest {
    SamProvincialKeysRequest {
        request_id: Uuid::new_v4(),
        ticket: "sam-provincial".to_owned(),
        chip_serial: factor("sam", number),
        vendor: VENDOR,
        cos_version: 1,
        sam_type: 1,
        serial: serial(number),
        sam: probe(sam),
    }
}

fn files_request(sam: &mut SamCard, number: u8, answers: &[Vec<u8>]) -> SamProvincialFilesRequest {
    let answer = |at: usize| answers[at].clone().try_into().expect("64 bytes");
    SamProvincialFilesRequest {
        request_id: Uuid::new_v4(),
        ticket: "sam-provincial".to_owned(),
        chip_serial: factor("sam", number),
        vendor: VENDOR,
        cos_version: 1,
        sam_type: 1,
        serial: serial(number),
        public_key: answer(0),
        key_proof: answer(1),
        pin: Secret::new("123456".to_owned()),
        terminal: TerminalInfo {
            city: "01".to_owned(),
            number: u32::from(number),
        },
        sam: probe(sam),
    }
}

/// The keys of every card, as OpenSSL computes them.
fn right_keys(cards: &[([u8; 8], Script)]) {
    let factors: Vec<String> = cards
        .iter()
        .map(|(factor, _)| hex::encode_upper(factor))
        .collect();
    let keys = Keys::compute(&Made {
        factors: factors.clone(),
        ..Made::default()
    });
    let keys = keys.expect("OpenSSL");
    for ((_, script), factor) in cards.iter().zip(&factors) {
        let wanted = tiers::of_card(&keys, factor).expect("values");
        assert_eq!(wanted.len(), 57);
        let values = script.check_values.iter();
        let found: BTreeMap<(String, u64), &str> = values
            .map(|value| {
                (
                    (value.key.clone(), u64::from(value.version)),
                    value.kcv.as_str(),
                )
            })
            .collect();
        for (key, value) in &wanted {
            assert_eq!(found.get(key), Some(&value.as_str()), "{factor} {key:?}");
        }
    }
}
