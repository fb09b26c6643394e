//! A bench of real parts for tests, the demo and the benchmark: the PC/SC daemon with virtual readers, and this
//! project's own programs as child processes. Nothing here is product code, and nothing here talks to a card itself.
//!
//! Everything started is stopped by its own process id when its value is dropped.

pub mod binaries;
pub mod ceremony;
pub mod chips;
pub mod foreign;
pub mod frames;
pub mod house;
pub mod hsm;
pub mod kms;
pub mod machine;
pub mod pcscd;
pub mod people;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod registry;
pub mod resident;
pub mod stack;
pub mod wire;

pub use chips::{Chip, Inserted, Kind};
pub use foreign::Foreign;
pub use house::House;
pub use machine::Machine;
pub use pcscd::Daemon;
pub use process::{Outcome, Service, Tool};
pub use stack::{Place, Reader, Stack};
pub use wire::{Exchange, Fault, Wire};
