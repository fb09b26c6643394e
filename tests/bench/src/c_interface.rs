//! Part `c_interface`: a whole card read through a SAM by a C program over `librhc_reader.so`, against the same flows in Rust
//! over the terminal, on the same card in the same readers, one after the other.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cardlib_card::profile::Profile;
use cardlib_reader::pcsc::{PcscCard, Readers, Sharing};
use cardlib_terminal::{Desk, FlowError, Pin, Session};
use serde_json::{Value, json};
use tests_stand::house::{self, House};
use tests_stand::{Inserted, Tool, binaries};

use crate::cores::Cores;
use crate::section::{RUNS, Section};

/// Readings in one run, and runs of each side; they take turns, so that both meet the same disturbances.
const ROUNDS: u32 = 20;
const TURNS: u32 = 3 * RUNS;
const SAM_TYPE: u8 = 5;
/// What both sides read: every file of records but the issuer's, which each flow reads anyway.
const FILES: [&str; 8] = [
    "DDF1/EF06",
    "DDF1/EF08",
    "DF01/EF05",
    "DF01/EF06",
    "DF01/EF07",
    "DF01/EF08",
    "DF02/EF05",
    "DF02/EF06",
];
const PHOTO: &str = "DDF1/EF07";

/// Makes one card and has both sides read it.
///
/// # Errors
/// The house cannot be raised, gcc is missing, or a reading failed.
pub fn measure() -> Result<Section> {
    let mut cores = Cores::take()?;
    cores.keep_chain_awake()?;
    cores.chain(&[])?;
    let bench = Bench::raise()?;
    let mut best = [[f64::INFINITY; 2]; 2];
    let mut readings = Vec::new();
    for _ in 0..TURNS {
        for (least, told) in best.iter_mut().zip([bench.in_c()?, bench.in_rust()?]) {
            for (least, name) in least.iter_mut().zip(["whole_ms", "files_ms"]) {
                *least = least.min(told[name].as_f64().context("a time")?);
            }
            readings.push(told);
        }
    }
    let [c, rust] = best;
    let mut section = Section::default();
    section.value("whole_read_share", rust[0] / c[0]);
    section.value("by_file_share", rust[1] / c[1]);
    section.note(format!(
        "whole card in one flow: C {:.2} ms, Rust {:.2} ms; file by file, a flow each: C {:.2} ms, Rust {:.2} ms",
        c[0], rust[0], c[1], rust[1]
    ));
    section.raw = json!(readings);
    Ok(section)
}

struct Bench {
    house: House,
    _card: Inserted,
    program: PathBuf,
    configuration: PathBuf,
}

impl Bench {
    /// A house with one card in its first reader, and the C program beside a configuration for it.
    fn raise() -> Result<Self> {
        let house = House::ready()?;
        let factor = house::card_factors().into_iter().next();
        let chip = house.card(&factor.context("no card in the house")?);
        let reader = house.card_reader(0).clone();
        let card = Inserted::put(&chip, &house.daemon, &reader)?;
        let applicants = house.folder().join("people.csv");
        std::fs::write(&applicants, tests_stand::people::csv(1))?;
        let told = house.personalise(&applicants, 1, &reader)?.ok()?.json()?;
        ensure!(told["cards"][0]["verdict"] == "issued", "no card: {told}");
        let configuration = house.folder().join("rhc_reader.toml");
        let text = format!(
            "[[device]]\ncard = \"{}\"\nsam = \"{}\"\npin_file = \"{}\"\n",
            reader.name,
            house.sam_reader(SAM_TYPE).name,
            house.sam_pin(SAM_TYPE).display()
        );
        std::fs::write(&configuration, text)?;
        std::fs::set_permissions(&configuration, std::fs::Permissions::from_mode(0o600))?;
        let program = compile(house.folder())?;
        Ok(Self {
            house,
            _card: card,
            program,
            configuration,
        })
    }

    fn in_c(&self) -> Result<Value> {
        let tool = Tool::foreign(self.program.to_str().context("a path")?);
        let tool = tool.arg(&self.configuration).arg(ROUNDS.to_string());
        tool.env(self.house.daemon.environment()).ok()?.json()
    }

    fn in_rust(&self) -> Result<Value> {
        let tool = Tool::new("rhc-bench")?.words("read-whole --card");
        let tool = tool.arg(&self.house.card_reader(0).name).arg("--sam");
        let tool = tool.arg(&self.house.sam_reader(SAM_TYPE).name);
        let tool = tool.arg("--pin-file").arg(self.house.sam_pin(SAM_TYPE));
        tool.env(self.house.daemon.environment()).ok()?.json()
    }
}

/// The C program, linked with the library that was built with this one.
fn compile(folder: &Path) -> Result<PathBuf> {
    let library = binaries::library("rhc_reader")?;
    std::fs::copy(library, folder.join("librhc_reader.so"))?;
    let program = folder.join("whole");
    let output = Command::new("gcc")
        .args(["-O2", "-D_GNU_SOURCE", "-I", "cardlib/hospital-c/include"])
        .args(["tests/bench/c/whole.c", "-o"])
        .arg(&program)
        .arg("-L")
        .arg(folder)
        .args(["-lrhc_reader", "-Wl,-rpath,$ORIGIN"])
        .output()
        .context("gcc is missing: apt-get install gcc libc6-dev")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "gcc: {said}");
    Ok(program)
}

/// The same flows in Rust, as a process of its own; prints what the C program prints.
///
/// # Errors
/// What a flow says.
pub fn read_whole(card: &str, sam: &str, pin: &Path) -> Result<()> {
    let pin = Pin::new(std::fs::read_to_string(pin)?.trim())?;
    let readers = Readers::open()?;
    let mut card = readers.connect(card, Sharing::Shared)?;
    let mut sam = readers.connect(sam, Sharing::Shared)?;
    let mut serve = |act: &dyn Fn(&mut Session<'_>) -> Result<(), FlowError>| {
        serve(&mut card, &mut sam, &pin, act)
    };
    let whole = best(|| serve(&|session| session.flow().read(&FILES).map(drop)))?;
    let files = best(|| {
        for file in FILES.into_iter().chain([PHOTO]) {
            serve(&|session| session.flow().read(&[file]).map(drop))?;
        }
        Ok(())
    })?;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let told = json!({ "whole_ms": milliseconds(whole), "files_ms": milliseconds(files) });
    println!("{told}");
    Ok(())
}

fn serve(
    card: &mut PcscCard,
    sam: &mut PcscCard,
    pin: &Pin,
    act: &dyn Fn(&mut Session<'_>) -> Result<(), FlowError>,
) -> Result<()> {
    let today = rhc_reader::device::today().map_err(|fault| anyhow::anyhow!(fault.english))?;
    Ok(Desk::new(Profile::rhc_2012(), card, sam, pin, today).serve(act)?)
}

fn best(mut read: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        read()?;
        least = least.min(started.elapsed());
    }
    Ok(least)
}
