//! Part `card`: the virtual card and the terminal against a card and a client that do nothing, on the same readers; and
//! what a virtual card keeps in memory.
//!
//! Everything is recorded once from a desk at work and then repeated: by a bare client on the same card brought back to
//! where it was (its random numbers come from a seed, so that recorded MACs are right again), and on a card that only plays
//! the recorded answers.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;
use tests_stand::house::{self, House};
use tests_stand::{Chip, Inserted, Reader, Tool, Wire, resident};

use crate::cores::Cores;
use crate::measure::with_companions;
use crate::null_card::NullCard;
use crate::replay::{self, Step};
use crate::section::{RUNS, Section};

/// READ RECORD and UPDATE RECORD in one run.
const READS: usize = 2000;
const UPDATES: u32 = 500;
/// A run is the median of so many turns, product and floor by turns: a turn is tens of milliseconds, which a machine that
/// does something else spoils, and about one in ten of either is a tenth faster than the others (how vpcd's two segments of a
/// command meet the kernel's acknowledgements), so that the best turn would be a lottery.
const TURNS: usize = 5;
const SAM_TYPE: u8 = 5;

/// Makes one card, has a desk work on it, and repeats what was said.
///
/// # Errors
/// The house cannot be raised, or a card answered otherwise than it did the desk.
pub fn measure() -> Result<Section> {
    let mut cores = Cores::take()?;
    cores.keep_chain_awake()?;
    cores.chain(&[])?;
    let bench = Bench::raise()?;
    let mut section = Section::default();
    section.note(format!(
        "a run is the median of {TURNS} turns, product and floor by turns"
    ));
    bench.reading_through_a_sam(&mut section)?;
    let (atr, steps) = bench.recorded(UPDATES)?;
    let reads = repeated_read(&steps)?;
    let updates = updates_only(&steps);
    for (name, what, script) in [
        ("read_record_share", "READ RECORD", reads),
        ("update_share", "UPDATE RECORD with cipher and MAC", updates),
    ] {
        bench.against_nothing(&mut section, (name, what), &atr, &script)?;
    }
    section.value("card_memory_mib", bench.memory()?);
    Ok(section)
}

/// What the turns of product and floor took, in milliseconds.
#[derive(Default)]
struct Turns {
    product: Vec<f64>,
    floor: Vec<f64>,
}

impl Turns {
    fn note(&mut self, product: f64, floor: f64) {
        self.product.push(product);
        self.floor.push(floor);
    }

    /// The best run of the floor over the best of the product.
    fn share(&self) -> f64 {
        best_run(&self.floor) / best_run(&self.product)
    }
}

/// The least median of [`TURNS`] turns in a row.
fn best_run(turns: &[f64]) -> f64 {
    let medians = turns.chunks(TURNS).map(|run| {
        let mut run = run.to_vec();
        run.sort_by(f64::total_cmp);
        run[run.len() / 2]
    });
    medians.fold(f64::INFINITY, f64::min)
}

struct Bench {
    house: House,
    card: Chip,
    sam: Chip,
    /// Their memories before any desk.
    before: [PathBuf; 2],
}

impl Bench {
    fn raise() -> Result<Self> {
        let mut house = House::ready()?;
        let sam = house.sam(SAM_TYPE);
        let factor = house::card_factors().into_iter().next();
        let card = house.card(&factor.context("no card in the house")?);
        let applicants = house.folder().join("people.csv");
        fs::write(&applicants, tests_stand::people::csv(1))?;
        let reader = house.card_reader(0).clone();
        let inserted = Inserted::put(&card, &house.daemon, &reader)?;
        let told = house.personalise(&applicants, 1, &reader)?.ok()?.json()?;
        anyhow::ensure!(told["cards"][0]["verdict"] == "issued", "no card: {told}");
        inserted.pull(&house.daemon, &reader)?;
        let place = house.inserted.len() - 1;
        let sam_reader = house.sam_reader(SAM_TYPE).clone();
        house
            .inserted
            .remove(place)
            .pull(&house.daemon, &sam_reader)?;
        let before = ["card.before", "sam.before"].map(|name| house.folder().join(name));
        fs::copy(&card.state, &before[0])?;
        fs::copy(&sam.state, &before[1])?;
        Ok(Self {
            house,
            card,
            sam,
            before,
        })
    }

    fn readers(&self) -> (&Reader, &Reader) {
        (self.house.card_reader(0), self.house.sam_reader(SAM_TYPE))
    }

    /// Both chips as they were before any desk.
    fn bring_back(&self) -> Result<()> {
        for (chip, before) in [&self.card, &self.sam].into_iter().zip(&self.before) {
            for path in with_companions(&chip.state)? {
                fs::remove_file(path)?;
            }
            fs::copy(before, &chip.state)?;
        }
        Ok(())
    }

    /// A desk at work over wires: how long it took, and everything that was said.
    fn desk(&self, updates: u32) -> Result<(f64, Vec<Step>)> {
        self.bring_back()?;
        let (card_reader, sam_reader) = self.readers();
        let wires = [Wire::to(card_reader)?, Wire::to(sam_reader)?];
        let daemon = &self.house.daemon;
        let sam = Inserted::put_by(&self.sam, daemon, sam_reader, &wires[1].place())?;
        let card = Inserted::put_by(&self.card, daemon, card_reader, &wires[0].place())?;
        wires.iter().for_each(Wire::record);
        let tool = self
            .tool("desk")?
            .arg("--pin-file")
            .arg(self.house.sam_pin(SAM_TYPE));
        let took = milliseconds(tool.arg("--updates").arg(updates.to_string()))?;
        let [card_wire, sam_wire] = &wires;
        let steps = replay::merge(card_wire.take(), sam_wire.take());
        card.pull(daemon, card_reader)?;
        sam.pull(daemon, sam_reader)?;
        Ok((took, steps))
    }

    /// The same once more by a bare client.
    fn again(&self, steps: &[Step]) -> Result<f64> {
        self.bring_back()?;
        let (card_reader, sam_reader) = self.readers();
        let wires = [Wire::to(card_reader)?, Wire::to(sam_reader)?];
        let daemon = &self.house.daemon;
        let sam = Inserted::put_by(&self.sam, daemon, sam_reader, &wires[1].place())?;
        let card = Inserted::put_by(&self.card, daemon, card_reader, &wires[0].place())?;
        let took = milliseconds(self.replay(steps)?.arg("--sam").arg(&sam_reader.name))?;
        card.pull(daemon, card_reader)?;
        sam.pull(daemon, sam_reader)?;
        Ok(took)
    }

    /// A whole card read through a SAM, over the replay of the same commands.
    fn reading_through_a_sam(&self, section: &mut Section) -> Result<()> {
        let mut turns = Turns::default();
        for _ in 0..RUNS as usize * TURNS {
            let (took, steps) = self.desk(0)?;
            let again = self.again(&steps)?;
            section.note(format!(
                "every area through a SAM: desk {took:.1} ms, replay of its {} commands {again:.1} ms",
                replay::apdus(&steps)
            ));
            turns.note(took, again);
        }
        section.value("whole_read_share", turns.share());
        Ok(())
    }

    /// What a desk says to a card while it updates, and the card's answer to reset.
    fn recorded(&self, updates: u32) -> Result<(Vec<u8>, Vec<Step>)> {
        let (_, steps) = self.desk(updates)?;
        let factor = hex::decode(&self.card.factor)?;
        // D6: an active TEST card.
        let atr = [
            &[0x3B, 0x6C, 0x00, 0x02],
            &factor[..],
            &[0x54, 0x54, 0x01, 0x07],
        ]
        .concat();
        Ok((atr, steps.into_iter().filter(Step::is_for_card).collect()))
    }

    /// A script on the card, and on a card that does nothing, in the same reader.
    fn against_nothing(
        &self,
        section: &mut Section,
        (name, what): (&str, &str),
        atr: &[u8],
        script: &[Step],
    ) -> Result<()> {
        let (reader, _) = self.readers();
        let daemon = &self.house.daemon;
        let mut turns = Turns::default();
        for _ in 0..RUNS as usize * TURNS {
            self.bring_back()?;
            let card = Inserted::put(&self.card, daemon, reader)?;
            let took = milliseconds(self.replay(script)?)?;
            card.pull(daemon, reader)?;
            let answers = script.iter().filter_map(Step::answer).collect();
            let card = NullCard::insert(reader, atr.to_vec(), answers)?;
            daemon.wait_card(reader, true)?;
            let nothing = milliseconds(self.replay(script)?)?;
            drop(card);
            daemon.wait_card(reader, false)?;
            section.note(format!(
                "{what}: {} commands, card {took:.1} ms, null card {nothing:.1} ms",
                replay::apdus(script)
            ));
            turns.note(took, nothing);
        }
        section.value(name, turns.share());
        section.raw[name] = json!({ "card_ms": turns.product, "null_ms": turns.floor });
        Ok(())
    }

    /// Resident memory of a virtual card that has been read.
    fn memory(&self) -> Result<f64> {
        self.bring_back()?;
        let (reader, sam_reader) = self.readers();
        let daemon = &self.house.daemon;
        let sam = Inserted::put(&self.sam, daemon, sam_reader)?;
        let card = Inserted::put(&self.card, daemon, reader)?;
        let tool = self
            .tool("desk")?
            .arg("--pin-file")
            .arg(self.house.sam_pin(SAM_TYPE));
        milliseconds(tool.words("--updates 0"))?;
        let mib = resident::mib(card.pid())?.max(resident::mib(sam.pid())?);
        card.pull(daemon, reader)?;
        sam.pull(daemon, sam_reader)?;
        Ok(mib)
    }

    fn tool(&self, act: &str) -> Result<Tool> {
        let (card, sam) = self.readers();
        let tool = Tool::new("rhc-bench")?
            .words(act)
            .arg("--card")
            .arg(&card.name);
        let tool = if act == "desk" {
            tool.arg("--sam").arg(&sam.name)
        } else {
            tool
        };
        Ok(tool.env(self.house.daemon.environment()))
    }

    fn replay(&self, steps: &[Step]) -> Result<Tool> {
        let script = self.house.folder().join("replay.json");
        fs::write(&script, serde_json::to_vec(steps)?)?;
        Ok(self.tool("replay")?.arg("--script").arg(&script))
    }
}

fn milliseconds(tool: Tool) -> Result<f64> {
    let told = tool.ok()?;
    let text = told.out.trim();
    text.parse().with_context(|| format!("it said {text}"))
}

/// The steps up to the first READ RECORD, and that one many times.
fn repeated_read(steps: &[Step]) -> Result<Vec<Step>> {
    let at = steps.iter().position(|step| step.ins() == Some(0xB2));
    let at = at.context("no READ RECORD was recorded")?;
    let mut script = steps[..at].to_vec();
    script.extend(std::iter::repeat_n(steps[at].clone(), READS));
    Ok(script)
}

/// Without the SELECT that a desk sends before each update: the file stays current. What is left of an update is the
/// challenge and the update itself.
fn updates_only(steps: &[Step]) -> Vec<Step> {
    let first = steps.iter().position(|step| step.ins() == Some(0xDC));
    let first = first.unwrap_or(steps.len());
    let keep = |(at, step): &(usize, &Step)| *at < first || step.ins() != Some(0xA4);
    let kept = steps.iter().enumerate().filter(keep);
    kept.map(|(_, step)| step.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Turns, best_run};

    #[test]
    fn one_lucky_turn_of_five_counts_no_more_than_a_spoilt_one() {
        let floor = [110.0, 96.0, 111.0, 109.0, 180.0];
        assert!((best_run(&floor) - 110.0).abs() < f64::EPSILON);
        let mut turns = Turns::default();
        for took in [floor, [108.0; 5]].concat() {
            turns.note(120.0, took);
        }
        assert!((turns.share() - 0.9).abs() < 1e-9);
    }
}
