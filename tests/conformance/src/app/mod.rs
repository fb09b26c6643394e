//! What the program does: each command of [`cli`](crate::cli), with its exit code.
//!
//! | module | one idea |
//! |---|---|
//! | `list` | the cases |
//! | `run` | a suite on a product |
//! | `products` | which product |
//! | `progress` | what is shown meanwhile |
//! | `record` | its evidence, begun, gone on with and closed |
//! | `report`, `verify` | what came of it, and whether it is whole |

mod list;
mod products;
mod progress;
pub(crate) mod record;
mod report;
mod run;
mod verify;

pub(crate) use list::suites;
pub(crate) use progress::{announced, resumed, show};

use crate::cli::Order;
use crate::evidence::key;
use crate::{tables, trial};

/// Exit codes.
pub mod code {
    pub const DONE: u8 = 0;
    pub const USAGE: u8 = 2;
    pub const NOT_CONFORMANT: u8 = 3;
    pub const ENVIRONMENT: u8 = 4;
}

/// Why nothing came of it.
#[derive(Debug)]
pub enum Failure {
    Usage(String),
    Wrong(String),
    Environment(String),
}

impl Failure {
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => code::USAGE,
            Self::Wrong(_) => code::NOT_CONFORMANT,
            Self::Environment(_) => code::ENVIRONMENT,
        }
    }

    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Usage(text) | Self::Wrong(text) | Self::Environment(text) => text,
        }
    }
}

pub(crate) fn environment(cause: impl std::fmt::Display) -> Failure {
    Failure::Environment(cause.to_string())
}

/// Does what was ordered; the exit code.
///
/// # Errors
/// [`Failure`].
pub fn main(order: &Order) -> Result<u8, Failure> {
    match order {
        Order::List(order) => list::list(order),
        Order::Run(order) => run::execute(order),
        Order::Trial(order) => trial::execute(order),
        Order::Verify { dir, public, json } => verify::verify(dir, public.as_deref(), *json),
        Order::Report(order) => report::again(order),
        Order::Requirements { markdown, json } => tables::requirements(*markdown, *json),
        Order::Mutants { markdown } => tables::mutants(*markdown),
        Order::Virtual {
            vpcd,
            ifd,
            sam,
            preset,
            mutant,
            seed,
        } => {
            let mut chip = products::chip(*sam, preset, mutant.as_deref(), *seed)?;
            products::serve(vpcd.as_deref(), ifd.as_deref(), chip.as_mut())
        }
        Order::TerminalCalls {
            library,
            library_config,
        } => {
            crate::terminal::child::serve(library, library_config.as_deref())
                .map_err(Failure::Environment)?;
            Ok(code::DONE)
        }
        Order::Key { out } => {
            let key = key::create(out).map_err(environment)?;
            println!("{}", hex::encode(key.verifying_key().to_bytes()));
            Ok(code::DONE)
        }
    }
}

pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
