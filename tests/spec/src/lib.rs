//! Whether the code does what the card's description says, item by item.
//!
//! | module | one idea |
//! |---|---|
//! | [`page`] | the description's tables, copied by hand |
//! | [`behaviour`] | one test for each item, in bytes from the page |
//! | [`stand`] | a card and SAMs whose copy of the profile may be wrong |
//! | [`perturb`] | each item of each profile, changed |
//! | [`verdict`] | which test must notice it, and whether it does |
//! | [`map`], [`rows`] | `docs/spec-map.md`: for every item, rule and decision the module and the test |
//!
//! The host side of the personalisation dialect and the key formulas are those of the simulators' own tests
//! (`cardlib/sim/tests/host`), written from the pages and not from the simulators.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed one here is the failed assertion

pub mod behaviour;
#[path = "../../../cardlib/sim/tests/host/mod.rs"]
pub mod host;
pub mod map;
pub mod page;
pub mod perturb;
pub mod rows;
pub mod stand;
pub mod verdict;

/// The profiles that come with the program.
pub const PROFILES: [&str; 4] = ["rhc-2012", "rhc-2012-bank", "rhc-three-level", "rhc-aes"];
