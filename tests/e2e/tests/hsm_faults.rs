//! The key service against HSMs that fail on purpose, seeded, at every kind of call of the main job: set-up, hand-down,
//! tickets, SAMs, cards. Whatever happens, a repeated step ends well or says by name what is wrong; and in the end no
//! key is lost or there twice, no chip got two scripts for one request, and every count is where it must be.

use std::collections::BTreeMap;
use std::path::Path;

use kms_api::{
    CardState, Client, ClientError, PersonalisationRequest, SamNationalRequest, Script, Secret,
};
use kms_platform::identity::Identity;
use tests_e2e::oracle::{Keys, Made};
use tests_e2e::tiers;
use tests_stand::house::House;
use tests_stand::kms::Tier;
use tests_stand::{Machine, Tool, ports};
use uuid::Uuid;

/// How much is asked for, over which way to the HSM, and how many injections that must meet.
struct Suite {
    machine: Machine,
    cards: u8,
    sams: u8,
    least: usize,
}

/// A step that fails this often in a row is not unlucky.
const PATIENCE: usize = 60;
const HARMLESS: [&str; 7] = [
    "busy",
    "lost",
    "lost-after",
    "silent",
    "slow",
    "short",
    "entropy",
];
/// Cards asked for while the HSM ends: each of the four ways at three calls.
const FATAL_CARDS: u8 = 12;
/// After these nothing works until a restart.
const FATAL: [&str; 4] = ["power", "torn", "tamper", "full"];

fn factor(kind: u8, number: u8) -> [u8; 8] {
    [0xA1, 0xB2, 0xC3, kind, 0xE5, 0xF6, number, 0x10]
}

/// Faults that the HSMs' logs tell of, by name.
fn injected(house: &House) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for tier in Tier::ALL {
        let log = std::fs::read_to_string(house.hsm(tier).log()).expect("log");
        for line in log
            .lines()
            .filter(|line| line.contains("a fault on purpose"))
        {
            let rest = line
                .split("fault=")
                .nth(1)
                .or_else(|| line.split("\"fault\":").nth(1));
            let name: String = rest
                .unwrap_or_default()
                .trim_start_matches('"')
                .chars()
                .take_while(|letter| letter.is_ascii_alphabetic() || *letter == '-')
                .collect();
            *all.entry(name).or_default() += 1;
        }
    }
    all
}

/// Serves a tier's HSM again, with these faults or none; what was there before ends.
fn serve(house: &mut House, tier: Tier, faults: Option<&str>) {
    let place = house.hsm(tier);
    let name = format!("hsm {}", tier.word());
    if let Some(at) = house.hsms.iter().position(|hsm| hsm.name() == name) {
        house.hsms.remove(at).stop();
    }
    let spec = faults.map(|faults| format!("{faults},slow=1,silent=2"));
    let options: Vec<&str> = spec.iter().flat_map(|spec| ["--faults", spec]).collect();
    house
        .hsms
        .push(place.serve_with(&name, &options).expect("HSM"));
}

/// Runs a step until it ends well; each failure before must say by name what is wrong.
fn insist(what: &str, step: impl Fn() -> Tool) -> String {
    for _ in 0..PATIENCE {
        let ran = step().run().expect(what);
        if ran.code == 0 {
            return ran.out;
        }
        let text = ran.text();
        assert!(
            ran.code == 3 || ran.code == 4,
            "{what}: exit {}: {text}",
            ran.code
        );
        assert!(clear(&text), "{what}: no clear error: {text}");
    }
    panic!("{what} did not end well in {PATIENCE} tries");
}

/// A refusal that names itself in brackets, or the HSM's absence.
fn clear(text: &str) -> bool {
    let slug = |part: &str| {
        let inner = part.split(')').next().unwrap_or_default();
        inner.len() > 3 && inner.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    text.split('(').skip(1).any(slug) && !text.contains("panicked")
}

/// The set-up of the whole house, step by step, with both officers.
fn raise(house: &mut House, suite: &Suite) {
    for (number, tier) in Tier::ALL.into_iter().enumerate() {
        house.machine.init(&house.hsm(tier), "test").expect("HSM");
        serve(house, tier, Some(&format!("seed={number},rate=250")));
    }
    let this = &*house;
    for tier in Tier::ALL {
        insist("init", || this.init_tool(tier).expect("tool"));
    }
    for (upper, lower) in [
        (Tier::Ministry, Tier::Province),
        (Tier::Province, Tier::Prefecture),
    ] {
        enrol(this, upper, lower);
        enrol(this, lower, upper);
        hand_down(this, upper, lower);
    }
    this.issue_identities().expect("identities");
    let cards: Vec<String> = (0..=suite.cards + FATAL_CARDS)
        .map(|n| hex::encode_upper(factor(1, n)))
        .collect();
    let sams: Vec<String> = (0..suite.sams + 2)
        .map(|n| hex::encode_upper(factor(2, n)))
        .collect();
    for (tier, kind, number, items) in [
        (Tier::Prefecture, "card", 1, cards),
        (Tier::Ministry, "sam", 2, sams),
    ] {
        let list = this.delivery_list(kind, number, &items).expect("list");
        insist("delivery", || {
            this.kms(tier, "delivery import").expect("tool").arg(&list)
        });
    }
    let counts = [
        (
            Tier::Prefecture,
            "cards",
            "card",
            usize::from(suite.cards + FATAL_CARDS),
        ),
        (
            Tier::Ministry,
            "sams",
            "sam-national",
            usize::from(suite.sams) + 1,
        ),
    ];
    for (tier, id, kind, count) in counts {
        let words = format!("ticket request --by wang --id {id} --kind {kind} --quantity {count}");
        this.kms(tier, &words).expect("tool").ok().expect("request");
        insist("ticket", || {
            this.kms_order(tier, "ticket approve")
                .expect("tool")
                .arg(id)
        });
    }
}

fn enrol(house: &House, tier: Tier, peer: Tier) {
    let info = house
        .folder()
        .join(format!("peer-{}-{}.json", peer.area(), tier.area()));
    insist("info", || {
        let _ = std::fs::remove_file(&info);
        house
            .kms(peer, "hsm info")
            .expect("tool")
            .arg("--out")
            .arg(&info)
    });
    insist("enrol", || {
        let tool = house.kms(tier, "hsm enrol --by wang").expect("tool");
        tool.arg("--peer-info").arg(&info)
    });
    insist("confirm", || {
        let tool = house.kms_order(tier, "hsm confirm").expect("tool");
        tool.arg("--peer").arg(peer.peer())
    });
}

fn hand_down(house: &House, upper: Tier, lower: Tier) {
    let file = |name: &str| house.folder().join(format!("{name}-{}.json", lower.area()));
    let (request, package) = (file("request"), file("package"));
    insist("request", || {
        let _ = std::fs::remove_file(&request);
        let tool = house.kms(lower, "request --by wang").expect("tool");
        tool.arg("--out").arg(&request)
    });
    let opened = insist("grant", || {
        let tool = house.kms(upper, "grant --json --by wang").expect("tool");
        tool.arg("--request").arg(&request)
    });
    let opened: serde_json::Value = serde_json::from_str(&opened).expect("json");
    let id = opened["id"].as_str().expect("id").to_owned();
    insist("approve", || {
        let _ = std::fs::remove_file(&package);
        let tool = house.kms_order(upper, "grant").expect("tool");
        tool.arg("--approve").arg(&id).arg("--out").arg(&package)
    });
    insist("import", || {
        house
            .kms_order(lower, "import")
            .expect("tool")
            .arg(&package)
    });
}

/// Repeats one request until it is answered; each failure before must say by name what is wrong.
fn answered(what: &str, ask: impl Fn() -> Result<Script, ClientError>) -> Script {
    for _ in 0..PATIENCE {
        match ask() {
            Ok(script) => return script,
            Err(error) => assert!(error.problem().is_some(), "{what}: no clear error: {error}"),
        }
    }
    panic!("{what} was not answered in {PATIENCE} tries");
}

fn blank() -> CardState {
    CardState {
        key_version: 0,
        counter: 0,
        state: 1,
    }
}

fn card_request(certificate: &[u8], number: u8) -> PersonalisationRequest {
    let profile = cardlib_card::profile::Profile::rhc_2012();
    let person = "410102199001010016";
    let mut content = cardlib_card::content::CardContent::default();
    for (tag, text) in [
        (1, "1"),
        (2, "V1.1"),
        (8, person),
        (10, "4100000001"),
        (57, "410100"),
    ] {
        content.set_text(profile, tag, text).expect("content");
    }
    content.set(profile, 5, certificate).expect("certificate");
    PersonalisationRequest {
        request_id: Uuid::new_v4(),
        ticket: "cards".to_owned(),
        factor: factor(1, number),
        vendor: [0x54, 0x54],
        cos_version: 1,
        card: blank(),
        person: Secret::new(person.to_owned()),
        content,
    }
}

fn sam_request(number: u8) -> SamNationalRequest {
    SamNationalRequest {
        request_id: Uuid::new_v4(),
        ticket: "sams".to_owned(),
        chip_serial: factor(2, number),
        vendor: [0x54, 0x54],
        cos_version: 1,
        sam: blank(),
        sam_type: 1,
        province: "41".to_owned(),
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

#[test]
fn no_fault_of_an_hsm_loses_a_key_or_a_count() {
    Suite {
        machine: Machine::Daemon,
        cards: 220,
        sams: 80,
        least: 500,
    }
    .run();
}

/// The same through the GM/T 0018 library, with fewer cards.
#[test]
fn nor_does_one_behind_the_sdf_library() {
    Suite {
        machine: Machine::Sdf,
        cards: 30,
        sams: 10,
        least: 75,
    }
    .run();
}

impl Suite {
    fn run(&self) {
        let mut house = House::found_over(self.machine).expect("house");
        raise(&mut house, self);
        tiers::compare(&house).expect("the keys that OpenSSL computes");
        let set_up = injected(&house);

        for tier in [Tier::Ministry, Tier::Prefecture] {
            serve(&mut house, tier, Some("seed=11,rate=620"));
            let running = house
                .serve_tier(tier, ports::free().expect("port"))
                .expect("service");
            house.tiers.push(running);
        }
        let certificate = issuer_certificate(&house.kms_store(Tier::Prefecture));
        let prefecture = client(&house, Tier::Prefecture, "station-4101");
        let ministry = client(&house, Tier::Ministry, "station-41");

        let mut cards = Vec::new();
        for number in 0..self.cards {
            let request = card_request(&certificate, number);
            let script = answered("card", || prefecture.personalise(&request));
            assert_eq!(
                script.quota_left,
                u64::from(self.cards - number + FATAL_CARDS - 1),
                "counted once"
            );
            cards.push((request, script));
        }
        for number in 0..self.sams {
            let request = sam_request(number);
            let script = answered("SAM", || ministry.sam_national(&request));
            assert_eq!(
                script.quota_left,
                u64::from(self.sams - number),
                "counted once"
            );
        }
        same_again(&prefecture, &cards);
        right_keys(&cards);

        self.fatal(&mut house, &prefecture, &certificate, &cards);
        let all = injected(&house);
        let total: usize = all.values().sum();
        println!("injected {total} faults: {all:?}; during set-up and hand-down {set_up:?}");
        assert!(total >= self.least, "only {total} injections");
        for name in HARMLESS {
            assert!(
                set_up.get(name).is_some_and(|n| *n > 0),
                "{name} never came in set-up"
            );
            assert!(
                all[name] >= self.least / 25,
                "{name} came {} times only",
                all[name]
            );
        }
        for name in FATAL {
            assert!(all[name] >= 3, "{name} came {} times only", all[name]);
        }
    }

    /// What ends the HSM, at the first, second and third call: a clear error, and after the restart the same request is
    /// answered and takes exactly one count.
    fn fatal(
        &self,
        house: &mut House,
        prefecture: &Client,
        certificate: &[u8],
        cards: &[(PersonalisationRequest, Script)],
    ) {
        let mut left = FATAL_CARDS;
        for fault in FATAL {
            for call in 1..=3 {
                left -= 1;
                let request = card_request(certificate, self.cards + left);
                serve(house, Tier::Prefecture, Some(&format!("at={call}:{fault}")));
                for (request, script) in &cards[..call - 1] {
                    let old = answered("an old card", || prefecture.personalise(request));
                    assert_eq!(old.digest, script.digest);
                }
                let first = prefecture.personalise(&request);
                if let Err(error) = &first {
                    assert!(
                        error.problem().is_some(),
                        "{fault}: no clear error: {error}"
                    );
                }
                serve(house, Tier::Prefecture, None);
                let script = answered("after a restart", || prefecture.personalise(&request));
                assert_eq!(script.quota_left, u64::from(left), "{fault} at call {call}");
                if let Ok(first) = first {
                    assert_eq!(first.digest, script.digest, "{fault} at call {call}");
                }
            }
        }
        let one_more = prefecture.personalise(&card_request(certificate, self.cards + FATAL_CARDS));
        let refused = one_more.err().expect("no count is left");
        let slug = refused.problem().map(|problem| problem.slug().to_owned());
        assert!(
            slug.as_deref().is_some_and(|slug| slug.contains("ticket")),
            "{slug:?}"
        );
        let (request, script) = &cards[7];
        let old = answered("an old card", || prefecture.personalise(request));
        assert_eq!(old.digest, script.digest);
        house.hsms.iter_mut().for_each(tests_stand::Service::stop);
        let nobody = prefecture.personalise(&card_request(certificate, self.cards + FATAL_CARDS));
        assert!(nobody.err().is_some_and(|error| error.problem().is_some()));
    }
}

/// The same requests bring the very same scripts.
fn same_again(prefecture: &Client, cards: &[(PersonalisationRequest, Script)]) {
    for (request, script) in cards.iter().step_by(10) {
        let again = answered("repeat", || prefecture.personalise(request));
        assert_eq!(
            again.digest, script.digest,
            "another script for the same request"
        );
    }
}

/// The keys of the first and the last card, as OpenSSL computes them.
fn right_keys(cards: &[(PersonalisationRequest, Script)]) {
    let chosen = [cards.first(), cards.last()].map(|card| card.expect("a card"));
    let factors = chosen.map(|(request, _)| hex::encode_upper(request.factor));
    let keys = Keys::compute(&Made {
        factors: factors.to_vec(),
        ..Made::default()
    });
    let keys = keys.expect("OpenSSL");
    for ((_, script), factor) in chosen.into_iter().zip(&factors) {
        let wanted = tiers::of_card(&keys, factor).expect("values");
        let found: BTreeMap<(String, u64), String> = script
            .check_values
            .iter()
            .map(|value| {
                (
                    (value.key.clone(), u64::from(value.version)),
                    value.kcv.clone(),
                )
            })
            .collect();
        for (key, value) in &wanted {
            assert_eq!(found.get(key), Some(value), "{factor} {key:?}");
        }
        assert_eq!(wanted.len(), 57);
    }
}
