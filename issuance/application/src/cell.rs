//! One cell becomes a value of the card, or a reason why it cannot.

use cardlib_card::profile::codes::Dictionary;
use jiff::civil::Date;

use crate::columns::{Column, Kind};
use crate::dictionary;
use crate::fault::Reason;
use crate::idnumber::IdNumber;
use crate::layout::Layout;
use crate::photo::Photos;
use crate::{date, text};

/// What a filled cell gives.
pub(crate) enum Value {
    /// The text of one element: text, digits of a code, or a date's eight digits.
    Element(String),
    /// The identity number.
    Number(IdNumber),
    /// Tags of the alerts that are set.
    Alerts(Vec<u8>),
    /// Substance and reaction.
    Allergies(Vec<(String, String)>),
    /// Name and date.
    Vaccinations(Vec<(String, Date)>),
    /// A JPEG.
    Photo(Vec<u8>),
}

/// What reading a cell needs to know besides the cell.
pub struct Context<'a> {
    /// Lengths of the card's elements.
    pub layout: &'a Layout<'a>,
    /// Today, in China.
    pub today: Date,
    /// Where photographs come from.
    pub photos: &'a dyn Photos,
}

/// Reads a cell that is not empty.
pub(crate) fn read(column: &Column, cell: &str, context: &Context<'_>) -> Result<Value, Reason> {
    let layout = context.layout;
    let element = |text: String| -> Result<Value, Reason> {
        text::fit(&text, layout.length(column.tag))?;
        Ok(Value::Element(text))
    };
    match column.kind {
        Kind::Name => element(text::name(cell)),
        Kind::Text => element(cell.to_owned()),
        Kind::Phone => element(only(
            cell,
            |c| c.is_ascii_digit() || " +-()".contains(c),
            Reason::Phone,
        )?),
        Kind::Plain => element(only(
            cell,
            |c| c.is_ascii_alphanumeric() || c == '-',
            Reason::Plain,
        )?),
        Kind::Code => code(layout, column.tag, cell, dictionary::find),
        Kind::Ethnic => code(layout, column.tag, cell, dictionary::find_ethnic),
        Kind::BornOn => match day(cell)? {
            day if day > context.today => Err(Reason::Future),
            day => Ok(Value::Element(date::compact(day))),
        },
        Kind::ValidUntil => match day(cell)? {
            day if day < context.today => Err(Reason::Past),
            day => Ok(Value::Element(date::compact(day))),
        },
        Kind::IdNumber => Ok(Value::Number(IdNumber::parse(cell)?)),
        Kind::Alerts => alerts(cell, layout),
        Kind::Allergies => allergies(cell, layout),
        Kind::Vaccinations => vaccinations(cell, context),
        Kind::Photo => Ok(Value::Photo(context.photos.load(cell)?)),
    }
}

type Find = for<'a> fn(&'a Dictionary, &str) -> Option<&'a str>;

fn only(cell: &str, allowed: impl Fn(char) -> bool, reason: Reason) -> Result<String, Reason> {
    if cell.chars().all(allowed) {
        Ok(cell.to_owned())
    } else {
        Err(reason)
    }
}

fn code(layout: &Layout<'_>, tag: u8, cell: &str, find: Find) -> Result<Value, Reason> {
    let list = layout
        .element(tag)
        .and_then(dictionary::of)
        .ok_or_else(|| Reason::Code(String::new()))?;
    match find(list, cell) {
        Some(code) => Ok(Value::Element(code.to_owned())),
        None => Err(Reason::Code(dictionary::codes(list))),
    }
}

fn day(cell: &str) -> Result<Date, Reason> {
    date::parse(cell).ok_or(Reason::Date)
}

/// The entries of a list cell, without empty ones.
fn entries(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(['|', '\u{FF5C}'])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

fn halves(entry: &str) -> (&str, Option<&str>) {
    match entry.split_once([':', '\u{FF1A}']) {
        Some((left, right)) => (left.trim(), Some(right.trim())),
        None => (entry, None),
    }
}

fn room(found: usize, room: usize) -> Result<(), Reason> {
    if found > room {
        Err(Reason::TooMany { found, room })
    } else {
        Ok(())
    }
}

fn alerts(cell: &str, layout: &Layout<'_>) -> Result<Value, Reason> {
    let known = || Reason::Code(dictionary::ALERTS.map(|(number, _)| number).join(" "));
    let tags: Result<Vec<u8>, Reason> = entries(cell)
        .map(|entry| alert(entry, layout).ok_or_else(known))
        .collect();
    Ok(Value::Alerts(tags?))
}

/// An alert by its number on the form or by its element's name.
fn alert(entry: &str, layout: &Layout<'_>) -> Option<u8> {
    let named = |tag: u8| {
        let Some(element) = layout.element(tag) else {
            return false;
        };
        let zh = element
            .name_zh
            .strip_suffix("标志")
            .unwrap_or(&element.name_zh);
        entry == zh || element.name_en.eq_ignore_ascii_case(entry)
    };
    dictionary::ALERTS
        .into_iter()
        .find(|(number, tag)| *number == entry || named(*tag))
        .map(|(_, tag)| tag)
}

fn allergies(cell: &str, layout: &Layout<'_>) -> Result<Value, Reason> {
    let mut list = Vec::new();
    for entry in entries(cell) {
        let (substance, reaction) = halves(entry);
        if substance.is_empty() {
            return Err(Reason::Entry("substance:reaction"));
        }
        let reaction = reaction.unwrap_or_default();
        text::fit(substance, layout.allergy[0])?;
        text::fit(reaction, layout.allergy[1])?;
        list.push((substance.to_owned(), reaction.to_owned()));
    }
    room(list.len(), layout.allergies)?;
    Ok(Value::Allergies(list))
}

fn vaccinations(cell: &str, context: &Context<'_>) -> Result<Value, Reason> {
    let mut list = Vec::new();
    for entry in entries(cell) {
        let (name, Some(day)) = halves(entry) else {
            return Err(Reason::Entry("name:date"));
        };
        if name.is_empty() {
            return Err(Reason::Entry("name:date"));
        }
        let day = date::parse(day).ok_or(Reason::Date)?;
        if day > context.today {
            return Err(Reason::Future);
        }
        text::fit(name, context.layout.vaccination)?;
        list.push((name.to_owned(), day));
    }
    room(list.len(), context.layout.vaccinations)?;
    Ok(Value::Vaccinations(list))
}
