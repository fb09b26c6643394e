//! A hardware security module in software, strict where it matters: keys with attributes that are enforced inside,
//! two-officer orders, tickets, a skeleton policy, a sealed store with an audit that stops work when it cannot be
//! written, and the two operations of the HSM port, `fill_card` and `fill_sam`.
//!
//! It knows no health card: it runs the mechanism `scp-sm4-v1` under rules that its officers loaded. Keys never leave
//! it but wrapped for one receiver: another HSM, a SAM, or one card's session. It is a simulator for tests and
//! demonstrations: NOT FOR PRODUCTION KEYS.
#![deny(unsafe_code)]

// The tests of the controls run in here too (`weakened`), and call this crate by its name.
#[cfg(test)]
extern crate self as hsm_engine;

pub mod algorithms;
pub mod bench;
mod cipher;
mod control;
mod custody;
pub mod device;
mod engine;
pub mod exchange;
mod fill;
mod keyring;
mod keys;
mod lease;
mod material;
mod operator;
mod orders;
mod parts;
mod policy;
mod scp;
pub mod shares;
mod sm2key;
pub mod sm4;
mod state;
mod store;
mod uses;
#[cfg(test)]
mod weakened;
mod world;

pub use engine::{Birth, Engine, OpenError, Role};
pub use store::{EpochFile, StoreError, UnsealSecret};
pub use world::{
    Clock, Disk, Entropy, EntropyError, NextWrite, SystemClock, SystemDisk, SystemEntropy, World,
};

/// Skeleton policy for the dialect `rhc-cos-1`.
pub const POLICY_STANDARD: &str = include_str!("../policies/rhc-cos-1-standard.json");
/// The same for TEST stores: the public test private keys of D37 may be imported into SAMs too.
pub const POLICY_TEST: &str = include_str!("../policies/rhc-cos-1-test.json");
