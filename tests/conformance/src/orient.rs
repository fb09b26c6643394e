//! The first look at a new sample: what the formulas need of it, and the reader's manners.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::bench::Bench;
use crate::engine::symbols::Known;
use crate::engine::talk::{Answer, Limits, Talk, Trouble};
use crate::evidence::record::{Facts, Record, Sink};
use crate::hierarchy::Home;
use crate::run::{Manner, RunError};
use crate::step::Which;

/// Reads from a new sample what the formulas need: factor (ATR), area (free record 57 or the SAM's 0015), the reader's manners.
pub(crate) fn orient(
    manner: &Manner,
    bench: &mut dyn Bench,
    sink: &mut dyn Sink,
    number: u32,
) -> Result<(Known, Facts), RunError> {
    let mut last = None;
    for _ in 0..3 {
        match look(manner, bench, sink) {
            Ok((home, facts)) => {
                sink.note(&Record::Sample {
                    number,
                    facts: facts.clone(),
                });
                let known = Known {
                    preset: manner.preset,
                    home,
                    seed: manner.seed.clone(),
                    place: String::new(),
                    challenge: None,
                    old: None,
                    reader_fetches: facts.reader_fetches,
                    last_ms: 0,
                    saved: BTreeMap::new(),
                    challenges: BTreeSet::new(),
                };
                return Ok((known, facts));
            }
            Err(Trouble::Environment(what) | Trouble::Product(what) | Trouble::Case(what)) => {
                sink.note(&Record::Trouble { what: what.clone() });
                last = Some(what);
                bench
                    .recover()
                    .map_err(|e| RunError::Bench(e.to_string()))?;
            }
        }
    }
    Err(RunError::Bench(last.unwrap_or_default()))
}

fn look(
    manner: &Manner,
    bench: &mut dyn Bench,
    sink: &mut dyn Sink,
) -> Result<(Home, Facts), Trouble> {
    let has = |bench: &mut dyn Bench, which| bench.chip(which).map(|chip| chip.is_some());
    let (card, sam) = (has(bench, Which::Card)?, has(bench, Which::Sam)?);
    let main = manner.kind.main_chip();
    let missing = if main == Which::Card { !card } else { !sam };
    if missing {
        return Err(Trouble::Environment(format!(
            "the {} suite needs a {}",
            manner.kind.word(),
            main.word()
        )));
    }
    let mut talk = Talk::new(
        bench,
        sink,
        Limits {
            commands: 100,
            time: Duration::from_secs(120),
        },
    );
    let mut facts = Facts::default();
    // Products without a readable factor or area are tested too: their cases fail, one by one.
    let mut home = Home {
        factor: [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88],
        area: [0x41, 0x01],
    };
    if sam {
        facts.sam_atr = Some(hex::encode_upper(talk.reset(Which::Sam)?));
        if main == Which::Sam {
            facts.reader_fetches = fetches(&mut talk, Which::Sam)?;
        }
        let select = [0x00, 0xA4, 0x00, 0x0C, 0x02, 0x00, 0x15];
        tolerated(talk.ask(Which::Sam, &select))?;
        let info = tolerated(talk.ask(Which::Sam, &[0x00, 0xB0, 0x00, 0x00, 0x0E]))?;
        if let Some(area) = info.data.first_chunk::<2>() {
            home.area = *area;
        }
    }
    if card {
        let atr = talk.reset(Which::Card)?;
        if let Some(factor) = atr.get(4..12).and_then(|bytes| bytes.first_chunk::<8>()) {
            home.factor = *factor;
        }
        facts.card_atr = Some(hex::encode_upper(&atr));
        if main == Which::Card {
            facts.reader_fetches = fetches(&mut talk, Which::Card)?;
        }
        let name = [&[0x00, 0xA4, 0x04, 0x0C, 0x0C][..], b"WS.SYS.DDF01"].concat();
        tolerated(talk.ask(Which::Card, &name))?;
        let select = [0x00, 0xA4, 0x00, 0x0C, 0x02, 0xEF, 0x05];
        tolerated(talk.ask(Which::Card, &select))?;
        let area = tolerated(talk.ask(Which::Card, &[0x00, 0xB2, 57, 0x00, 0x00]))?;
        if let Some(area) = area
            .data
            .get(2..4)
            .and_then(|bytes| bytes.first_chunk::<2>())
        {
            home.area = *area;
        }
    }
    talk.close();
    facts.area = hex::encode(home.area);
    facts.factor = hex::encode_upper(home.factor);
    Ok((home, facts))
}

/// A product that breaks the protocol tells nothing of itself; its cases fail, one by one.
fn tolerated(answer: Result<Answer, Trouble>) -> Result<Answer, Trouble> {
    match answer {
        Err(Trouble::Product(_)) => Ok(Answer {
            data: Vec::new(),
            status: 0x6F00,
        }),
        other => other,
    }
}

/// Whether `61 L` never arrives: SELECT with FCI comes with its data at once.
fn fetches(talk: &mut Talk<'_>, which: Which) -> Result<bool, Trouble> {
    let select = talk.exactly(which, &[0x00, 0xA4, 0x00, 0x00, 0x02, 0x3F, 0x00]);
    let select = tolerated(select)?;
    Ok(select.status == 0x9000 && !select.data.is_empty())
}
