//! What the registry answers to: request and response types and a blocking client.
//!
//! | who | request | answer |
//! |---|---|---|
//! | station | `POST /v1/reservations` [`ReservationRequest`] | [`Reservation`] |
//! | station | `POST /v1/cards` [`RegistrationRequest`] | [`Registered`] |
//! | clerk, station (own area) | `GET /v1/cards/{number or serial}` | [`Cards`] |
//! | clerk; station for `voided` | `POST /v1/cards/{serial}/events` [`EventRequest`] | [`Registered`] |
//! | hospital, clerk | `GET /v1/verifications?number=&serial=&factor=` | [`Verification`] |
//! | station | `POST /v1/sams/serials` [`SamSerialRequest`] | [`SamSerial`] |
//! | station | `POST /v1/sams` [`SamRegistrationRequest`] | [`SamView`] |
//! | station, clerk, hospital | `GET /v1/sams/{serial}` | [`SamView`] |
//!
//! **Personal data.** The registry needs to know that a person has one live card, and whether the card in a hospital's
//! hand is good. The health card number does both; so a request carries the number and nothing else of the person: no
//! name, no birth date, no telephone. Types with a number in them have no `Debug`.

mod card;
mod client;
pub mod problems;
mod sam;
mod serial;
mod state;

pub use card::{
    CardNumber, CardView, Cards, Checks, EventRequest, HistoryEntry, Registered,
    RegistrationRequest, Reservation, ReservationRequest, Verification,
};
pub use client::RegistryClient;
pub use sam::{ChipSerial, SamRegistrationRequest, SamSerial, SamSerialRequest, SamState, SamView};
pub use serial::{CardSerial, Digest, Factor, Invalid, SamSerialNumber};
pub use state::{CardEvent, CardState, UnknownWord};
