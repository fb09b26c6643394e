//! `librhc_reader.so`: the reader interface of 2012 that hospital software is written against, over this project's
//! terminal (`include/rhc_reader.h`; for its users: `docs/hospital-interface.md`).
//!
//! The C functions ([`ffi`]) turn pointers into values and outcomes into codes; everything else is safe code that a
//! Rust program can call as well:
//!
//! | module | one idea |
//! |---|---|
//! | [`code`] | what went wrong, as the interface's numbers and as a sentence |
//! | [`config`] | which readers, whose PIN: files of mode 0600 |
//! | [`device`] | a pair of readers; every flow is one transaction that ends in a reset |
//! | [`slot`] | one reader: powered, swapped, spoken to directly |
//! | [`registry`] | handles; several threads |
//! | [`text`] | an element's value as the interface writes it: GB 18030, digits, hexadecimal |
//! | [`areas`] | reading and updating files of records, the photo |
//! | [`visits`] | a visit under way, recorded, read, settled |
//! | [`items`] | elements by number, many in one flow |
//! | [`remote`] | the same functions for another process on this computer |
//! | [`sam`] | the SAM's files, PIN and signature |
//!
//! Nothing here knows where on a card a value lies: that is the profile's and the terminal's business.

pub mod areas;
pub mod code;
pub mod config;
pub mod device;
pub mod ffi;
pub mod items;
pub mod registry;
pub mod remote;
pub mod sam;
pub mod slot;
pub mod text;
pub mod visits;

pub use code::{Code, Fault};
pub use device::Device;
