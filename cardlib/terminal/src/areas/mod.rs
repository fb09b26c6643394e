//! Each data area as a typed value (user card 2.2, 3.3): nobody outside handles tags, records or padding.
//!
//! An [`Area`] is one file of tagged records. Updating compares with what the card holds and writes only the records that
//! differ; each is atomic on the card (R71), so an update that was cut short is finished by giving it again. Codes are
//! checked against their dictionary before anything is sent, since the card does not look (R21). [`Entry`] is one
//! record of a cyclic file.
//!
//! A person's data: no `Debug`, wiped when dropped.

mod clinical;
mod identity;
mod photo;
mod value;

use cardlib_card::content::ContentError;
use cardlib_card::element;
use cardlib_card::profile::{Profile, codes};
use cardlib_card::tlv;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use clinical::{Allergy, Clinical, Psychiatric, Vaccination};
pub use identity::{
    Address, Addresses, ContactPerson, ContactPersons, Holder, Occupation, OtherDocuments, Payment,
};

use crate::desk::Session;
use crate::error::{FlowError, Part, malformed};
use crate::snapshot::Snapshot;

/// A file of tagged records as one value.
pub trait Area: Sized {
    /// Such as `DF01/EF06`.
    const FILE: &'static str;

    /// From the texts of its elements.
    #[doc(hidden)]
    fn take(text: &mut dyn FnMut(u8) -> Result<String, FlowError>) -> Result<Self, FlowError>;

    /// Tags and texts of all its elements.
    #[doc(hidden)]
    fn give(&self) -> Vec<(u8, Zeroizing<String>)>;
}

/// An area that may be written on a card in use.
pub trait Writable: Area {}

/// A record of a cyclic file.
pub trait Entry: Sized {
    /// Such as `DF02/EF07`.
    const FILE: &'static str;

    #[doc(hidden)]
    fn take(texts: Vec<String>) -> Option<Self>;

    #[doc(hidden)]
    fn give(&self) -> Vec<Zeroizing<String>>;
}

/// Everything that a card says of its holder, visits excepted.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Everything {
    pub holder: Holder,
    /// JPEG, empty for none.
    pub photo: Vec<u8>,
    pub payment: Payment,
    pub addresses: Addresses,
    pub contacts: ContactPersons,
    pub occupation: Occupation,
    pub documents: OtherDocuments,
    pub clinical: Clinical,
    pub psychiatric: Psychiatric,
    /// Oldest first.
    pub allergies: Vec<Allergy>,
    /// Oldest first.
    pub vaccinations: Vec<Vaccination>,
}

impl Session<'_> {
    /// Reads one area.
    ///
    /// # Errors
    /// [`FlowError::NotPermitted`] with a SAM without the reading key, and what else stops a reading.
    pub fn read<A: Area>(&mut self) -> Result<A, FlowError> {
        let snapshot = self.flow.read(&[A::FILE])?;
        A::take(&mut |tag| text_of(&snapshot, tag))
    }

    /// Writes what differs from the card's values; gives the number of records written.
    ///
    /// # Errors
    /// [`FlowError::Value`] and [`FlowError::Code`] before anything is sent; [`FlowError::NotPermitted`],
    /// [`FlowError::OtherProvince`] (R68, R69).
    pub fn update<A: Writable>(&mut self, value: &A) -> Result<usize, FlowError> {
        let profile = self.flow.profile;
        let mut wanted = Vec::new();
        for (tag, text) in value.give() {
            wanted.push(Wanted::new(profile, tag, text)?);
        }
        let there = self.flow.read(&[A::FILE])?;
        wanted.retain(|item| there.content().value(item.tag) != Some(item.value.as_slice()));
        for item in &wanted {
            item.check_code(profile)?;
        }
        for item in &wanted {
            let record = tlv::encode(item.tag, &item.value)
                .map_err(|cause| malformed(Part::Card, A::FILE, cause.to_string()))?;
            let record = Zeroizing::new(record);
            self.flow.update_record(A::FILE, item.number, &record)?;
        }
        Ok(wanted.len())
    }

    /// The records of a cyclic file, oldest first.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn entries<E: Entry>(&mut self) -> Result<Vec<E>, FlowError> {
        entries_of(&self.flow.read(&[E::FILE])?)
    }

    /// Appends a record to a cyclic file; when it is full the oldest goes (R19).
    ///
    /// # Errors
    /// [`FlowError::Value`] before anything is sent; [`FlowError::NotPermitted`].
    pub fn append<E: Entry>(&mut self, entry: &E) -> Result<(), FlowError> {
        let file = self.flow.file(E::FILE)?;
        let mut record = Zeroizing::new(Vec::with_capacity(file.size));
        for (element, text) in file.elements.iter().zip(entry.give()) {
            let value = element::encode(element.kind, element.len, &text)
                .map_err(|cause| FlowError::Value(record_fault(E::FILE, &cause)))?;
            record.extend_from_slice(&Zeroizing::new(value));
        }
        self.flow.update_record(E::FILE, 0, &record)
    }

    /// Reads all areas of DDF1, DF01 and DF02.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn read_everything(&mut self) -> Result<Everything, FlowError> {
        let snapshot = self.flow.read_all(&["DDF1", "DF01", "DF02"])?;
        let text = &mut |tag| text_of(&snapshot, tag);
        Ok(Everything {
            holder: Holder::take(text)?,
            photo: snapshot.photo().unwrap_or_default().to_vec(),
            payment: Payment::take(text)?,
            addresses: Addresses::take(text)?,
            contacts: ContactPersons::take(text)?,
            occupation: Occupation::take(text)?,
            documents: OtherDocuments::take(text)?,
            clinical: Clinical::take(text)?,
            psychiatric: Psychiatric::take(text)?,
            allergies: entries_of(&snapshot)?,
            vaccinations: entries_of(&snapshot)?,
        })
    }
}

fn entries_of<E: Entry>(snapshot: &Snapshot<'_>) -> Result<Vec<E>, FlowError> {
    let mut records: Vec<(usize, Vec<String>)> = Vec::new();
    for item in snapshot.items().filter(|item| item.file.path == E::FILE) {
        let text = item.text().map_err(|cause| {
            let place = format!("{}, record {}", E::FILE, item.record);
            malformed(Part::Card, place, cause.to_string())
        })?;
        match records.last_mut() {
            Some((number, texts)) if *number == item.record => texts.push(text),
            _ => records.push((item.record, vec![text])),
        }
    }
    let entries = records.into_iter().map(|(number, texts)| {
        E::take(texts).ok_or_else(|| {
            let place = format!("{}, record {number}", E::FILE);
            malformed(Part::Card, place, "holds a value that is none of its type")
        })
    });
    entries.collect()
}

fn text_of(snapshot: &Snapshot<'_>, tag: u8) -> Result<String, FlowError> {
    snapshot
        .text(tag)
        .ok_or_else(|| malformed(Part::Card, format!("element {tag}"), "is not of its type"))
}

fn record_fault(path: &str, cause: &element::ElementError) -> ContentError {
    ContentError::Record {
        path: path.to_owned(),
        number: 0,
        what: cause.to_string(),
    }
}

/// An element under way to the card.
struct Wanted {
    tag: u8,
    number: u8,
    text: Zeroizing<String>,
    value: Zeroizing<Vec<u8>>,
}

impl Wanted {
    fn new(profile: &Profile, tag: u8, text: Zeroizing<String>) -> Result<Self, FlowError> {
        let (_, number, element) = profile
            .element(tag)
            .ok_or(FlowError::Value(ContentError::NoTag(tag)))?;
        let value = element::encode(element.kind, element.len, &text)
            .map_err(|cause| FlowError::Value(ContentError::Value { tag, cause }))?;
        Ok(Self {
            tag,
            number,
            text,
            value: Zeroizing::new(value),
        })
    }

    /// A code must be in its dictionary; an absent value is none.
    fn check_code(&self, profile: &Profile) -> Result<(), FlowError> {
        let element = profile.element(self.tag).map(|(_, _, element)| element);
        let Some(dictionary) = element.and_then(|element| element.codes.as_deref()) else {
            return Ok(());
        };
        if self.text.is_empty() || codes::text(dictionary, &self.text).is_some() {
            return Ok(());
        }
        Err(FlowError::Code {
            tag: self.tag,
            dictionary: dictionary.to_owned(),
        })
    }
}
