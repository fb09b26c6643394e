//! Part `conformance`: the whole user-card suite through pcscd and vpcd, against the bare replay of its commands on chips of the
//! same state and seed; what it takes of memory and disk; and how long the hunt for defective products takes. Cases that use a
//! card up need further samples: the benchmark puts them into the reader, and the time of that counts on neither side.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests_stand::{Daemon, Service, Tool, binaries, resident};

use crate::cores::Cores;
use crate::replay::{self, Step};
use crate::section::{RUNS, Section};

const PROGRAM: &str = "rhc-conformance";
/// Of the chips' random numbers.
const SEED: &str = "7";
const CARD: usize = 0;
const SAM: usize = 1;
/// How often the program's memory is looked at; the kernel keeps the peak, so that only the last moments can be missed.
const LOOK: Duration = Duration::from_millis(2);
/// How the program asks its operator for a sample (`--next-sample ask`, English).
const ASKS: &str = "put in sample ";

/// Runs the suite and its replay in turns, then the hunt.
///
/// # Errors
/// No daemon; a sound product failed; a chip answered the replay otherwise.
pub fn measure() -> Result<Section> {
    let mut section = Section::default();
    let cores = Cores::take()?;
    cores.chain(&[])?;
    let daemon = Daemon::start(2)?;
    let folder = tempfile::tempdir()?;
    let (mut suite, mut bare) = (f64::INFINITY, f64::INFINITY);
    let (mut memory, mut size) = (0.0_f64, 0.0_f64);
    for run in 0..RUNS {
        let out = folder.path().join(run.to_string());
        let ran = whole_suite(&daemon, &out)?;
        let samples = recorded(&out.join("evidence.jsonl"))?;
        ensure!(
            samples.len() == ran.swaps + 1,
            "{} samples in the record, {} swaps",
            samples.len(),
            ran.swaps
        );
        let again = replayed(&daemon, folder.path(), &samples)?;
        section.note(format!(
            "user-card suite {:.1} s on {} cards, replay of its {} commands {again:.1} s; peak memory {:.1} MiB",
            ran.seconds,
            samples.len(),
            samples.iter().map(|steps| replay::apdus(steps)).sum::<usize>(),
            ran.peak_mib
        ));
        (suite, bare) = (suite.min(ran.seconds), bare.min(again));
        memory = memory.max(ran.peak_mib);
        size = size.max(mib_of(&out)?);
    }
    cores.everywhere(&[daemon.pid()])?;
    let hunt = hunt()?;
    section.value("replay_share", bare / suite);
    section.value("suite_s", suite);
    section.value("hunt_s", hunt.seconds);
    section.value("memory_mib", memory.max(hunt.peak_mib));
    section.value("package_mib", size);
    section.note(format!(
        "hunt of all faults of the table and 100 drawn ones, and all sound products: {:.1} s, peak memory {:.1} MiB",
        hunt.seconds, hunt.peak_mib
    ));
    section.raw = json!({ "suite_s": suite, "replay_s": bare, "hunt_mib": hunt.peak_mib });
    Ok(section)
}

/// One run of the program.
struct Ran {
    /// Without the time in which it waited for a sample.
    seconds: f64,
    peak_mib: f64,
    swaps: usize,
}

/// Runs it to its end, watching its memory; `swap` puts the next sample in whenever it asks for one.
fn watched(mut command: Command, swap: &mut dyn FnMut() -> Result<()>) -> Result<Ran> {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .env("RHC_LANG", "en")
        .spawn()
        .context(PROGRAM)?;
    let asked = told(&mut child)?;
    let (mut peak, mut waited, mut swaps) = (0.0, Duration::ZERO, 0);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // It may end between the two looks: then the peak seen last is what there is.
        peak = resident::peak_mib(child.id()).unwrap_or(peak);
        if asked.recv_timeout(LOOK).is_ok() {
            let since = Instant::now();
            swap()?;
            swaps += 1;
            waited += since.elapsed();
            child.stdin.as_mut().context("no input")?.write_all(b"\n")?;
        }
    };
    let seconds = begun.elapsed().saturating_sub(waited).as_secs_f64();
    ensure!(status.success(), "{PROGRAM} ended with {status}");
    Ok(Ran {
        seconds,
        peak_mib: peak,
        swaps,
    })
}

/// Passes on what the program says, and tells when it asks for a sample.
fn told(child: &mut Child) -> Result<Receiver<()>> {
    let said = BufReader::new(child.stderr.take().context("no output")?);
    let (tell, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for line in said.lines().map_while(Result::ok) {
            // Nobody listens any more once the run is over.
            if line.starts_with(ASKS) && tell.send(()).is_ok() {
                continue;
            }
            eprintln!("{line}");
        }
    });
    Ok(asked)
}

/// Card and SAM as they come from their maker, in both readers.
struct Chips {
    card: Service,
    sam: Service,
}

impl Chips {
    fn put(daemon: &Daemon) -> Result<Self> {
        Ok(Self {
            sam: chip(daemon, SAM, &["--sam"])?,
            card: chip(daemon, CARD, &[])?,
        })
    }

    /// A new card of the same make; the SAM stays.
    fn next_card(&mut self, daemon: &Daemon) -> Result<()> {
        self.card.stop();
        daemon.wait_card(&daemon.readers()[CARD], false)?;
        self.card = chip(daemon, CARD, &[])?;
        Ok(())
    }

    fn pull(mut self, daemon: &Daemon) -> Result<()> {
        self.card.stop();
        self.sam.stop();
        daemon.wait_card(&daemon.readers()[CARD], false)?;
        daemon.wait_card(&daemon.readers()[SAM], false)
    }
}

fn chip(daemon: &Daemon, at: usize, words: &[&str]) -> Result<Service> {
    let reader = &daemon.readers()[at];
    let mut command = Command::new(binaries::program(PROGRAM)?);
    command
        .args(["virtual", "--seed", SEED, "--vpcd", &reader.place.address()])
        .args(words);
    let log = daemon.folder().join(format!("chip-{at}.log"));
    let service = Service::start("virtual chip", command, &log)?;
    daemon.wait_card(reader, true)?;
    Ok(service)
}

/// The suite with everything that uses a sample up, reports included; a PDF is a browser's work and left out.
fn whole_suite(daemon: &Daemon, out: &Path) -> Result<Ran> {
    let mut chips = Chips::put(daemon)?;
    let readers = daemon.readers();
    let mut command = Command::new(binaries::program(PROGRAM)?);
    let (name, socket) = daemon.environment();
    command
        .args(
            "run --suite user-card --destructive --next-sample ask --no-pdf --json --seed bench"
                .split(' '),
        )
        .args(["--reader", &readers[CARD].name])
        .args(["--sam-reader", &readers[SAM].name, "--out"])
        .arg(out)
        .env(name, socket);
    let ran = watched(command, &mut || chips.next_card(daemon))?;
    chips.pull(daemon)?;
    Ok(ran)
}

/// The commands and resets of a record, in their order, by sample.
fn recorded(evidence: &Path) -> Result<Vec<Vec<Step>>> {
    let text = std::fs::read_to_string(evidence)?;
    let mut samples = vec![Vec::new()];
    // What is sent between two cases is the first look at a new sample, which is named behind it.
    let mut between = Vec::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line)?;
        let sam = record["c"] == "sam";
        match record["t"].as_str() {
            Some("atr") => between.push(Step::reset(sam)),
            Some("x") => {
                let bytes = |name: &str| record[name].as_str().map(str::to_owned);
                let command = bytes("q").context("a command in the record")?;
                let answer = bytes("a").context("a command without answer: no clean run")?;
                between.push(Step::apdu(sam, command, answer));
            }
            Some("sample") if record["number"] != 1 => samples.push(std::mem::take(&mut between)),
            Some("sample" | "verdict") => {
                let steps = samples.last_mut().context("no sample")?;
                steps.append(&mut between);
            }
            _ => {}
        }
    }
    Ok(samples)
}

/// Seconds of a bare client that sends the same on fresh chips and sees the same answers. It reaches for the daemon once a
/// sample, as the program does.
fn replayed(daemon: &Daemon, folder: &Path, samples: &[Vec<Step>]) -> Result<f64> {
    let script = folder.join("replay.json");
    let mut chips = Chips::put(daemon)?;
    let readers = daemon.readers();
    let mut milliseconds = 0.0;
    for (at, steps) in samples.iter().enumerate() {
        if at > 0 {
            chips.next_card(daemon)?;
        }
        std::fs::write(&script, serde_json::to_vec(steps)?)?;
        let told = Tool::new("rhc-bench")?
            .words("replay --script")
            .arg(&script)
            .arg("--card")
            .arg(&readers[CARD].name)
            .arg("--sam")
            .arg(&readers[SAM].name)
            .env(daemon.environment())
            .ok()?;
        let taken: f64 = told.out.trim().parse().context("the replay's time")?;
        milliseconds += taken;
    }
    chips.pull(daemon)?;
    Ok(milliseconds / 1000.0)
}

/// What `make test` does with the suites themselves.
fn hunt() -> Result<Ran> {
    let mut command = Command::new(binaries::program(PROGRAM)?);
    command.args(["trial", "--generated", "100", "--json"]);
    watched(command, &mut || Ok(()))
}

/// Everything in the package's folder.
fn mib_of(folder: &Path) -> Result<f64> {
    let mut bytes = 0;
    for item in std::fs::read_dir(folder)? {
        bytes += item?.metadata()?.len();
    }
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    Ok(bytes as f64 / f64::from(1 << 20))
}
