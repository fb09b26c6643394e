//! How bytes travel to a card: a small trait, its PC/SC and in-process adapters, a watchdog and a trace.
//!
//! A transport moves bytes; it does not know what they mean. "The pipe failed" is a [`ReaderError`]; "the card said no"
//! is a status word in a [`Response`](cardlib_card::apdu::Response).
//!
//! | module | one idea |
//! |---|---|
//! | [`channel`] | one command, one answer; `61xx` and `6Cxx` of T=0 cards |
//! | [`card`] | a powered card, and the transaction that always ends in a reset |
//! | [`conversation`] | what was said to test chips as text: recorded, replayed, compared |
//! | [`error`] | what can go wrong between us and the card, and what to do next |
//! | [`inbox`] | waiting for a thread that answers in microseconds |
//! | [`inprocess`] | a simulated card in the same process |
//! | [`pcsc`] | cards in readers of the PC/SC daemon |
//! | [`row`] | many commands at once, each with its time |
//! | [`trace`] | headers, lengths and times of what was sent; never data |
//! | [`watchdog`] | a card that never answers does not hang its caller |
//!
//! ```
//! use cardlib_card::apdu::Command;
//! use cardlib_reader::{Card, exchange, inprocess::{InProcess, Signal}};
//!
//! // A card that knows nothing: answers 6D00 to everything.
//! let mut card = InProcess::new(|signal: Signal<'_>| match signal {
//!     Signal::Reset => vec![0x3B, 0x00],
//!     Signal::Command(_) => vec![0x6D, 0x00],
//! });
//! let mut transaction = card.transaction()?;
//! let answer = exchange(&mut transaction, &Command::new(0x00, 0x84, 0x00, 0x00).with_le(8))?;
//! assert_eq!(answer.status.to_string(), "6D00");
//! # Ok::<(), cardlib_reader::ReaderError>(())
//! ```

pub mod card;
pub mod channel;
pub mod conversation;
pub mod error;
pub mod inbox;
pub mod inprocess;
pub mod pcsc;
pub mod row;
pub mod trace;
pub mod watchdog;

pub use card::{Card, Transaction};
pub use channel::{Channel, exchange, exchange_all};
pub use error::ReaderError;
pub use row::Answered;
