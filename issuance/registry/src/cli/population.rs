//! `rhc-registry population`: cards and SAMs for a compromise report (`rhc-kms compromise --population`). No card number leaves
//! the registry this way: factors, areas and states only.

use std::path::{Path, PathBuf};

use kms_platform::exit::{Exit, Failure};
use kms_platform::output::{self, Table};
use kms_platform::sqlx;
use kms_platform::{clock, lang::pick};
use serde::Serialize;

use super::{db_place, open_failure};
use crate::registry::Registry;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The store, sqlite:PATH.
    #[arg(long, value_name = "sqlite:PATH")]
    db: String,
    /// File to be made.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// JSON instead of a table of the counts.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Population {
    cards: Vec<CardFact>,
    sams: Vec<SamFact>,
}

#[derive(Serialize)]
struct CardFact {
    factor: String,
    area: String,
    state: String,
}

#[derive(Serialize)]
struct SamFact {
    serial: String,
    chip_serial: String,
    sam_type: i64,
    area: String,
    state: String,
}

#[derive(Serialize)]
struct Counts {
    cards: usize,
    sams: usize,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let registry = Registry::open(&db_place(&args.db)?, clock::system())
        .await
        .map_err(|error| open_failure(&error))?;
    let population = read(&registry)
        .await
        .map_err(|error| Failure::environment(error.to_string()))?;
    write(&args.out, &population)?;
    let counts = Counts {
        cards: population.cards.len(),
        sams: population.sams.len(),
    };
    let table = || {
        let mut table = Table::default();
        table
            .row([pick("cards", "卡"), &counts.cards.to_string()])
            .row([pick("SAMs", "SAM卡"), &counts.sams.to_string()]);
        table
    };
    output::print(args.json, &counts, table)
        .map_err(|error| Failure::environment(error.to_string()))?;
    Ok(Exit::Done)
}

async fn read(registry: &Registry) -> Result<Population, sqlx::Error> {
    let mut conn = registry.store().pool().acquire().await?;
    let cards: Vec<(String, String, String)> =
        sqlx::query_as("SELECT factor, area, state FROM cards ORDER BY serial")
            .fetch_all(&mut *conn)
            .await?;
    let sams: Vec<(String, String, i64, String, String)> = sqlx::query_as(
        "SELECT serial, chip_serial, sam_type, area, state FROM sams ORDER BY serial",
    )
    .fetch_all(&mut *conn)
    .await?;
    let card = |(factor, area, state)| CardFact {
        factor,
        area,
        state,
    };
    let sam = |(serial, chip_serial, sam_type, area, state)| SamFact {
        serial,
        chip_serial,
        sam_type,
        area,
        state,
    };
    Ok(Population {
        cards: cards.into_iter().map(card).collect(),
        sams: sams.into_iter().map(sam).collect(),
    })
}

fn write(path: &Path, population: &Population) -> Result<(), Failure> {
    let failed =
        |e: &dyn std::fmt::Display| Failure::environment(format!("{}: {e}", path.display()));
    let text = serde_json::to_vec(population).map_err(|e| failed(&e))?;
    std::fs::write(path, text).map_err(|e| failed(&e))
}
