//! Product conformance of cards, SAMs and terminals: suites as data, a runner, signed evidence, reports.
//!
//! What is right is decided by case files written from the specification, and by this crate's own formulas
//! ([`formulas`], [`hierarchy`]); never by the simulator, the terminal library or a profile. The simulator appears in
//! [`bench::virtual_product`] only, as a product to be tested.
//!
//! | module | one idea |
//! |---|---|
//! | [`suite`] | cases, families, set-ups, requirements, as data |
//! | [`template`], [`step`], [`flows`] | the little language of steps |
//! | [`engine`] | runs one case |
//! | [`bench`] | where products lie: PC/SC readers, or this process |
//! | [`plan`], `orient`, [`run`] | order, samples, attempts |
//! | [`evidence`] | what was written down, chained and signed |
//! | [`report`] | HTML, JUnit XML, JSON, PDF |
//! | [`mutants`], [`trial`] | defective products, and what the suites catch of them |

pub mod app;
pub mod bench;
pub mod cli;
pub mod engine;
pub mod evidence;
pub mod files;
pub mod flows;
pub mod formulas;
pub mod hierarchy;
pub mod mutants;
mod orient;
mod pattern;
pub mod plan;
pub mod random;
pub mod report;
pub mod run;
pub mod step;
pub mod suite;
pub mod tables;
pub mod template;
pub mod terminal;
pub mod trial;
pub mod words;
