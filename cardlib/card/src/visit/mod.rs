//! A visit as a typed value, and its bytes in an EE or ED file (R20, R24, R64, R76, R77, R81).
//!
//! Where a value stands and how it is written is the profile's table ([`crate::profile::Layout`]); the structs here only
//! name the elements. Their field names are the table's ids, and a test holds the two together, so nobody outside
//! handles an offset.
//!
//! | module | one idea |
//! |---|---|
//! | [`values`] | days, moments, amounts of money |
//! | `inpatient`, `outpatient` | the two records, element by element |
//! | `record` | from table and struct to bytes and back |
//! | [`file`] | data ‖ signature ‖ certificate, and what the signature covers |
//!
//! Holds what a person suffers from: no `Debug`, wiped when dropped.

pub mod file;
mod inpatient;
mod outpatient;
mod record;
pub mod values;

use zeroize::Zeroizing;

pub use file::{SignedVisit, VisitKind};
pub use inpatient::{Diagnosis, Inpatient, InpatientFee, Transfusion};
pub use outpatient::{Complaint, Drug, Exam, Outpatient, OutpatientFee, Surgery};
pub use values::{Day, Fen, Moment, ValueError};

use crate::element::ElementError;
use crate::profile::Profile;
use record::{Reader, Writer};

/// A stay in hospital or a visit to a doctor.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visit {
    /// 住院, an EE file.
    Inpatient(Box<Inpatient>),
    /// 门诊, an ED file.
    Outpatient(Box<Outpatient>),
}

/// Why a visit does not become bytes, or the reverse. Names places, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VisitError {
    /// The profile describes no such record.
    #[error("the profile has no layout {0}")]
    NoLayout(&'static str),
    /// Struct and table do not name the same elements.
    #[error("{0}: the profile's table and this program do not agree on this element")]
    Element(String),
    /// A value does not fit its element.
    #[error("{place}: {cause}")]
    Value {
        /// Such as `diagnoses[1].name`.
        place: String,
        /// What is wrong.
        cause: ElementError,
    },
    /// Digits that are no date, number or amount.
    #[error("{place}: {cause}")]
    Form {
        /// Such as `admitted`.
        place: String,
        /// What is wrong.
        cause: ValueError,
    },
    /// More blocks than the card has room for.
    #[error("{block}: {there} given, the card has room for {room}")]
    TooMany {
        /// Such as `drugs`.
        block: String,
        /// Given.
        there: usize,
        /// Room.
        room: usize,
    },
    /// Data, signature or certificate of another length.
    #[error("{part}: {there} bytes where {wanted} are")]
    Length {
        /// Which part.
        part: &'static str,
        /// Bytes there.
        there: usize,
        /// Bytes wanted.
        wanted: usize,
    },
}

impl Visit {
    /// Which of the two it is.
    #[must_use]
    pub fn kind(&self) -> VisitKind {
        match self {
            Self::Inpatient(_) => VisitKind::Inpatient,
            Self::Outpatient(_) => VisitKind::Outpatient,
        }
    }

    /// The data part of the file, every byte of it: what the SAM signs (R76).
    ///
    /// # Errors
    /// [`VisitError`] naming the element that does not fit; nothing is ever cut (R26).
    pub fn encode(&self, profile: &Profile) -> Result<Zeroizing<Vec<u8>>, VisitError> {
        let layout = self.kind().layout(profile)?;
        let mut writer = Writer::new(layout);
        match self {
            Self::Inpatient(visit) => visit.write(&mut writer)?,
            Self::Outpatient(visit) => visit.write(&mut writer)?,
        }
        Ok(writer.finish())
    }

    /// The visit of a file's data part.
    ///
    /// # Errors
    /// [`VisitError`] naming the element whose bytes are not of its type.
    pub fn decode(profile: &Profile, kind: VisitKind, data: &[u8]) -> Result<Self, VisitError> {
        let layout = kind.layout(profile)?;
        let reader = Reader::new(layout, data)?;
        Ok(match kind {
            VisitKind::Inpatient => Self::Inpatient(Box::new(Inpatient::read(&reader)?)),
            VisitKind::Outpatient => Self::Outpatient(Box::new(Outpatient::read(&reader)?)),
        })
    }
}

#[cfg(test)]
mod tests;
