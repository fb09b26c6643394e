//! The files of records and the photo: what `iR_…Info` and `iW_…Info` of DDF1, DF01 and DF02 do.
//!
//! Values travel in the order of the file's elements, as the interface's parameters do.

use std::collections::BTreeMap;

use cardlib_card::profile::File;
use cardlib_terminal::areas::{
    Addresses, Allergy, Area, Clinical, ContactPersons, Entry, Occupation, OtherDocuments, Payment,
    Psychiatric, Vaccination, Writable,
};
use cardlib_terminal::flow::identify;
use cardlib_terminal::{CardFacts, FlowError, Session};
use zeroize::Zeroizing;

use crate::code::{Code, Fault};
use crate::device::Device;
use crate::text::{self, Bytes};

/// Free to read, without SAM.
pub const ISSUER_DATA: &str = "DDF1/EF05";
const HOLDER: &str = "DDF1/EF06";
/// Bytes of the photo's length before it (R75).
pub const PHOTO_HEAD: usize = 2;
/// Most bytes of a photo.
pub const PHOTO_MAX: usize = 3072;

/// An element's new value as the program gave it: none and an empty one leave the card's.
pub type Given = Option<Bytes>;

/// Tag and text of an element.
pub type Tagged = (u8, Zeroizing<String>);

/// The values of a file of tagged records.
///
/// # Errors
/// What stopped the reading.
pub fn read(device: &mut Device, path: &str) -> Result<Vec<Bytes>, Fault> {
    let file = file(device, path)?;
    let texts = if path == ISSUER_DATA {
        facts_in_order(file, &device.with_card(identify)?)
    } else {
        device.serve(|session| {
            let snapshot = session.flow().read(&[path])?;
            let texts = file.elements.iter().map(|element| {
                let tag = element.tag.unwrap_or_default();
                let text = snapshot.text(tag);
                text.ok_or_else(|| not_of_its_type(tag))
            });
            texts.collect::<Result<Vec<_>, _>>()
        })?
    };
    let pairs = file
        .elements
        .iter()
        .zip(texts.into_iter().map(Zeroizing::new));
    let values = pairs.map(|(element, text)| {
        let value = text::outward(element.kind, element.len, &text);
        value.ok_or_else(|| not_of_its_type(element.tag.unwrap_or_default()).into())
    });
    values.collect()
}

/// Writes those values of a file of tagged records that are given and differ.
///
/// # Errors
/// [`Code::Parameter`] before anything is sent; [`Code::WriteRecord`] for the files that are fixed for ever (D25).
pub fn write(device: &mut Device, path: &str, given: &[Given]) -> Result<(), Fault> {
    let file = file(device, path)?;
    if given.iter().all(Option::is_none) {
        return Err(Fault::parameter("no value is given", "未给出任何值"));
    }
    let mut texts = Vec::new();
    for (element, given) in file.elements.iter().zip(given) {
        if let Some(bytes) = given.as_ref().filter(|bytes| !bytes.is_empty()) {
            let tag = element.tag.unwrap_or_default();
            texts.push((tag, text::inward(element, bytes)?));
        }
    }
    require_writable(path)?;
    if texts.is_empty() {
        return Ok(());
    }
    device.serve(|session| update(session, path, &texts).map(drop))
}

/// # Errors
/// [`Code::WriteRecord`] for what is fixed when a card is issued.
pub(crate) fn require_writable(path: &str) -> Result<(), Fault> {
    if path == ISSUER_DATA || path == HOLDER {
        return Err(Fault::new(
            Code::WriteRecord,
            "issuer's and holder's data are fixed when a card is issued; a wrong card is replaced",
            "发卡机构数据与持卡人数据在发卡时固定；有误须换卡",
        ));
    }
    Ok(())
}

/// Puts these values among those that the card holds; gives the number of records written.
pub(crate) fn update(
    session: &mut Session<'_>,
    path: &str,
    texts: &[Tagged],
) -> Result<usize, FlowError> {
    match path {
        Payment::FILE => merge::<Payment>(session, texts),
        Addresses::FILE => merge::<Addresses>(session, texts),
        ContactPersons::FILE => merge::<ContactPersons>(session, texts),
        Occupation::FILE => merge::<Occupation>(session, texts),
        OtherDocuments::FILE => merge::<OtherDocuments>(session, texts),
        Clinical::FILE => merge::<Clinical>(session, texts),
        Psychiatric::FILE => merge::<Psychiatric>(session, texts),
        _ => Err(FlowError::Unknown(format!("way to write {path}"))),
    }
}

fn merge<A: Writable>(session: &mut Session<'_>, texts: &[Tagged]) -> Result<usize, FlowError> {
    let there: A = session.read()?;
    let mut all: BTreeMap<u8, Zeroizing<String>> = there.give().into_iter().collect();
    all.extend(texts.iter().cloned());
    let wanted = A::take(&mut |tag| {
        let text = all.get(&tag).ok_or_else(|| not_of_its_type(tag))?;
        Ok(text.to_string())
    })?;
    session.update(&wanted)
}

/// The two cyclic files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cyclic {
    Allergies,
    Vaccinations,
}

impl Cyclic {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Allergies => Allergy::FILE,
            Self::Vaccinations => Vaccination::FILE,
        }
    }
}

/// Record `number` of a cyclic file; 1 is the newest (R19).
///
/// # Errors
/// [`Code::ReadRecord`] when the card has no such record yet.
pub fn entry(device: &mut Device, which: Cyclic, number: i32) -> Result<[Bytes; 2], Fault> {
    let file = file(device, which.path())?;
    let number = place(number, file.records)?;
    let found = device.serve(|session| newest(session, which, number))?;
    found.ok_or_else(|| no_record(number))
}

pub(crate) fn no_record(number: usize) -> Fault {
    Fault::new(
        Code::ReadRecord,
        format!("the card has no record {number} there yet"),
        format!("卡上尚无第 {number} 条记录"),
    )
}

/// The `number`-th newest record.
pub(crate) fn newest(
    session: &mut Session<'_>,
    which: Cyclic,
    number: usize,
) -> Result<Option<[Bytes; 2]>, FlowError> {
    let snapshot = session.flow().read(&[which.path()])?;
    let count = snapshot.items().last().map_or(0, |item| item.record);
    let Some(oldest_first) = (count + 1).checked_sub(number).filter(|at| *at > 0) else {
        return Ok(None);
    };
    let mut values = Vec::with_capacity(2);
    for item in snapshot.items().filter(|item| item.record == oldest_first) {
        let text = item.text().map(Zeroizing::new);
        let text = text.map_err(|_| not_of_its_type(0))?;
        let value = text::outward(item.element.kind, item.element.len, &text);
        values.push(value.ok_or_else(|| not_of_its_type(0))?);
    }
    Ok(values.try_into().ok())
}

/// Appends a record; when the file is full the oldest goes.
///
/// # Errors
/// [`Code::Parameter`] before anything is sent.
pub fn append(device: &mut Device, which: Cyclic, given: [Given; 2]) -> Result<(), Fault> {
    let file = file(device, which.path())?;
    if given.iter().flatten().all(|bytes| bytes.is_empty()) {
        return Err(Fault::parameter("no value is given", "未给出任何值"));
    }
    let texts = file.elements.iter().zip(&given).map(|(element, bytes)| {
        let bytes = bytes.as_deref().map_or(&[][..], Vec::as_slice);
        text::inward(element, bytes)
    });
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    device.serve(|session| append_entry(session, which, &texts))
}

pub(crate) fn append_entry(
    session: &mut Session<'_>,
    which: Cyclic,
    texts: &[Zeroizing<String>],
) -> Result<(), FlowError> {
    let texts: Vec<String> = texts.iter().map(|text| text.to_string()).collect();
    let wrong = || not_of_its_type(0);
    match which {
        Cyclic::Allergies => session.append(&Allergy::take(texts).ok_or_else(wrong)?),
        Cyclic::Vaccinations => session.append(&Vaccination::take(texts).ok_or_else(wrong)?),
    }
}

/// The photo with its length before it; `00 00` for none.
///
/// # Errors
/// What stopped the reading.
pub fn photo(device: &mut Device) -> Result<Bytes, Fault> {
    let jpeg = Zeroizing::new(device.serve(|session| session.photo())?);
    // At most the file's 3072 bytes: the terminal refuses a length beyond them.
    let len = (jpeg.len() as u16).to_be_bytes();
    Ok(Zeroizing::new([&len[..], &jpeg].concat()))
}

/// Replaces the photo; an empty one removes it.
///
/// # Errors
/// [`Code::Photo`] for what is no JPEG.
pub fn write_photo(device: &mut Device, jpeg: &[u8]) -> Result<(), Fault> {
    device.serve(|session| session.update_photo(jpeg))
}

/// EF05's values in the order of its elements.
pub(crate) fn facts_in_order(file: &File, facts: &CardFacts) -> Vec<String> {
    let tags = file.elements.iter().map(|element| element.tag);
    tags.map(|tag| fact(facts, tag.unwrap_or_default()))
        .collect()
}

/// One element of EF05.
pub(crate) fn fact(facts: &CardFacts, tag: u8) -> String {
    match tag {
        1 => facts.class.clone(),
        2 => facts.version.clone(),
        3 => facts.issuer_name.clone(),
        4 => facts.issuer_code.clone(),
        5 => hex::encode_upper(&facts.issuer_certificate),
        6 => facts.issued.clone(),
        8 => facts.number.clone(),
        9 => facts.security_code.clone(),
        10 => facts.serial.clone(),
        57 => facts.area.clone(),
        _ => String::new(),
    }
}

pub(crate) fn file(device: &Device, path: &str) -> Result<&'static File, Fault> {
    let file = device.profile.file(path);
    file.ok_or_else(|| FlowError::Unknown(format!("file {path}")).into())
}

/// A number of a record or place, from 1 to `most`.
pub(crate) fn place(number: i32, most: usize) -> Result<usize, Fault> {
    let number = usize::try_from(number).ok();
    number.filter(|n| (1..=most).contains(n)).ok_or_else(|| {
        Fault::parameter(
            format!("no such record: the file has 1 to {most}"),
            format!("没有该记录：记录号为 1 至 {most}"),
        )
    })
}

/// An element of a file.
pub(crate) fn not_of_its_type(tag: u8) -> FlowError {
    FlowError::Malformed {
        part: cardlib_terminal::Part::Card,
        place: format!("element {tag}"),
        what: "is not of its type".into(),
    }
}
