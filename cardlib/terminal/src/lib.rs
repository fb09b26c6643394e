//! The terminal's side of the official flows: a user card in one reader, a SAM in another.
//!
//! Keys stay in the SAM: the terminal carries challenges, cryptograms and MACs between the two and decides nothing that
//! a key decides. Clock and random numbers are passed in or come from the SAM.
//!
//! | module | one idea |
//! |---|---|
//! | `ahead` | commands of which only a yes is expected go with the next one, in one series |
//! | [`card`], `authentication` | the user card's commands, and what an answer must look like |
//! | [`sam`], `session_key`, `signing` | the SAM's commands; its PIN ([`pin`]), public files, session keys, digest and signature |
//! | [`sam_public`] | a SAM's public files and the change of its PIN |
//! | [`secure`] | secure messaging of one command, with the SAM's help |
//! | [`flow`] | select, authenticate, read, update: what a hospital or a station does |
//! | [`desk`] | card and SAM in one exclusive transaction that ends in a reset, also on error; what a desk does there |
//! | [`areas`] | each data area as a typed value: contacts, addresses, allergies … |
//! | [`visits`] | record, read and settle a stay or visit |
//! | [`blocking`] | block and unblock applications, block a card |
//! | [`office`] | the back office: is a visit record signed by a SAM of an issuer of the ministry? |
//! | [`anchors`], [`papers`] | the ministry's public keys by mark; a SAM's certificates and dates |
//! | [`facts`] | who issued the card, for whom, until when |
//! | [`snapshot`] | what was read, decoded and compared with what was written |
//! | [`formulas`] | the key formulas, for verification and tests without SAM |
//! | [`error`] | why a flow stopped |
//!
//! A desk does its work inside [`Desk`]:
//!
//! ```no_run
//! use cardlib_card::profile::Profile;
//! use cardlib_reader::pcsc::{Readers, Sharing};
//! use cardlib_terminal::{Desk, Pin, areas::ContactPersons};
//!
//! let readers = Readers::open()?;
//! let mut card = readers.connect("Virtual PCD 0 00 00", Sharing::Exclusive)?;
//! let mut sam = readers.connect("Virtual PCD 0 00 01", Sharing::Exclusive)?;
//! let pin = Pin::new("123456")?;
//! let mut desk = Desk::new(Profile::rhc_2012(), &mut card, &mut sam, &pin, "20261122".parse()?);
//! desk.serve(|session| {
//!     let mut contacts: ContactPersons = session.read()?;
//!     contacts.0[0].telephone = "13911112222".into();
//!     session.update(&contacts)
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Flow`] is the layer below, for programs that hold their own transactions:
//!
//! ```no_run
//! use cardlib_card::profile::Profile;
//! use cardlib_reader::{Card, pcsc::{Readers, Sharing}};
//! use cardlib_terminal::{Flow, Pin, SamClient, UserCard};
//!
//! let profile = Profile::rhc_2012();
//! let readers = Readers::open()?;
//! let mut card = readers.connect("Virtual PCD 0 00 00", Sharing::Exclusive)?;
//! let mut sam = readers.connect("Virtual PCD 0 00 01", Sharing::Exclusive)?;
//! let (mut card, mut sam) = (card.transaction()?, sam.transaction()?);
//! let atr = card.atr().to_vec();
//! let sam = SamClient::open(profile, &mut sam, &Pin::new("123456")?)?;
//! let mut flow = Flow::open(UserCard::new(profile, &mut card, &atr)?, sam)?;
//! flow.internal_authentication()?;
//! let cardholder = flow.read(&["DDF1/EF06"])?;
//! println!("{}", cardholder.text(11).unwrap_or_default());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ahead;
pub mod anchors;
pub mod areas;
mod authentication;
pub mod blocking;
pub mod card;
mod commands;
pub mod desk;
pub mod error;
pub mod facts;
pub mod flow;
pub mod formulas;
pub mod office;
pub mod papers;
pub mod pin;
mod reading;
pub mod sam;
pub mod sam_public;
pub mod secure;
mod session_key;
mod signing;
pub mod snapshot;
pub mod visits;

pub use anchors::Anchors;
pub use card::UserCard;
pub use desk::{Desk, Session};
pub use error::{FlowError, Part};
pub use facts::{CardFacts, SamFacts, Validity};
pub use flow::Flow;
pub use office::Office;
pub use papers::SamPapers;
pub use pin::Pin;
pub use sam::{Factors, SamClient};
pub use snapshot::Snapshot;
