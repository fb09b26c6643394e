//! The registry: the life of every card and SAM, and the answer to "is this card good?".
//!
//! It holds the least that this takes. Of a person: the health card number, because a person has one live card and a
//! hospital asks by it. Of a card: serial, factor, area, state with its history, and after registration the hash of its
//! content (to reconcile with the key service) and the SAM that read it back. No name, no address, no telephone, no
//! photograph: those are on the card and with whoever took the application. Number and serial never reach a log or the
//! audit record together with a person's other data, because there is none.
//!
//! One registry serves one province (or the country in a rehearsal): the serial counter D23 lives in its store, and a
//! second store for the same province would give the same serials again.
//!
//! Top down: [`routes`] (HTTP and who may ask) → [`Registry`] (one method per deed) → `cards`, `sams` (what a deed does
//! inside its transaction) → `schema`. [`Trust`] says whose signatures count. Every change runs through `deed`, which records it before and after.

mod cards;
pub mod cli;
mod deed;
mod registry;
pub mod routes;
mod sams;
mod schema;
mod serials;
mod trust;

pub use deed::Actor;
pub use registry::{OpenError, Registry, SERVICE};
pub use trust::{Trust, TrustError};
