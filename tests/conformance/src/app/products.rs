//! Which product is under test: in PC/SC readers, in this process, or served into a reader of vpcd.

use std::path::Path;
use std::time::Duration;

use cardlib_ifd::card as ifd;
use cardlib_sim::VirtualCard;

use super::{Failure, code, environment};
use crate::bench::Bench;
use crate::bench::pcsc::{Change, PcscBench};
use crate::bench::virtual_product::{Make, Recipe, VirtualBench};
use crate::cli;
use crate::hierarchy::Preset;
use crate::suite::Kind;
use crate::words::{lang, say};

pub(super) fn bench(order: &cli::Run, preset: Preset) -> Result<Box<dyn Bench>, Failure> {
    if order.r#virtual {
        return virtual_bench(order, preset);
    }
    if order.reader.is_none() && order.sam_reader.is_none() {
        return Err(Failure::Usage(
            say(
                "give --reader, --sam-reader or --virtual",
                "请给出 --reader、--sam-reader 或 --virtual",
            )
            .to_owned(),
        ));
    }
    let change = match order.next_sample.as_deref() {
        None => Change::One,
        Some(word) if word.as_os_str() == "ask" => Change::Operator,
        Some(program) => Change::Command(program.to_owned()),
    };
    let limit = Duration::from_secs(order.command_limit);
    let bench = PcscBench::open(
        order.reader.clone(),
        order.sam_reader.clone(),
        change,
        limit,
    );
    let told = |e: cardlib_reader::ReaderError| {
        environment(match lang() {
            crate::words::Lang::En => e.to_string(),
            crate::words::Lang::Zh => e.chinese(),
        })
    };
    Ok(Box::new(bench.map_err(told)?))
}

fn virtual_bench(order: &cli::Run, preset: Preset) -> Result<Box<dyn Bench>, Failure> {
    let recipe = Recipe::sound(preset, 1).map_err(Failure::Environment)?;
    let Some(id) = &order.mutant else {
        return Ok(Box::new(
            VirtualBench::sound(recipe, true).map_err(Failure::Environment)?,
        ));
    };
    let mutant = mutant_named(id)?;
    let name = format!("virtual {} in this process, fault {id}", preset.name);
    let sound_card: Make = Box::new(move || Ok(Box::new(recipe.card()?)));
    let sound_sam: Make = Box::new(move || Ok(Box::new(recipe.sam()?)));
    let kind = mutant.kind;
    let faulty: Make = Box::new(move || mutant.make(&recipe));
    let (card, sam) = if kind == Kind::Sam {
        (sound_card, faulty)
    } else {
        (faulty, sound_sam)
    };
    Ok(Box::new(
        VirtualBench::new(name, Some(card), Some(sam)).map_err(Failure::Environment)?,
    ))
}

fn mutant_named(id: &str) -> Result<crate::mutants::Mutant, Failure> {
    let found = crate::mutants::table()
        .into_iter()
        .find(|mutant| mutant.id == id);
    found.ok_or_else(|| {
        Failure::Usage(format!(
            "{} {id}; rhc-conformance mutants",
            say("there is no seeded fault", "没有此缺陷：")
        ))
    })
}

/// A test product of this process.
pub(super) fn chip(
    sam: bool,
    preset: &str,
    mutant: Option<&str>,
    seed: u64,
) -> Result<Box<dyn VirtualCard>, Failure> {
    let preset = Preset::named(preset).ok_or_else(|| {
        Failure::Usage(format!(
            "{} {preset}",
            say("there is no preset", "没有此配置：")
        ))
    })?;
    let recipe = Recipe::sound(preset, seed).map_err(Failure::Environment)?;
    let made: Result<Box<dyn VirtualCard>, String> = match mutant {
        Some(id) => mutant_named(id)?.make(&recipe),
        None if sam => recipe
            .sam()
            .map(|sam| Box::new(sam) as Box<dyn VirtualCard>),
        None => recipe
            .card()
            .map(|card| Box::new(card) as Box<dyn VirtualCard>),
    };
    made.map_err(Failure::Environment)
}

/// How long a driver may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves it into a reader of vpcd or of our own driver until that goes away.
pub(super) fn serve(
    vpcd: Option<&str>,
    own: Option<&Path>,
    chip: &mut dyn VirtualCard,
) -> Result<u8, Failure> {
    let told = |place: &dyn std::fmt::Display| {
        println!(
            "{} {place}",
            say("virtual test product in", "虚拟测试产品已插入")
        );
    };
    match (vpcd, own) {
        (_, Some(path)) => {
            let slot = ifd::Slot::connect(path, PATIENCE).map_err(environment)?;
            told(&path.display());
            slot.serve(&mut Plugged(chip), ifd::Manner::default())
                .map_err(environment)?;
        }
        (Some(address), None) => {
            let slot = cardlib_sim::vpcd::Slot::connect(address, PATIENCE).map_err(environment)?;
            told(&address);
            slot.serve(chip, cardlib_sim::vpcd::Manner::default())
                .map_err(environment)?;
        }
        // The command line asks for one of the two.
        (None, None) => {}
    }
    Ok(code::DONE)
}

/// A simulated chip as a card of our own reader driver.
struct Plugged<'a>(&'a mut dyn VirtualCard);

impl ifd::Card for Plugged<'_> {
    fn reset(&mut self) -> Vec<u8> {
        self.0.reset()
    }

    fn handle(&mut self, command: &[u8]) -> Vec<u8> {
        self.0.handle(command)
    }
}
