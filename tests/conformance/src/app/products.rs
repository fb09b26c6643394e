//! Which product is under test: in PC/SC readers, in this process, or served into a reader of vpcd.

use std::time::Duration;

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

pub(super) fn serve(
    vpcd: &str,
    sam: bool,
    preset: &str,
    mutant: Option<&str>,
    seed: u64,
) -> Result<u8, Failure> {
    let preset = Preset::named(preset).ok_or_else(|| {
        Failure::Usage(format!(
            "{} {preset}",
            say("there is no preset", "没有此配置：")
        ))
    })?;
    let recipe = Recipe::sound(preset, seed).map_err(Failure::Environment)?;
    let mut chip = match mutant {
        Some(id) => mutant_named(id)?
            .make(&recipe)
            .map_err(Failure::Environment)?,
        None if sam => Box::new(recipe.sam().map_err(Failure::Environment)?),
        None => Box::new(recipe.card().map_err(Failure::Environment)?),
    };
    let slot =
        cardlib_sim::vpcd::Slot::connect(vpcd, Duration::from_secs(10)).map_err(environment)?;
    println!(
        "{} {vpcd}",
        say("virtual test product in", "虚拟测试产品已插入")
    );
    slot.serve(chip.as_mut(), cardlib_sim::vpcd::Manner::default())
        .map_err(environment)?;
    Ok(code::DONE)
}
