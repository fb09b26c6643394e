//! SIGKILL at random points of every act that has more than one step: what was begun can be finished or is void, quotas are
//! exact, the record is unbroken. Tickets, scripts, checkpoints, hand-downs and their receipts, rotations, states of keys,
//! backups and restores; ceremonies are killed in `tests/e2e/tests/ceremony.rs`. 50 kills here, 500 in the soak (`RHC_KILLS`); the seed is printed, `RHC_SEED` repeats it.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cardlib_card::delivery::Kind;
use cardlib_sim::SamCard;

use super::house::shop::{blank_sam, probe};
use super::house::{House, Ran, json};
use super::life::{make_sam, package, run};
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

/// SAMs in use, made before the kills.
const SAMS: [[u8; 8]; 2] = [[251; 8], [252; 8]];
/// Steps of a rotation; each is killed.
const STEPS: u64 = 6;
/// What two officers sign.
const SIGNED: [&str; 8] = [
    "restore",
    "grant --store kms-0 --approve",
    "import",
    "ticket approve",
    "hsm confirm",
    "rotation open",
    "rotation retire",
    "keys state",
];

fn is_signed(words: &str) -> bool {
    SIGNED.iter().any(|act| words.starts_with(act))
}

/// A house, its dice, and how long each act takes when nobody kills it.
struct Trial {
    house: House,
    dice: Dice,
    usual: BTreeMap<&'static str, Duration>,
    /// Kills of each act, and those before its end.
    kills: BTreeMap<&'static str, (u64, u64)>,
    /// Chips asked for so far.
    chips: u8,
    made: u64,
    sams: Vec<SamCard>,
    /// Steps of rotations so far.
    step: u64,
    /// The grant that is under way.
    granted: Option<String>,
    /// Hand-downs that were taken, with their receipts.
    taken: Vec<(String, String)>,
    suspended: bool,
    /// The latest whole backup.
    backup: Option<String>,
}

impl Trial {
    fn begin(&self, words: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rhc-kms"));
        command
            .current_dir(self.house.path("."))
            .args(words.split(' '));
        if is_signed(words) {
            command.args(["--as", "zhang.key", "--as", "li.key"]);
        }
        command
            .env("RHC_LOG", "error")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// When to kill: somewhere in what the act took last time.
    fn moment(&mut self, act: &'static str) -> Duration {
        let usual = self.usual.get(act).copied();
        let usual = usual.unwrap_or(Duration::from_millis(60));
        Duration::from_micros(self.dice.below(usual.as_micros() as u64))
    }

    fn killed(&mut self, act: &'static str, before_its_end: bool) {
        let (kills, fell) = self.kills.entry(act).or_default();
        (*kills, *fell) = (*kills + 1, *fell + u64::from(before_its_end));
    }

    /// Runs an act and kills it somewhere; whether it had come to its end.
    fn cut(&mut self, act: &'static str, words: &str) -> bool {
        let at = self.moment(act);
        let mut child = self.begin(words);
        std::thread::sleep(at);
        let _ = child.kill();
        let ended = child.wait().unwrap().success();
        self.killed(act, !ended);
        ended
    }

    /// The same act once more.
    fn again(&mut self, act: &'static str, words: &str) -> Ran {
        let begun = Instant::now();
        let ran = if is_signed(words) {
            self.house.signed_line(words)
        } else {
            self.house.line(words)
        };
        self.usual.insert(act, begun.elapsed());
        ran
    }

    /// Kills an act and does it again until it says that it is done, or was. The HSM may still be at work on the last order of
    /// whoever was killed; a request that was made before it ended no longer fits, and is made again as its refusal says.
    fn kill(&mut self, act: &'static str, words: &str, done: &[&str]) {
        self.cut(act, words);
        let mut ran = self.again(act, words);
        if ran.err.contains("(order-stale)") {
            ran = self.again(act, words);
        }
        let was = |slug: &&str| ran.err.contains(&format!("({slug})"));
        assert!(
            ran.code == 0 || done.iter().any(was),
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

    fn grant(&mut self) {
        let id = self.house.ask("0", "41");
        let file = format!("pkg-{id}.json");
        let words = format!("grant --store kms-0 --approve {id} --out {file}");
        self.cut("grant", &words);
        let ran = self.again("grant", &words);
        assert!(
            ran.code == 0 || self.house.path(&file).exists(),
            "{}",
            ran.err
        );
        self.granted = Some(id);
    }

    fn import(&mut self) {
        let id = self.granted.take().expect("granted");
        let (package, receipt) = (format!("pkg-{id}.json"), format!("receipt-{id}.json"));
        let words = format!("import --store kms-41 {package} --receipt {receipt}");
        self.kill("import", &words, &[]);
        // Wherever it fell: the receipt is there, and the same package brings the same.
        let read = |house: &House| std::fs::read(house.path(&receipt)).expect("a receipt");
        let first = read(&self.house);
        self.house.signed_line(&words).ok();
        assert_eq!(read(&self.house), first);
        self.taken.push((id, receipt));
    }

    /// The receipt is taken above once, whatever fell.
    fn receipt(&mut self) {
        let (id, receipt) = self.taken.pop().expect("taken");
        let words = format!("handdown receipt {receipt} --store kms-0");
        self.kill("receipt", &words, &["exists-already"]);
        let told = self.house.line("handdown list --store kms-0 --json").ok();
        let all = json(&told.out);
        let mut all = all.as_array().unwrap().iter();
        let one = all.find(|one| one["id"] == *id).expect("listed");
        assert_eq!(one["state"], "received");
    }

    /// One step of a rotation; after the last version the states of a key instead.
    fn rotation(&mut self) {
        let (from, to) = match self.step / STEPS {
            0 => (1, 2),
            1 => (2, 3),
            _ => return self.state(),
        };
        let (id, at) = (format!("rotation-{from}-{to}"), "--store kms-0 --by wang");
        match self.step % STEPS {
            0 => self.kill(
                "rotation plan",
                &format!("rotation plan --from {from} --to {to} {at}"),
                &["rotation-phase"],
            ),
            1 => self.kill(
                "rotation open",
                &format!("rotation open {id} --store kms-0"),
                &["rotation-phase"],
            ),
            2 => self.kill(
                "rotation packages",
                &format!("rotation packages {id} --out pk-{to} {at}"),
                &[],
            ),
            3 => {
                let mut words = format!("rotation receipts {at}");
                for (chip, sam) in SAMS.iter().zip(&mut self.sams) {
                    let file = format!("pk-{to}/{}-rekey.json", hex::encode_upper(chip));
                    let receipt = format!("r-{to}-{}.json", hex::encode_upper(chip));
                    run(&self.house, sam, &package(&self.house, &file), &receipt);
                    words.push_str(&format!(" {receipt}"));
                }
                self.kill("rotation receipts", &words, &[]);
                // What the service made meanwhile is late; these are not.
                let told = self.house.line("rotation status --store kms-0").out;
                for chip in SAMS.map(hex::encode_upper) {
                    let mut lines = told.lines().filter(|line| line.starts_with(&chip));
                    assert!(lines.all(|line| line.contains("re-keyed")), "{told}");
                }
            }
            4 => self.kill(
                "rotation switch",
                &format!("rotation switch {id} {at}"),
                &["rotation-phase"],
            ),
            _ => self.kill(
                "rotation retire",
                &format!("rotation retire {id} --leave-stragglers --store kms-0"),
                &["rotation-phase"],
            ),
        }
        self.step += 1;
        let phases = ["planned", "open", "open", "open", "switched", "retired"];
        let told = self.house.line("rotation status --store kms-0 --json");
        let phase = &json(&told.out)["phase"];
        assert_eq!(phase, phases[((self.step - 1) % STEPS) as usize]);
    }

    /// A key suspended, and active again.
    fn state(&mut self) {
        let to = if self.suspended {
            "active"
        } else {
            "suspended"
        };
        let words = format!("keys state CVK/0 --to {to} --reason drill --by wang --store kms-41");
        self.kill("key state", &words, &["key-state"]);
        self.suspended = !self.suspended;
        let told = self
            .house
            .line("keys life --store kms-41 --key CVK/0 --json")
            .ok();
        assert_eq!(json(&told.out)[0]["state"], to);
    }

    /// A restore that was cut off made nothing that stands in the way, or was whole; a new epoch with every row of the backup,
    /// and an HSM's store that will close its tickets.
    fn restore(&mut self, n: u64) {
        let from = self.backup.clone().expect("a backup");
        let (store, hsm) = (format!("x-{n}"), format!("y-{n}"));
        let words = format!("restore --from {from} --store {store} --hsm-store {hsm} --by wang");
        let ended = self.cut("restore", &words);
        let whole = self.house.path(&store).exists();
        assert!(whole || !ended);
        let apart = self.house.path(&hsm);
        if !whole && apart.exists() {
            // Between the last two steps: as the page says.
            assert!(apart.join("restored").exists());
            std::fs::remove_dir_all(&apart).unwrap();
        }
        if !whole {
            self.again("restore", &words).ok();
        }
        assert!(self.house.path(&hsm).join("restored").exists());
        let told = self
            .house
            .line(&format!(
                "audit verify --store {store} --without-hsm --json"
            ))
            .ok();
        assert_eq!(json(&told.out)["epoch"], 2, "{}", told.out);
        for made in [store, hsm] {
            std::fs::remove_dir_all(self.house.path(&made)).unwrap();
        }
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
        let at = self.moment("service");
        let asked = request.clone();
        let asking = std::thread::spawn(move || station.sam_national(&asked).is_ok());
        std::thread::sleep(at);
        drop(served);
        let answered = asking.join().unwrap();
        self.killed("service", !answered);
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
        let words = |out: &str| format!("backup --store kms-0 --hsm-store hsm-0 --out {out}");
        let mut out = format!("backup-{n}");
        if !self.cut("backup", &words(&out))
            && !self.house.path(&out).join("manifest.json").exists()
        {
            // A backup without its last file is none.
            let restore = format!("restore --from {out} --store x-{n} --hsm-store y-{n} --by wang");
            assert_ne!(self.house.signed_line(&restore).code, 0);
            assert!(!self.house.path(&format!("x-{n}")).exists());
            out.push_str("-again");
            self.again("backup", &words(&out)).ok();
        }
        self.backup = Some(out);
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
    house.hand_down("0", "41");
    let chips: Vec<[u8; 8]> = (1..=252u8).map(|n| [n; 8]).collect();
    house.deliver("0", Kind::Sam, 1, &chips);
    house.deliver("41", Kind::Sam, 1, &SAMS);
    let mut trial = Trial {
        sams: sams_in_use(&house),
        house,
        dice: Dice(seed),
        usual: BTreeMap::new(),
        kills: BTreeMap::new(),
        chips: 0,
        made: 0,
        step: 0,
        granted: None,
        taken: Vec::new(),
        suspended: false,
        backup: None,
    };
    for done in 0..kills {
        match done % 10 {
            0 => trial.ticket(done),
            1 | 6 => trial.rotation(),
            2 => trial.service(done),
            3 => trial.kill("checkpoint", "audit checkpoint --store kms-0", &[]),
            4 => trial.grant(),
            5 => trial.import(),
            7 => trial.backup(done),
            8 => trial.restore(done),
            _ if done % 20 == 9 => trial.receipt(),
            _ => trial.state(),
        }
        trial.sound("0");
        trial.sound("41");
    }
    let told = trial.house.line("ticket list --store kms-0 --json").ok();
    assert!(!json(&told.out).is_null());
    let each: Vec<_> = trial
        .kills
        .iter()
        .map(|(act, (n, _))| format!("{act} {n}"))
        .collect();
    let sum = |of: fn(&(u64, u64)) -> u64| trial.kills.values().map(of).sum::<u64>();
    assert_eq!(sum(|(n, _)| *n), kills);
    println!(
        "kills: {kills} by SIGKILL ({}), {} of them before the end, {} scripts counted once, 0 deviations, seed {seed}",
        each.join(", "),
        sum(|(_, fell)| *fell),
        trial.made
    );
}

/// SAMs of two types, made by both tiers.
fn sams_in_use(house: &House) -> Vec<SamCard> {
    house.ticket("0", "sam-national", 2, "t-n");
    house.ticket("41", "sam-provincial", 2, "t-p");
    let (upper, lower) = (house.serve("0"), house.serve("41"));
    let upper = Client::new(&upper.url, &house.identity("0", "station", "one")).unwrap();
    let lower = Client::new(&lower.url, &house.identity("41", "station", "two")).unwrap();
    let made = SAMS.iter().zip([(1, 1), (5, 2)]);
    let made = made.map(|(chip, (kind, number))| make_sam((&upper, &lower), *chip, kind, number));
    made.collect()
}
