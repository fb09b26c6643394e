//! Part `station`: what the house adds to a personalisation, over the bare replay of its APDUs, and its idle memory.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tests_stand::resident;

use crate::cores::Cores;
use crate::measure::{Bench, Run};
use crate::section::Section;

/// A card that works this long on every command.
const SLOW: Duration = Duration::from_millis(1);

/// Cards of each kind: the house has blanks for ten.
const CARDS: u32 = 5;

/// Raises a house, makes the cards, replays each.
///
/// # Errors
/// The house cannot be raised, or a card was not issued.
pub fn measure() -> Result<Section> {
    let mut cores = Cores::take()?;
    cores.keep_chain_awake()?;
    cores.keep_services_awake()?;
    let mut bench = Bench::raise(2 * CARDS)?;
    let idle = idle_memory(&bench)?;
    cores.chain(&[bench.house().daemon.pid()])?;
    let mut runs = |work| {
        (0..CARDS)
            .map(|_| bench.run(work))
            .collect::<Result<Vec<_>>>()
    };
    let (fast, slow) = (runs(Duration::ZERO)?, runs(SLOW)?);
    let (quick, steady) = (Best::of(&fast), Best::of(&slow));
    let mut section = Section::default();
    section.value("own_time_ms", quick.station_ms - quick.replay_ms);
    section.value("slow_card_share", steady.replay_ms / steady.station_ms);
    section.value(
        "idle_memory_mib",
        idle.values().copied().fold(0.0, f64::max),
    );
    explain(&mut section, "card as fast as it can", &fast);
    explain(&mut section, "card works 1 ms per command", &slow);
    for (name, mib) in &idle {
        section.note(format!("{name}: {mib:.1} MiB resident, idle"));
    }
    section.raw = json!({ "fast": fast, "slow": slow, "idle_memory_mib": idle });
    Ok(section)
}

/// The best station time and the best replay. Differences are taken between these two and not within one run, where a
/// disturbed replay would flatter the station.
struct Best {
    station_ms: f64,
    replay_ms: f64,
}

impl Best {
    fn of(runs: &[Run]) -> Self {
        let least = |of: fn(&Run) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
        Self {
            station_ms: least(|run| run.station_ms),
            replay_ms: least(|run| run.replay_ms),
        }
    }
}

/// Resident memory of every service, before any card was made.
fn idle_memory(bench: &Bench) -> Result<BTreeMap<String, f64>> {
    let house = bench.house();
    let tiers = house.tiers.iter().map(|running| {
        (
            format!("kms {}", running.tier.word()),
            running.service.pid(),
        )
    });
    let registry = house
        .registry
        .iter()
        .map(|running| ("registry".to_owned(), running.service.pid()));
    let hsms = house
        .hsms
        .iter()
        .map(|service| (service.name().to_owned(), service.pid()));
    tiers
        .chain(registry)
        .chain(hsms)
        .map(|(name, pid)| Ok((name, resident::mib(pid)?)))
        .collect()
}

fn explain(section: &mut Section, name: &str, runs: &[Run]) {
    for run in runs {
        let part = |name: &str| run.timings[name].as_f64().unwrap_or(f64::NAN);
        section.note(format!(
            "{name}: station {:.1} ms, replay {:.1} ms, {} commands; by its own account key service {:.1}, registry {:.1}, itself {:.1}",
            run.station_ms,
            run.replay_ms,
            run.commands,
            part("kms_ms"),
            part("registry_ms"),
            part("own_ms")
        ));
    }
}
