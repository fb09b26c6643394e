//! Services, a station's identity, delivery lists, and virtual chips to run scripts on.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use cardlib_card::content::CardContent;
use cardlib_card::delivery::{self, DeliveryList, Kind, Mark, test_maker_label};
use cardlib_card::gm::sm2::SigningKey;
use cardlib_card::profile::Profile;
use cardlib_sim::{Chip, Random, SamCard, TransportMaster, UserCard, VirtualCard};
use kms_api::{CardState, Client, PersonalisationRequest, Script, Secret, Step};
use kms_platform::identity::Identity;
use uuid::Uuid;

use super::House;

/// A running `rhc-kms serve`.
pub struct Served {
    child: Child,
    pub url: String,
    /// The further listeners, in the order in which they are told.
    pub besides: Vec<String>,
    log: PathBuf,
}

impl Served {
    /// Everything it logged, as JSON lines.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl House {
    pub fn serve(&self, at: &str) -> Served {
        self.serve_with(at, &[], 0)
    }

    /// With further options, and so many further listeners.
    pub fn serve_with(&self, at: &str, options: &[&str], besides: usize) -> Served {
        let store = format!("kms-{at}");
        let log = self.path(&format!("log-{at}-{}", Uuid::new_v4()));
        let mut child = Command::new(env!("CARGO_BIN_EXE_rhc-kms"))
            .current_dir(self.path("."))
            .args(["serve", "--store", &store, "--listen", "127.0.0.1:0"])
            .args(options)
            .env(
                "RHC_LOG",
                if besides == 0 {
                    "warn"
                } else {
                    "info,sqlx=warn"
                },
            )
            .env("RHC_LOG_FORMAT", "json")
            .stderr(std::fs::File::create(&log).unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = lines.take(1 + besides).map(|line| line.unwrap());
        let line = told.next().unwrap_or_default();
        let Some(url) = line.strip_prefix("listening on ") else {
            panic!("{line}{}", std::fs::read_to_string(&log).unwrap());
        };
        let url = url.to_owned();
        let besides = told.map(|line| line.rsplit(' ').next().unwrap().to_owned());
        let besides = besides.collect();
        Served {
            child,
            url,
            besides,
            log,
        }
    }

    pub fn identity(&self, at: &str, role: &str, name: &str) -> Identity {
        let (store, file) = (format!("kms-{at}"), format!("{role}-{name}.json"));
        if !self.path(&file).exists() {
            self.line(&format!(
                "identity issue --store {store} --role {role} --name {name} --out {file}"
            ))
            .ok();
        }
        Identity::read(&self.path(&file)).unwrap()
    }

    /// A key service's identity of an area below, by the authority of `at`.
    pub fn identity_of(&self, at: &str, area: &str) -> Identity {
        let file = format!("kms-of-{area}.json");
        self.line(&format!(
            "identity issue --store kms-{at} --role kms --area {area} --name first --out {file}"
        ))
        .ok();
        Identity::read(&self.path(&file)).unwrap()
    }

    pub fn client(&self, served: &Served, role: &str) -> Client {
        Client::new(&served.url, &self.identity("4101", role, "one")).unwrap()
    }

    /// A list of the test maker, signed and imported.
    pub fn deliver(&self, at: &str, kind: Kind, sequence: u64, items: &[[u8; 8]]) {
        let list = DeliveryList::new("5454", "RHC-SIM", Mark::Test, sequence, kind, items)
            .unwrap()
            .to_json()
            .unwrap();
        let maker = SigningKey::from_label(test_maker_label("5454").as_bytes()).unwrap();
        let name = format!("list-{sequence}.json");
        std::fs::write(self.path(&name), &list).unwrap();
        std::fs::write(
            self.path(&format!("{name}.sig")),
            delivery::sign(&list, &maker).unwrap(),
        )
        .unwrap();
        self.kms(&["delivery", "import", &name, "--store", &format!("kms-{at}")])
            .ok();
    }

    /// The province's issuer certificate, as the prefecture's store has it.
    pub fn issuer_certificate(&self, at: &str) -> Vec<u8> {
        let text = self.query(
            at,
            "SELECT value FROM setting WHERE key = 'issuer-certificate'",
        );
        hex::decode(text.trim_matches('"')).unwrap()
    }

    /// One text value of a store.
    pub fn query(&self, at: &str, sql: &'static str) -> String {
        if let Some(told) = self.psql(at, sql) {
            return told;
        }
        self.database(at, async move |pool: kms_platform::sqlx::SqlitePool| {
            kms_platform::sqlx::query_scalar(sql)
                .fetch_one(&pool)
                .await
                .unwrap()
        })
    }

    /// Statements as somebody with the file, or the database's owner's rights, in hand would run them.
    pub fn tamper(&self, at: &str, sql: &str) {
        if self.psql(at, sql).is_some() {
            return;
        }
        let sql = kms_platform::sqlx::AssertSqlSafe(sql.to_owned());
        self.database(at, async move |pool: kms_platform::sqlx::SqlitePool| {
            kms_platform::sqlx::raw_sql(sql)
                .execute(&pool)
                .await
                .unwrap();
        });
    }

    /// A chip whose certificate names this key; of the certificate only the key is there.
    pub fn plant_certificate(&self, at: &str, chip: &str, key: &[u8; 64]) {
        let certificate = format!("{}{}", "00".repeat(62), hex::encode(key));
        let literal = if self.addresses(at).is_some() {
            format!("'\\x{certificate}'")
        } else {
            format!("x'{certificate}'")
        };
        self.tamper(
            at,
            &format!(
                "INSERT INTO chip (factor, kind, maker, mark, sequence, certificate)
                 VALUES ('{chip}', 'sam', '5454', 'test', 1, {literal})"
            ),
        );
    }

    fn database<T, F: Future<Output = T>>(
        &self,
        at: &str,
        ask: impl FnOnce(kms_platform::sqlx::SqlitePool) -> F,
    ) -> T {
        let url = format!(
            "sqlite:{}",
            self.path(&format!("kms-{at}/kms.sqlite")).display()
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let pool = kms_platform::sqlx::SqlitePool::connect(&url).await.unwrap();
            let answer = ask(pool.clone()).await;
            pool.close().await;
            answer
        })
    }
}

pub fn blank_card(factor: [u8; 8]) -> UserCard {
    let profile = Profile::rhc_2012();
    UserCard::blank(
        profile,
        Chip::test(profile, factor),
        TransportMaster::test().key_of(&factor),
        Random::from_seed(Some(1)),
    )
}

pub fn blank_sam(serial: [u8; 8]) -> SamCard {
    let profile = Profile::rhc_2012();
    SamCard::blank(
        profile,
        Chip::test(profile, serial),
        TransportMaster::test().key_of(&serial),
        Random::from_seed(Some(2)),
    )
}

/// Powers a chip and asks what it offers.
pub fn probe(chip: &mut dyn VirtualCard) -> CardState {
    chip.reset();
    let answer = transmit(chip, &hex::decode("8050FF00080000000000000000").unwrap());
    assert_eq!(answer.len(), 31, "{}", hex::encode(&answer));
    let counter = u32::from_be_bytes([0, answer[9], answer[10], answer[11]]);
    CardState {
        key_version: answer[8],
        counter,
        state: answer[12],
    }
}

/// T=0: fetches the answer behind 61xx.
pub fn transmit(chip: &mut dyn VirtualCard, apdu: &[u8]) -> Vec<u8> {
    let answer = chip.handle(apdu);
    match answer.as_slice() {
        [0x61, length] => chip.handle(&[0x00, 0xC0, 0x00, 0x00, *length]),
        _ => answer,
    }
}

/// Sends steps; what came back must be what the script expects. Gives the kept answers.
pub fn play<'s>(chip: &mut dyn VirtualCard, steps: impl Iterator<Item = &'s Step>) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    for (number, step) in steps.enumerate() {
        let answer = transmit(chip, &hex::decode(&step.apdu).unwrap());
        let (data, sw) = answer.split_at(answer.len() - 2);
        assert_eq!(
            hex::encode_upper(sw),
            step.sw,
            "step {number}: {}",
            &step.apdu[..10]
        );
        if let Some(tail) = &step.expect_tail {
            assert!(
                hex::encode_upper(data).ends_with(tail),
                "card cryptogram at step {number}"
            );
        }
        if step.answer.is_some() {
            kept.push(data.to_vec());
        }
    }
    kept
}

pub fn play_all(chip: &mut dyn VirtualCard, script: &Script) -> Vec<Vec<u8>> {
    play(chip, script.steps())
}

/// A file of DF01 of an active SAM.
pub fn read_file(sam: &mut SamCard, fid: u16) -> Vec<u8> {
    sam.reset();
    let mut answer = Vec::new();
    let [high, low] = fid.to_be_bytes();
    for apdu in [
        &[0x00, 0xA4, 0x00, 0x0C, 0x02, 0xDF, 0x01][..],
        &[0x00, 0xA4, 0x00, 0x0C, 0x02, high, low],
        &[0x00, 0xB0, 0x00, 0x00, 0x00],
    ] {
        answer = transmit(sam, apdu);
        assert!(answer.ends_with(&[0x90, 0x00]), "{}", hex::encode(&answer));
    }
    answer.truncate(answer.len() - 2);
    answer
}

/// What is written for somebody.
pub fn content(number: &str, serial: &str, name: &str, certificate: &[u8]) -> CardContent {
    let profile = Profile::rhc_2012();
    let mut content = CardContent::default();
    for (tag, text) in [
        (1, "1"),
        (2, "V1.1"),
        (8, number),
        (10, serial),
        (57, "410100"),
        (11, name),
        (15, number),
    ] {
        content.set_text(profile, tag, text).unwrap();
    }
    content.set(profile, 5, certificate).unwrap();
    content
}

/// A request for a card of the test maker.
pub fn ask(
    factor: [u8; 8],
    card: CardState,
    number: &str,
    content: CardContent,
    ticket: &str,
) -> PersonalisationRequest {
    PersonalisationRequest {
        request_id: Uuid::new_v4(),
        ticket: ticket.to_owned(),
        factor,
        vendor: [0x54, 0x54],
        cos_version: 1,
        card,
        person: Secret::new(number.to_owned()),
        content,
    }
}
