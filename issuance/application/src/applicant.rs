//! One applicant: the cells of a row, checked one by one and against each other.

use std::collections::BTreeMap;

use jiff::civil::Date;
use zeroize::Zeroize;

use crate::cell::{self, Context, Value};
use crate::columns::{self, Column};
use crate::date;
use crate::fault::{Fault, Reason};
use crate::idnumber::IdNumber;

/// A person whose row is right. No `Debug`: everything in it is personal. Wiped when dropped.
#[derive(Clone)]
pub struct Applicant {
    line: u64,
    row: u64,
    number: IdNumber,
    pub(crate) elements: BTreeMap<u8, String>,
    pub(crate) allergies: Vec<(String, String)>,
    pub(crate) vaccinations: Vec<(String, Date)>,
    pub(crate) photo: Vec<u8>,
}

impl Applicant {
    /// Line of the file.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Data row from 1.
    #[must_use]
    pub fn row(&self) -> u64 {
        self.row
    }

    /// The identity number, which is the card number.
    #[must_use]
    pub fn number(&self) -> &IdNumber {
        &self.number
    }

    /// The name as it will stand on the card.
    #[must_use]
    pub fn name(&self) -> &str {
        self.elements.get(&11).map_or("", String::as_str)
    }

    /// Reads the cells of a row; all faults of the row, in the columns' order.
    pub(crate) fn read(
        (line, place): (u64, u64),
        header: &[&'static Column],
        cells: &[Vec<u8>],
        context: &Context<'_>,
    ) -> Result<Self, Vec<Fault>> {
        let mut row = Row {
            line,
            place,
            ..Row::default()
        };
        for (column, cell) in header.iter().zip(cells) {
            row.take(column, cell, context);
        }
        row.compare();
        match row.number.take() {
            Some(number) if row.faults.is_empty() => Ok(Self {
                line,
                row: place,
                number,
                elements: std::mem::take(&mut row.elements),
                allergies: std::mem::take(&mut row.allergies),
                vaccinations: std::mem::take(&mut row.vaccinations),
                photo: std::mem::take(&mut row.photo),
            }),
            _ => Err(row.faults),
        }
    }
}

impl Drop for Applicant {
    fn drop(&mut self) {
        self.elements.values_mut().for_each(Zeroize::zeroize);
        for (substance, reaction) in &mut self.allergies {
            substance.zeroize();
            reaction.zeroize();
        }
        self.vaccinations
            .iter_mut()
            .for_each(|(name, _)| name.zeroize());
        self.photo.zeroize();
    }
}

/// A row while it is read.
#[derive(Default)]
struct Row {
    line: u64,
    place: u64,
    filled: Vec<&'static str>,
    number: Option<IdNumber>,
    elements: BTreeMap<u8, String>,
    allergies: Vec<(String, String)>,
    vaccinations: Vec<(String, Date)>,
    photo: Vec<u8>,
    faults: Vec<Fault>,
}

impl Row {
    fn fault(&mut self, column: &'static str, reason: Reason) {
        self.faults.push(Fault {
            line: self.line,
            row: self.place,
            column,
            reason,
        });
    }

    fn take(&mut self, column: &'static Column, cell: &[u8], context: &Context<'_>) {
        let Ok(cell) = std::str::from_utf8(cell) else {
            return self.fault(column.name, Reason::NotUtf8);
        };
        let cell = cell.trim();
        if cell.is_empty() {
            if column.required {
                self.fault(column.name, Reason::Missing);
            }
            return;
        }
        self.filled.push(column.name);
        match cell::read(column, cell, context) {
            Ok(value) => self.store(column.tag, value),
            Err(reason) => self.fault(column.name, reason),
        }
    }

    fn store(&mut self, tag: u8, value: Value) {
        match value {
            Value::Element(text) => {
                self.elements.insert(tag, text);
            }
            Value::Number(number) => {
                self.elements.insert(tag, number.as_str().to_owned());
                self.number = Some(number);
            }
            Value::Alerts(tags) => self
                .elements
                .extend(tags.into_iter().map(|tag| (tag, "1".to_owned()))),
            Value::Allergies(list) => self.allergies = list,
            Value::Vaccinations(list) => self.vaccinations = list,
            Value::Photo(jpeg) => self.photo = jpeg,
        }
    }

    /// What cells say about each other.
    fn compare(&mut self) {
        if let Some(number) = &self.number {
            let born = date::compact(number.birth_date());
            let sex = if number.is_male() { "1" } else { "2" };
            let document = number.as_str().to_owned();
            let differs = |tag: u8, right: &str, elements: &BTreeMap<u8, String>| {
                elements.get(&tag).is_some_and(|text| text != right)
            };
            let by_identity_card = self.elements.get(&37).is_some_and(|kind| kind == "1");
            let found = [
                ("birth_date", differs(14, &born, &self.elements)),
                ("sex", differs(12, sex, &self.elements)),
                (
                    "document_number",
                    by_identity_card && differs(38, &document, &self.elements),
                ),
            ];
            for (column, _) in found.into_iter().filter(|(_, differs)| *differs) {
                self.fault(column, Reason::DiffersFromNumber);
            }
        }
        for (one, other) in columns::NEEDS {
            if self.filled.contains(&one) && !self.filled.contains(&other) {
                self.fault(other, Reason::Needs(one));
            }
        }
    }
}
