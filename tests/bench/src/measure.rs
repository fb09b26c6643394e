//! One personalisation and its replay, side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;
use tests_stand::house::{self, House};
use tests_stand::{Chip, Inserted, Tool, Wire};

use crate::replay;

const SAM_TYPE: u8 = 5;

/// What one run came to, in milliseconds.
#[derive(Serialize)]
pub struct Run {
    /// The station's own clock: from the card seen to the card registered.
    pub station_ms: f64,
    /// The same APDUs and resets, sent by a bare client.
    pub replay_ms: f64,
    /// APDUs to card and SAM.
    pub commands: usize,
    /// Where the station says that its time went.
    pub timings: Value,
}

/// A house whose SAM can be started from the same memory again and again.
pub struct Bench {
    house: House,
    sam: Chip,
    blank_sam: PathBuf,
    applicants: PathBuf,
    used: usize,
}

impl Bench {
    /// Raises the house; `people` is how many cards will be made.
    pub fn raise(people: u32) -> Result<Self> {
        let mut house = House::ready()?;
        let sam = house.sam(SAM_TYPE);
        let place = house.inserted.len() - 1;
        let reader = house.sam_reader(SAM_TYPE).clone();
        house.inserted.remove(place).pull(&house.daemon, &reader)?;
        let blank_sam = house.folder().join("sam.before");
        fs::copy(&sam.state, &blank_sam)?;
        let applicants = house.folder().join("people.csv");
        fs::write(&applicants, tests_stand::people::csv(people))?;
        Ok(Self {
            house,
            sam,
            blank_sam,
            applicants,
            used: 0,
        })
    }

    pub fn house(&self) -> &House {
        &self.house
    }

    /// Makes one card that works `work` per command, and replays it.
    pub fn run(&mut self, work: Duration) -> Result<Run> {
        let factors = house::card_factors();
        let factor = factors
            .get(self.used)
            .context("all cards of the house are used up")?;
        self.used += 1;
        let card = self.house.card(factor);
        let (told, steps) = self.personalise(&card, work)?;
        let station_ms = told["timings"]["total_ms"]
            .as_f64()
            .context("the station tells no total")?;
        let replay_ms = self.replay(&card, work, &steps)?;
        Ok(Run {
            station_ms,
            replay_ms,
            commands: replay::apdus(&steps),
            timings: told["timings"].clone(),
        })
    }

    /// The station at work, both wires recording.
    fn personalise(&self, card: &Chip, work: Duration) -> Result<(Value, Vec<replay::Step>)> {
        let both = self.insert(card, work)?;
        both.wires.iter().for_each(Wire::record);
        let reader = self.house.card_reader(0);
        let outcome = self
            .house
            .personalise(&self.applicants, self.used, reader)?
            .ok()?;
        let told = outcome.json()?["cards"][0].clone();
        if told["verdict"] != "issued" {
            bail!("the card was not issued: {told}");
        }
        let [card_wire, sam_wire] = &both.wires;
        let steps = replay::merge(card_wire.take(), sam_wire.take());
        both.pull(&self.house)?;
        Ok((told, steps))
    }

    /// The same once more on a card and a SAM that begin as those did.
    fn replay(&self, card: &Chip, work: Duration, steps: &[replay::Step]) -> Result<f64> {
        for path in with_companions(&card.state)? {
            fs::remove_file(path)?;
        }
        let both = self.insert(card, work)?;
        let script = self.house.folder().join("replay.json");
        fs::write(&script, serde_json::to_vec(steps)?)?;
        let tool = Tool::new("rhc-bench")?
            .words("replay --script")
            .arg(&script);
        let tool = tool.arg("--card").arg(&self.house.card_reader(0).name);
        let tool = tool
            .arg("--sam")
            .arg(&self.house.sam_reader(SAM_TYPE).name)
            .env(self.house.daemon.environment());
        let told = tool.ok()?;
        both.pull(&self.house)?;
        told.out
            .trim()
            .parse()
            .with_context(|| format!("the replay said {}", told.out))
    }

    /// Card (blank) and SAM (as it was made) into their readers, over wires.
    fn insert(&self, card: &Chip, work: Duration) -> Result<Both> {
        fs::copy(&self.blank_sam, &self.sam.state)?;
        let (card_reader, sam_reader) =
            (self.house.card_reader(0), self.house.sam_reader(SAM_TYPE));
        let wires = [Wire::to(card_reader)?, Wire::to(sam_reader)?];
        wires[0].work(work);
        let daemon = &self.house.daemon;
        let sam = Inserted::put_by(&self.sam, daemon, sam_reader, &wires[1].place())?;
        let card = Inserted::put_by(card, daemon, card_reader, &wires[0].place())?;
        Ok(Both { card, sam, wires })
    }
}

struct Both {
    card: Inserted,
    sam: Inserted,
    wires: [Wire; 2],
}

impl Both {
    fn pull(self, house: &House) -> Result<()> {
        self.card.pull(&house.daemon, house.card_reader(0))?;
        self.sam.pull(&house.daemon, house.sam_reader(SAM_TYPE))
    }
}

/// A state file and whatever a chip keeps beside it under the same name.
pub fn with_companions(state: &Path) -> Result<Vec<PathBuf>> {
    let name = state.file_stem().context("no name")?.to_owned();
    let folder = state.parent().context("no folder")?;
    let all = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    Ok(all
        .filter(|path| {
            path.file_stem() == Some(&name) && path.extension().is_none_or(|ext| ext != "log")
        })
        .collect())
}
