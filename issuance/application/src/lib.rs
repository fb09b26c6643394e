//! Applicants and their data: from the rows of a CSV file to everything that is written on one card.
//!
//! | module | one idea |
//! |---|---|
//! | [`table`], `lines`, `columns`, `cell` | the file: header, rows, cells; faulty rows are told, good rows go on |
//! | [`applicant`] | one person whose row is right |
//! | [`idnumber`], [`area`] | GB 11643 numbers, GB/T 2260 codes with the abolished ones |
//! | [`dictionary`], [`date`], [`text`], [`photo`] | codes, dates, GB 18030 text that fits, JPEG that fits |
//! | [`content`] | applicant + issuer → [`cardlib_card::content::CardContent`] |
//!
//! Nothing here prints a person: no `Debug`, and no fault repeats the cell it is about.

pub mod applicant;
pub mod area;
mod cell;
mod columns;
pub mod content;
pub mod date;
pub mod dictionary;
pub mod fault;
pub mod idnumber;
mod layout;
mod lines;
pub mod photo;
pub mod table;
pub mod text;

pub use applicant::Applicant;
pub use cell::Context;
pub use content::{Issue, prepare};
pub use fault::{Fault, Reason};
pub use layout::Layout;
pub use table::{Table, TableError};
