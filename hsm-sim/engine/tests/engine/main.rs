//! The engine as its sockets see it.
#![allow(clippy::unwrap_used)] // a test may stop at a broken invariant

mod batch;
mod common;
mod controls;
mod custody;
mod epoch;
mod formats;
mod garbage;
mod holds;
mod leases;
mod limits;
mod oracles;
mod orders;
mod packages;
mod rights;
mod rules;
mod script;
mod secrets;
mod store;
mod tickets;
mod vectors;
