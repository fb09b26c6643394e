//! How programs talk to `rhc-hsm`, the software HSM, over its two Unix sockets.
//!
//! The **operator's** socket uses keys (fill a card's script, MAC, sign, read attributes); whoever connects proves
//! knowledge of a 32-byte secret first. The **officers'** socket makes, moves and destroys keys; it takes *orders*:
//! a JSON body that names this HSM and its next order number, signed by at least two different enrolled officers.
//! Neither socket has a request that returns the bytes of a key that the HSM keeps.
//!
//! Frames are `length (u32, big-endian) ‖ postcard`, at most [`frame::MAX_FRAME`] bytes. This crate knows no health
//! card and no other crate of the project: types, framing, officers' signatures and two blocking clients.
//!
//! ```no_run
//! use hsm_wire::{client::{OfficerClient, OperatorClient}, order::{Body, Order, OfficerKey}, officer::OrderOp, secret::OperatorSecret};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut officers = OfficerClient::connect("/run/rhc/hsm.officer")?;
//! let info = officers.info()?;
//! let body = Body { hsm: info.id, sequence: info.next_order, expires: 1_900_000_000, op: OrderOp::RemovePolicy }.to_text()?;
//! let mut order = Order::new(body);
//! order.sign(&OfficerKey::load("zhang.key".as_ref())?)?;
//! order.sign(&OfficerKey::load("li.key".as_ref())?)?;
//! officers.execute(&order)?;
//! let mut hsm = OperatorClient::connect("/run/rhc/hsm", &OperatorSecret::load("operator.cred".as_ref())?)?;
//! println!("{} keys", hsm.list_keys()?.len());
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

pub mod attributes;
mod blob;
pub mod client;
pub mod custody;
pub mod device;
pub mod error;
pub mod fill;
pub mod frame;
pub mod gm;
pub mod hexbytes;
pub mod info;
pub mod lease;
pub mod officer;
pub mod operator;
pub mod order;
pub mod package;
pub mod policy;
pub mod secret;
pub mod ticket;

pub use attributes::{Algorithm, BaseClass, KeyAttributes, Leaves, Mark, Usage};
pub use error::{ErrorCode, HsmError};
pub use hexbytes::Hex;

/// Longest key, ticket, officer or peer name.
pub const MAX_NAME: usize = 64;

/// Whether `name` may name a key, ticket, officer or peer: 1–64 characters of `A–Z a–z 0–9 _ . / @ + -`.
#[must_use]
pub fn valid_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_./@+-".contains(&b))
}
