//! The issuing station: makes SAMs and user cards at readers, and remembers what it did.
//!
//! | module | one idea |
//! |---|---|
//! | [`journal`] | the intent of every phase is on disk before its first command |
//! | [`engine`] | one card, from "seen" to "registered" |
//! | [`run`], [`report`] | card after card; what it came to |
//! | [`sam_stage`], [`pin_file`] | national and provincial stage of a SAM (D43), and where its PIN is kept |
//! | [`probe`], [`script`], [`readback`] | what a card says; what it is told; what it holds afterwards |
//! | [`issuer`] | who issues: read from the SAM's own certificate |
//! | [`ports`], [`clients`] | key service and registry as traits, and over mutual TLS |
//! | [`fault`], [`timing`] | what can go wrong; whose time it took |
//! | [`cli`], [`commands`] | `rhc-station` |
//!
//! The station never holds a key: the key service's script can be opened only by the card it was made for.

pub mod cli;
pub mod clients;
pub mod commands;
pub mod engine;
pub mod fault;
pub mod issuer;
pub mod journal;
pub mod pin_file;
pub mod ports;
pub mod probe;
pub mod readback;
pub mod report;
pub mod run;
pub mod sam_stage;
pub mod sam_use;
pub mod script;
pub mod timing;
