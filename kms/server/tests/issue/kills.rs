//! SIGKILL at random points of every act that has more than one step: what was begun can be finished or is void, quotas are
//! exact, the record is unbroken. 50 kills here, 500 in the soak (`RHC_KILLS`); the seed is printed, `RHC_SEED` repeats it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cardlib_card::delivery::Kind;

use super::house::shop::{blank_sam, probe};
use super::house::{House, json};
use kms_api::{Client, SamNationalRequest};
use uuid::Uuid;

/// SplitMix64: a test's dice, repeatable by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A house, its dice, and how long each act takes when nobody kills it.
struct Trial {
    house: House,
    dice: Dice,
    usual: std::collections::BTreeMap<&'static str, Duration>,
    /// Chips asked for so far.
    chips: u8,
    made: u64,
    fell: u64,
}

impl Trial {
    fn begin(&self, words: &str) -> Child {
        let signed = ["grant", "import", "ticket approve", "hsm confirm"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_rhc-kms"));
        command
            .current_dir(self.house.path("."))
            .args(words.split(' '));
        if signed.iter().any(|act| words.starts_with(act)) && !words.contains("--request") {
            command.args(["--as", "zhang.key", "--as", "li.key"]);
        }
        command
            .env("RHC_LOG", "error")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Runs an act, kills it somewhere, and runs it again until it says that it is done, or was.
    fn kill(&mut self, act: &'static str, words: &str, done: &[&str]) {
        let usual = self
            .usual
            .get(act)
            .copied()
            .unwrap_or(Duration::from_millis(60));
        let at = Duration::from_micros(self.dice.below(usual.as_micros() as u64));
        let mut child = self.begin(words);
        std::thread::sleep(at);
        let _ = child.kill();
        if !child.wait().unwrap().success() {
            self.fell += 1;
        }
        let begun = Instant::now();
        let ran = if words.contains("--request") || act == "checkpoint" || act == "backup" {
            self.house.line(words)
        } else {
            self.house.signed_line(words)
        };
        self.usual.insert(act, begun.elapsed());
        let was = done
            .iter()
            .any(|slug| ran.err.contains(&format!("({slug})")));
        assert!(
            ran.code == 0 || was,
            "{act} after a kill: {}{}",
            ran.out,
            ran.err
        );
    }

    fn sound(&self, at: &str) {
        let ran = self
            .house
            .line(&format!("audit verify --store kms-{at} --json"));
        assert_eq!(ran.code, 0, "{at}: {}{}", ran.out, ran.err);
    }

    fn ticket(&mut self, n: u64) {
        let id = format!("t-{n}");
        self.house
            .line(&format!(
                "ticket request --store kms-0 --kind sam-national --quantity 2 --by wang --id {id}"
            ))
            .ok();
        self.kill(
            "ticket",
            &format!("ticket approve {id} --store kms-0"),
            &["exists-already"],
        );
    }

    fn hand_down(&mut self) {
        let id = self.house.ask("0", "41");
        let file = format!("pkg-{id}.json");
        let words = format!("grant --store kms-0 --approve {id} --out {file}");
        self.kill("grant", &words, &[]);
        let again = self.house.signed_line(&words);
        assert!(
            again.code == 0 || self.house.path(&file).exists(),
            "{}",
            again.err
        );
        self.kill(
            "import",
            &format!("import --store kms-41 {file}"),
            &["request-unknown"],
        );
    }

    /// Kills the service while a SAM's script is made; the same request afterwards brings the script and spends nothing more.
    fn service(&mut self, n: u64) {
        let id = format!("t-s{n}");
        self.house.ticket("0", "sam-national", 1, &id);
        self.chips += 1;
        let serial = [self.chips; 8];
        let request = SamNationalRequest {
            request_id: Uuid::new_v4(),
            ticket: id.clone(),
            chip_serial: serial,
            vendor: [0x54, 0x54],
            cos_version: 1,
            sam_type: 4,
            province: "41".into(),
            sam: probe(&mut blank_sam(serial)),
        };
        let identity = self.house.identity("0", "station", "one");
        let served = self.house.serve("0");
        let station = Client::new(&served.url, &identity).unwrap();
        let usual = self
            .usual
            .get("service")
            .copied()
            .unwrap_or(Duration::from_millis(40));
        let at = Duration::from_micros(self.dice.below(usual.as_micros() as u64));
        let asked = request.clone();
        let asking = std::thread::spawn(move || station.sam_national(&asked).is_ok());
        std::thread::sleep(at);
        drop(served);
        if !asking.join().unwrap() {
            self.fell += 1;
        }
        let served = self.house.serve("0");
        let station = Client::new(&served.url, &identity).unwrap();
        let begun = Instant::now();
        let script = station
            .sam_national(&request)
            .expect("the same request goes on");
        self.usual.insert("service", begun.elapsed());
        assert_eq!(script.quota_left, 0);
        self.made += 1;
        // The count is exact: another chip finds the ticket empty.
        let other = [0xEE; 8];
        let other = SamNationalRequest {
            request_id: Uuid::new_v4(),
            chip_serial: other,
            sam: probe(&mut blank_sam(other)),
            ..request
        };
        let refused = station.sam_national(&other).err().unwrap();
        assert_eq!(refused.problem().unwrap().slug(), "ticket-empty");
    }

    fn backup(&mut self, n: u64) {
        let out = format!("backup-{n}");
        let words = format!("backup --store kms-0 --hsm-store hsm-0 --out {out}");
        let usual = self
            .usual
            .get("backup")
            .copied()
            .unwrap_or(Duration::from_millis(80));
        let at = Duration::from_micros(self.dice.below(usual.as_micros() as u64));
        let begun = Instant::now();
        let mut child = self.begin(&words);
        std::thread::sleep(at);
        let _ = child.kill();
        if !child.wait().unwrap().success() {
            self.fell += 1;
            // A backup without its last file is none.
            let restore = format!("restore --from {out} --store x-{n} --hsm-store y-{n} --by wang");
            assert_ne!(self.house.line(&restore).code, 0);
            assert!(!self.house.path(&format!("x-{n}")).exists());
        } else {
            self.usual.insert("backup", begun.elapsed());
        }
    }
}

#[test]
fn a_kill_anywhere_leaves_a_state_that_goes_on() {
    let kills = number("RHC_KILLS", 50);
    let seed = number("RHC_SEED", u64::from(std::process::id()));
    let mut house = House::new();
    for (tier, area, name) in [("ministry", "", "0"), ("province", "41", "41")] {
        house.start_hsm(name, "test");
        house.init(tier, area, name, "test", true).ok();
        house
            .signed_line(&format!("audit keys --store kms-{name}"))
            .ok();
    }
    house.enrol("41", "0", "province-41");
    house.enrol("0", "41", "ministry");
    let chips: Vec<[u8; 8]> = (1..=250u8).map(|n| [n; 8]).collect();
    house.deliver("0", Kind::Sam, 1, &chips);
    let mut trial = Trial {
        house,
        dice: Dice(seed),
        usual: Default::default(),
        chips: 0,
        made: 0,
        fell: 0,
    };
    let mut done = 0;
    while done < kills {
        match done % 5 {
            0 => trial.ticket(done),
            1 => trial.service(done),
            2 => trial.kill("checkpoint", "audit checkpoint --store kms-0", &[]),
            3 => trial.backup(done),
            _ => {
                trial.hand_down();
                done += 1;
            }
        }
        done += 1;
        trial.sound("0");
        trial.sound("41");
    }
    let told = trial.house.line("ticket list --store kms-0 --json").ok();
    assert!(!json(&told.out).is_null());
    println!(
        "kills: {done} by SIGKILL, {} of them before the end, {} scripts counted once, 0 deviations, seed {seed}",
        trial.fell, trial.made
    );
}
