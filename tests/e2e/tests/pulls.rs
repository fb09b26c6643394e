//! A card pulled at every command of its personalisation, before it does the command or after, over our own driver with the
//! real station, key service and registry. After each pull: nothing is registered that was not read back, the card is on the
//! journal as half made, the next try finishes it or a person gives it up, and every chip is paid for once.
//!
//! In `make test` every command is pulled at once and as many twice as it takes for 260 pulls; `RHC_PULLS=all` (`make soak`)
//! pulls at each command in each of the three ways.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use cardlib_card::profile::Profile;
use cardlib_ifd::card::{self as ifd, Fault, Leaving, Manner, Puller, Slot};
use cardlib_sim::random::Random;
use cardlib_sim::{Chip, TransportMaster, UserCard, VirtualCard};
use serde_json::Value;
use tests_stand::house::House;
use tests_stand::kms::Tier;
use tests_stand::{Place, Service, Stack, Tool, people};

const TICKET: &str = "pulls";
const LEAST_PULLS: usize = 260;
/// Given up by hand, spread over the personalisation.
const VOIDED: usize = 5;
/// People of one station's run: it searches its file for the person of every half-made card.
const A_RUN: usize = 30;
/// How often a station may take the card before for the next one, as it is pulled while the station lets go of it.
const GRABBED: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// The first command and its GET RESPONSE ask the card who it is: before that there is nothing to write down.
const PROBE: u64 = 2;

#[test]
fn a_card_pulled_at_any_command_is_finished_or_given_up_and_never_registered_unread() {
    let mut line = Line::start();
    let all = line.undisturbed();
    let pulls = plan(all);
    let begun = Instant::now();
    for pulls in pulls.chunks(A_RUN) {
        line.pulled_and_finished(pulls);
        line.the_ticket_has_paid_every_chip_once();
    }
    line.pulled_and_given_up(all);
    let count = pulls.len() + VOIDED;
    println!(
        "{count} pulls at {all} commands: {} finished by the next try, {VOIDED} given up, {} cards grabbed on their way out; {:.1} s",
        pulls.len(),
        line.grabbed,
        begun.elapsed().as_secs_f64()
    );
    assert!(count >= LEAST_PULLS, "{count} pulls");
    line.the_ticket_has_paid_every_chip_once();
}

/// At which command, and how.
type Pull = (u64, Fault);

/// Every command once, by turns before and after; then the other way round, as far as asked.
fn plan(all: u64) -> Vec<Pull> {
    let ways = [Fault::PullAt, Fault::PullAfter, Fault::PullInAnswer];
    let round = |turn: u64| {
        (1..=all).map(move |at| (at, ways[usize::try_from((at + turn) % 2).unwrap_or(0)]))
    };
    if std::env::var_os("RHC_PULLS").is_some_and(|value| value == "all") {
        let torn = (1..=all).map(|at| (at, ways[2]));
        return round(0).chain(round(1)).chain(torn).collect();
    }
    let most = LEAST_PULLS.max(usize::try_from(all).unwrap_or(0));
    round(0).chain(round(1)).take(most).collect()
}

/// The issuing office: services, a SAM, one reader, and all that is written down.
struct Line {
    house: House,
    socket: PathBuf,
    journal: Journal,
    books: Books,
    /// Chips used so far, of which so many are registered.
    used: u32,
    active: u64,
    grabbed: usize,
}

impl Line {
    fn start() -> Self {
        let house = House::ready_on(Stack::Own).expect("house");
        let chips = 2 + 3 * 400;
        let factors: Vec<String> = (0..chips)
            .map(|chip| hex::encode_upper(factor(chip)))
            .collect();
        house.deliver_cards(2, &factors).expect("delivery");
        house
            .ticket(Tier::Prefecture, TICKET, "card", chips)
            .expect("ticket");
        let Place::Socket(socket) = house.card_reader(0).place.clone() else {
            panic!("our own driver has sockets");
        };
        let journal = Journal::of(&house.folder().join("journal"));
        let books = Books::open(&house);
        Self {
            house,
            socket,
            journal,
            books,
            used: 0,
            active: 0,
            grabbed: 0,
        }
    }

    /// A station that takes so many cards for the next people.
    fn station(&self, people: usize, cards: usize) -> Service {
        let file = self
            .house
            .folder()
            .join(format!("people-{}.csv", self.used));
        let text = people::csv(self.used + u32::try_from(people).expect("few"));
        let (header, rows) = text.split_once('\n').expect("a header");
        let rows: Vec<&str> = rows.lines().skip(self.used as usize).collect();
        fs::write(&file, format!("{header}\n{}\n", rows.join("\n"))).expect("file");
        let tool = self.house.personalise_all(&file, self.house.card_reader(0));
        let tool = tool
            .expect("tool")
            .replace(tests_stand::kms::CARD_TICKET, TICKET);
        let tool = tool
            .words("--wait 60 --silence 60 --cards")
            .arg(cards.to_string());
        let tool = tool.arg("--report").arg(self.report());
        let log = self.house.folder().join("logs/station.log");
        Service::start("station", tool.into_command(), &log).expect("station")
    }

    fn report(&self) -> PathBuf {
        self.house
            .folder()
            .join(format!("report-{}.json", self.used))
    }

    fn told(&self, mut station: Service, report: &Path) -> Vec<Value> {
        station.wait_status().expect("the station's end");
        let text = fs::read(report).unwrap_or_else(|_| panic!("{}", station.log_tail(20)));
        let told: Value = serde_json::from_slice(&text).expect("JSON");
        told["cards"].as_array().expect("cards").clone()
    }

    fn next_card(&mut self) -> (Counted, String) {
        let factor = factor(self.used);
        self.used += 1;
        (Counted::blank(factor), hex::encode_upper(factor))
    }

    /// Commands of a card that nobody pulls.
    fn undisturbed(&mut self) -> u64 {
        let report = self.report();
        let station = self.station(1, 1);
        let (card, factor) = self.next_card();
        let card = self.finish(card, &factor);
        let told = self.told(station, &report);
        assert_eq!(told[0]["verdict"], "issued", "{told:?}");
        card.commands
    }

    fn pulled_and_finished(&mut self, pulls: &[Pull]) {
        let report = self.report();
        let station = self.station(pulls.len(), 2 * pulls.len() + GRABBED);
        for pull in pulls {
            let (card, factor) = self.next_card();
            let card = self.pull(card, &factor, *pull);
            self.finish(card, &factor);
        }
        let told = self.told(station, &report);
        let mut told = told.as_slice();
        for pull in pulls {
            let lost = |card: &&Value| card["kind"] == "card-lost";
            let tries = told.iter().take_while(lost).count();
            assert!(tries > 0, "{pull:?}: {told:?}");
            // The card before, grabbed again on its way out: no more than its first command.
            let grabbed = &told[..tries - 1];
            let unknown = grabbed.iter().all(|card| card["factor"].is_null());
            assert!(unknown, "{pull:?}: {grabbed:?}");
            self.grabbed += grabbed.len();
            let verdict = told
                .get(tries)
                .map_or(&Value::Null, |card| &card["verdict"]);
            let wanted = ["issued", "finished", "recovered"];
            let finished = verdict.as_str().is_some_and(|it| wanted.contains(&it));
            assert!(finished, "{pull:?}: {told:?}");
            told = &told[tries + 1..];
        }
        let grabbed = told.iter().all(|card| card["factor"].is_null());
        assert!(grabbed, "{told:?}");
        self.grabbed += told.len();
    }

    /// Pulled cards that nobody puts in again.
    fn pulled_and_given_up(&mut self, all: u64) {
        let report = self.report();
        let station = self.station(VOIDED, VOIDED);
        let mut factors = Vec::new();
        for part in 1..=VOIDED as u64 {
            let (card, factor) = self.next_card();
            self.pull(
                card,
                &factor,
                (part * all / VOIDED as u64, Fault::PullAfter),
            );
            factors.push(factor);
        }
        let told = self.told(station, &report);
        assert!(
            told.iter().all(|card| card["kind"] == "card-lost"),
            "{told:?}"
        );
        for factor in factors {
            let tool = self.house.tool("rhc-station").expect("tool");
            let tool = tool.words("journal void --reason broken").arg(&factor);
            let tool = tool
                .arg("--journal")
                .arg(self.house.folder().join("journal"));
            let tool = tool
                .arg("--registry")
                .arg(self.house.registry_url().expect("url"));
            let tool = tool
                .arg("--identity")
                .arg(self.house.identity("station-4101"));
            tool.ok().expect("void");
            let books = self.books.ask(&factor);
            assert_eq!(books["states"], serde_json::json!(["voided"]), "{books}");
            assert_eq!(books["active"], self.active, "{books}");
        }
    }

    /// Puts the card in, and pulls it at that command.
    fn pull(&mut self, card: Counted, factor: &str, pull: Pull) -> Counted {
        let card = Inserted::put(&self.socket, card, Some(pull)).pulled();
        if pull.0 > PROBE {
            self.journal.wait(factor, "failed");
        }
        let books = self.books.ask(factor);
        assert_eq!(
            books["registrations"], 0,
            "{pull:?}: registered unread: {books}"
        );
        assert_eq!(books["active"], self.active, "{pull:?}: {books}");
        let states = books["states"].as_array().expect("states");
        assert!(
            states.is_empty() || *states == ["reserved"],
            "{pull:?}: {books}"
        );
        card
    }

    /// Puts the card in and leaves it until it is registered.
    fn finish(&mut self, card: Counted, factor: &str) -> Counted {
        let inserted = Inserted::put(&self.socket, card, None);
        self.journal.wait(factor, "registered");
        let card = inserted.pull();
        self.active += 1;
        let events = self.journal.events(factor);
        let read_back = events.iter().position(|event| event == "read-back");
        let registered = events.iter().position(|event| event == "registered");
        assert!(read_back.is_some() && read_back < registered, "{events:?}");
        let books = self.books.ask(factor);
        assert_eq!(books["states"], serde_json::json!(["active"]), "{books}");
        assert_eq!(books["registrations"], 1, "{books}");
        assert_eq!(books["active"], self.active, "{books}");
        assert_eq!(books["bound"], self.used, "paid for once: {books}");
        card
    }

    /// The HSM counts distinct chips.
    fn the_ticket_has_paid_every_chip_once(&self) {
        let place = self.house.hsm(Tier::Prefecture);
        let tool = Tool::new("rhc-hsm").expect("tool").words("tickets --json");
        let tool = tool.arg("--socket").arg(place.socket());
        let tool = tool.arg("--operator-cred").arg(place.operator());
        let told = tool.ok().expect("tickets").json().expect("JSON");
        let tickets = told.as_array().expect("a list");
        let of_pulls = |ticket: &&Value| ticket["spec"]["id"] == TICKET;
        let ticket = tickets.iter().find(of_pulls);
        let ticket = ticket.unwrap_or_else(|| panic!("no ticket in {told}"));
        assert_eq!(ticket["used"], self.used, "{ticket}");
    }
}

/// Factors of test chips; no byte looks like a life-cycle byte (D5).
fn factor(chip: u32) -> [u8; 8] {
    let [.., high, low] = chip.to_be_bytes();
    [
        0xB1,
        0xB2,
        0xB3,
        0xB4,
        0xB5,
        0x20 + high,
        low | 1 << 7,
        0x20 + (low >> 7),
    ]
}

/// A card that counts what is asked of it.
struct Counted {
    card: UserCard,
    commands: u64,
}

impl Counted {
    fn blank(factor: [u8; 8]) -> Self {
        let profile = Profile::rhc_2012();
        let chip = Chip::test(profile, factor);
        let key = TransportMaster::test_of(profile).key_of(&factor);
        let seed = u64::from_be_bytes(factor);
        Self {
            card: UserCard::blank(profile, chip, key, Random::from_seed(Some(seed))),
            commands: 0,
        }
    }
}

impl ifd::Card for Counted {
    fn reset(&mut self) -> Vec<u8> {
        self.card.reset()
    }

    fn handle(&mut self, command: &[u8]) -> Vec<u8> {
        self.commands += 1;
        self.card.handle(command)
    }
}

/// A card in the reader, served by a thread.
struct Inserted {
    puller: Puller,
    serving: std::thread::JoinHandle<(Counted, Leaving)>,
}

impl Inserted {
    fn put(socket: &Path, mut card: Counted, fault: Option<Pull>) -> Self {
        let slot = Slot::connect(socket, PATIENCE).expect("reader");
        let puller = slot.puller().expect("handle");
        let manner = Manner {
            fault,
            ..Manner::default()
        };
        let serving = std::thread::spawn(move || {
            let leaving = slot.serve(&mut card, manner).expect("served");
            (card, leaving)
        });
        Self { puller, serving }
    }

    /// The card once its fault has pulled it.
    fn pulled(self) -> Counted {
        let deadline = Instant::now() + PATIENCE;
        while !self.serving.is_finished() {
            assert!(Instant::now() < deadline, "nobody used the card");
            std::thread::sleep(Duration::from_millis(1));
        }
        let (card, leaving) = self.serving.join().expect("the card");
        assert_eq!(leaving, Leaving::Pulled);
        card
    }

    fn pull(self) -> Counted {
        self.puller.pull();
        self.serving.join().expect("the card").0
    }
}

/// The station's journal, read while the station writes it.
struct Journal {
    path: PathBuf,
    read: usize,
    /// Factor of each job, and what happened to it.
    jobs: VecDeque<(String, String, Vec<String>)>,
}

impl Journal {
    fn of(folder: &Path) -> Self {
        Self {
            path: folder.join("journal.log"),
            read: 0,
            jobs: VecDeque::new(),
        }
    }

    /// What happened to a chip, in order.
    fn events(&mut self, factor: &str) -> Vec<String> {
        self.read_on();
        let of = self.jobs.iter().filter(|(_, own, _)| own == factor);
        of.flat_map(|(_, _, events)| events.clone()).collect()
    }

    fn wait(&mut self, factor: &str, event: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.events(factor).iter().any(|seen| seen == event) {
            let events = self.events(factor);
            assert!(
                Instant::now() < deadline,
                "{factor} was never {event}, only {events:?}"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn read_on(&mut self) {
        let text = fs::read(&self.path).unwrap_or_default();
        while let Some(length) = text[self.read..].iter().position(|byte| *byte == b'\n') {
            let line = &text[self.read..self.read + length];
            self.read += length + 1;
            // Lines carry a check value before or after the JSON.
            let line = String::from_utf8_lossy(line).into_owned();
            let json = line.find('{').zip(line.rfind('}'));
            let json = json.map_or("", |(from, to)| &line[from..=to]);
            let record: Value = serde_json::from_str(json).unwrap_or_default();
            let text = |member: &str| record[member].as_str().unwrap_or_default().to_owned();
            let (job, event) = (text("job"), text("event"));
            if event == "begin" {
                self.jobs
                    .push_back((job.clone(), text("factor"), Vec::new()));
            }
            let known = self.jobs.iter_mut().rev().find(|(own, ..)| *own == job);
            if let Some((_, _, events)) = known {
                events.push(event);
            }
        }
    }
}

/// Registry and key service as their databases tell it to another program.
struct Books {
    child: Child,
    ask: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Books {
    fn open(house: &House) -> Self {
        let store = house.kms_store(Tier::Prefecture);
        let keys = fs::read_dir(store).expect("store").flatten();
        let keys = keys
            .map(|entry| entry.path())
            .find(|path| {
                path.extension()
                    .is_some_and(|ext| ext == "db" || ext == "sqlite")
            })
            .expect("the key service's database");
        let mut child = Command::new("/usr/bin/python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/books.py"))
            .args([house.registry_database(), keys])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let ask = child.stdin.take().expect("its input");
        let told = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, ask, told }
    }

    fn ask(&mut self, factor: &str) -> Value {
        writeln!(self.ask, "{factor}").expect("asked");
        let mut line = String::new();
        self.told.read_line(&mut line).expect("told");
        serde_json::from_str(&line).expect("JSON")
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
