//! `trial`: tries the suites themselves. How many cases and requirements there are, how many of the seeded faults they find, and
//! whether a sound product ever fails them. What `make test` and `make soak` print of the harness comes from here.
//!
//! | module | one idea |
//! |---|---|
//! | [`faults`] | defective products hunted by cases |
//! | [`alarms`] | sound products that must not fail |
//! | [`odd`] | readers that are slow, chatty, or lose their card |
//! | [`spread`] | one job to each core |

pub mod alarms;
pub mod faults;
pub mod odd;
pub mod spread;

use serde::Serialize;

use crate::app::{self, Failure, code, environment};
use crate::cli;
use crate::suite::{Kind, Suites, requirements};
use crate::words::say;
use alarms::Alarms;
use faults::Hunted;

/// Fewest cases of cards and SAMs.
const CASES: usize = 350;
/// Fewest faults of the table.
const TABLE: usize = 120;
/// Of a hundred generated faults so many must be found.
const GENERATED_PERCENT: usize = 90;

/// Everything that a trial found.
#[derive(Serialize)]
struct Told {
    seed: String,
    cases: Cases,
    requirements: Requirements,
    table: Hunted,
    generated: Option<Hunted>,
    alarms: Option<Alarms>,
    well: bool,
}

#[derive(Serialize)]
struct Cases {
    user_card: usize,
    sam: usize,
    terminal: usize,
}

#[derive(Serialize)]
struct Requirements {
    all: usize,
    met: usize,
    /// With a case; the others say why none can show them.
    by_cases: usize,
}

/// Does the trial; the exit code.
///
/// # Errors
/// [`Failure`].
pub fn execute(order: &cli::Trial) -> Result<u8, Failure> {
    let suites = app::suites(order.suites.as_deref())?;
    let seed = match &order.seed {
        Some(seed) => seed.clone(),
        None => drawn()?,
    };
    let show = |line: String| {
        if !order.json {
            println!("{line}");
        }
    };
    show(format!("{} {seed}, {}", say("seed", "种子"), app::now()));
    let cases = cases(&suites)?;
    show(cases.line());
    let requirements = covered(&suites)?;
    show(requirements.line());
    let table = faults::table(&suites, order, &seed).map_err(Failure::Environment)?;
    table.lines(order.all).into_iter().for_each(show);
    // One fault alone is looked at closely; all else is left out.
    let whole = order.fault.is_none();
    let generated = whole
        .then(|| faults::generated(&suites, order, &seed))
        .transpose()
        .map_err(Failure::Environment)?;
    let lines = generated.iter().flat_map(|hunted| hunted.lines(order.all));
    lines.for_each(show);
    let alarms = whole
        .then(|| alarms::look(&suites, &seed))
        .transpose()
        .map_err(Failure::Environment)?;
    alarms.iter().flat_map(Alarms::lines).for_each(show);
    show(app::now());
    let mut told = Told {
        seed,
        cases,
        requirements,
        table,
        generated,
        alarms,
        well: false,
    };
    told.well = told.is_well(whole);
    if order.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&told).map_err(environment)?
        );
    }
    Ok(if told.well {
        code::DONE
    } else {
        code::NOT_CONFORMANT
    })
}

impl Told {
    fn is_well(&self, whole: bool) -> bool {
        let enough = !whole
            || (self.cases.user_card + self.cases.sam >= CASES && self.table.counted >= TABLE);
        let found = |hunted: &Hunted| hunted.killed * 100 >= hunted.counted * GENERATED_PERCENT;
        enough
            && self.requirements.met == self.requirements.all
            && self.table.killed == self.table.counted
            && self
                .generated
                .as_ref()
                .is_none_or(|hunted| hunted.counted == hunted.wanted && found(hunted))
            && self
                .alarms
                .as_ref()
                .is_none_or(|alarms| alarms.raised() == 0)
    }
}

fn drawn() -> Result<String, Failure> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).map_err(environment)?;
    Ok(hex::encode(bytes))
}

fn cases(suites: &Suites) -> Result<Cases, Failure> {
    let terminal = crate::terminal::case::suite().map_err(Failure::Usage)?;
    Ok(Cases {
        user_card: suites.of(Kind::UserCard).count(),
        sam: suites.of(Kind::Sam).count(),
        terminal: terminal.cases.len(),
    })
}

impl Cases {
    fn line(&self) -> String {
        format!(
            "{} {} ({} {}, {} SAM, {} {})",
            say("cases:", "用例："),
            self.user_card + self.sam + self.terminal,
            self.user_card,
            say("user card", "居民卡"),
            self.sam,
            self.terminal,
            say("terminal", "终端")
        )
    }
}

fn covered(suites: &Suites) -> Result<Requirements, Failure> {
    let (rows, strangers) = requirements::coverage(suites).map_err(Failure::Usage)?;
    if let Some(stranger) = strangers.first() {
        return Err(Failure::Usage(format!(
            "a case covers {stranger}, which is no requirement of the table"
        )));
    }
    let shown = |row: &&requirements::Covered| !row.positive.is_empty() || !row.negative.is_empty();
    Ok(Requirements {
        all: rows.len(),
        met: rows.iter().filter(|row| row.is_met()).count(),
        by_cases: rows.iter().filter(shown).count(),
    })
}

impl Requirements {
    fn line(&self) -> String {
        format!(
            "{} {} {} {} ({} {}, {} {})",
            say("requirements covered:", "要求覆盖："),
            self.met,
            say("of", "/"),
            self.all,
            self.by_cases,
            say("by cases", "项有用例"),
            self.all - self.by_cases,
            say("with the reason why none can", "项写明无法用例检验的原因")
        )
    }
}
