//! What a health card and a SAM are, as data and plain types: commands and answers, status words, the card profile,
//! the values of elements, certificates, delivery lists, and the personalisation dialect.
//!
//! This crate talks to nobody: no reader, no network, no database, no clock.
//!
//! | module | one idea |
//! |---|---|
//! | [`apdu`] | short commands and answers of ISO 7816-4 |
//! | [`status`] | status words and what they mean |
//! | [`tlv`] | `tag ‖ len ‖ value` records of the card's variable files |
//! | [`element`] | text, digits and numbers to and from an element's bytes |
//! | [`profile`] | files, elements, rights, keys, SAM types and assumed values, validated when loaded |
//! | [`content`] | what is to be written on one card |
//! | [`visit`] | a stay or visit as a typed value, and its bytes on the card |
//! | [`gm`], [`nist`], [`suite`] | SM2 and SM3; ECDSA P-256; whichever of them a profile names |
//! | [`cert`], [`delivery`] | the two card certificates, a maker's signed list |
//! | [`dialect`] | personalisation commands made from profile and content |

pub mod apdu;
pub mod cert;
pub mod content;
pub mod delivery;
pub mod dialect;
pub mod element;
pub mod gm;
pub mod nist;
pub mod profile;
pub mod status;
pub mod suite;
pub mod tlv;
pub mod visit;
