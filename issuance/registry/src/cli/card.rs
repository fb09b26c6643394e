//! `rhc-registry card`: at the registry's own machine (`--db`) or over the network as a clerk (`--url`).

use std::path::PathBuf;

use clap::ValueEnum;
use issuance_registry_api::{CardEvent, CardSerial, CardView, Cards, EventRequest, RegistryClient};
use kms_platform::clock;
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::pick;
use kms_platform::output::{self, Table};
use kms_platform::problem::Problem;
use tokio::runtime::Runtime;

use super::{db_place, open_failure, read_identity};
use crate::deed::Actor;
use crate::registry::Registry;

/// What `serve` is given in the examples.
const DEFAULT_STORE: &str = "sqlite:registry.db";

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("where").args(["db", "url"]))]
pub(super) struct Args {
    /// Health card number (18 characters) or card serial (10).
    key: String,
    /// What happened to the card.
    #[arg(long, value_name = "lost|found|cancelled|voided", requires = "reason")]
    set: Option<Event>,
    /// Why; shown in the history. No personal data.
    #[arg(long, value_name = "TEXT", requires = "set")]
    reason: Option<String>,
    /// The store itself: for the clerk at the registry's own machine [default without --url: sqlite:registry.db].
    #[arg(long, value_name = "ADDRESS")]
    db: Option<String>,
    /// The registry's address, https://HOST:PORT.
    #[arg(long, requires = "identity")]
    url: Option<String>,
    /// The clerk's identity file.
    #[arg(long, value_name = "FILE", requires = "url")]
    identity: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Event {
    Lost,
    Found,
    Cancelled,
    Voided,
}

impl From<Event> for CardEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::Lost => CardEvent::Lost,
            Event::Found => CardEvent::Found,
            Event::Cancelled => CardEvent::Cancelled,
            Event::Voided => CardEvent::Voided,
        }
    }
}

/// The two ways to the registry.
enum Desk<'a> {
    Local {
        registry: Registry,
        actor: Actor,
        runtime: &'a Runtime,
    },
    Remote(RegistryClient),
}

impl<'a> Desk<'a> {
    fn open(args: &Args, runtime: &'a Runtime) -> Result<Self, Failure> {
        match (&args.url, &args.identity) {
            (None, _) => {
                let db = args.db.as_deref().unwrap_or(DEFAULT_STORE);
                let registry = runtime.block_on(Registry::open(&db_place(db)?, clock::system()));
                let registry = registry.map_err(|error| open_failure(&error))?;
                Ok(Desk::Local {
                    registry,
                    actor: Actor::local(),
                    runtime,
                })
            }
            (Some(url), Some(identity)) => Ok(Desk::Remote(RegistryClient::new(
                url,
                &read_identity(identity)?,
            )?)),
            // `requires` leaves no other case.
            (Some(_), None) => Err(Failure::usage("--url needs --identity")),
        }
    }

    fn cards(&self, key: &str) -> Result<Cards, Failure> {
        match self {
            Desk::Local {
                registry,
                actor,
                runtime,
            } => runtime
                .block_on(registry.cards(actor, key))
                .map_err(|problem| refusal(&problem)),
            Desk::Remote(client) => Ok(client.cards(key)?),
        }
    }

    fn set(&self, serial: &CardSerial, request: EventRequest) -> Result<(), Failure> {
        match self {
            Desk::Local {
                registry,
                actor,
                runtime,
            } => runtime
                .block_on(registry.set_state(actor, serial.clone(), request))
                .map_err(|problem| refusal(&problem))?,
            Desk::Remote(client) => client.event(serial, &request)?,
        };
        Ok(())
    }
}

fn refusal(problem: &Problem) -> Failure {
    let failure = if problem.status < 500 {
        Failure::wrong
    } else {
        Failure::environment
    };
    failure(problem.to_string()).next(problem.next_step())
}

pub(super) fn run(args: Args, runtime: &Runtime) -> Result<Exit, Failure> {
    let desk = Desk::open(&args, runtime)?;
    let mut found = desk.cards(&args.key)?;
    if let (Some(event), Some(reason)) = (args.set, &args.reason) {
        let card = current(&found)?;
        desk.set(
            &card.serial,
            EventRequest {
                event: event.into(),
                reason: reason.clone(),
            },
        )?;
        found = desk.cards(&args.key)?;
    }
    output::print(args.json, &found, || table(&found))
        .map_err(|error| Failure::environment(error.to_string()))?;
    Ok(Exit::Done)
}

/// The card a change is meant for: the live one, else the newest.
fn current(found: &Cards) -> Result<&CardView, Failure> {
    let live = found.cards.iter().find(|card| card.state.is_live());
    live.or(found.cards.first())
        .ok_or_else(|| Failure::wrong(pick("no such card", "没有此卡")))
}

fn table(found: &Cards) -> Table {
    let mut table = Table::default();
    for card in &found.cards {
        let mark = card.mark.label();
        table
            .row([pick("serial", "序列号"), card.serial.as_str()])
            .row([pick("number", "卡号"), &card.card_number.masked()])
            .row([pick("area", "地区"), &card.area])
            .row([pick("factor", "卡因子"), card.factor.as_str()])
            .row([pick("state", "状态"), card.state.label().get(), &card.since])
            .row([pick("mark", "标记"), mark.get()]);
        for line in &card.history {
            table.row([line.at.as_str(), &line.event, &line.actor, &line.reason]);
        }
        table.row([""]);
    }
    table
}
