//! Elements by number (`wsc_GetCardInfo`, `wsc_PutCardInfo`): many of them in one flow, each file read once.
//!
//! | numbers | elements |
//! |---|---|
//! | 1–57 | those with this tag |
//! | 58, 59 · 60, 61 | of an allergy · a vaccination; the record number says which, 1 is the newest |
//! | 62 · 63 | flag of an inpatient · outpatient place, to be read only |
//! | 64–210, 211, 212 | the elements of an inpatient record, its signature, its certificate |
//! | 213–382, 383, 384 | the same of an outpatient record |

use cardlib_card::profile::{Element, Layout, LayoutField, Profile};
use cardlib_card::visit::{SignedVisit, VisitKind};
use cardlib_terminal::{FlowError, Session, Snapshot};
use zeroize::Zeroizing;

use crate::areas::{self, Cyclic, Given, ISSUER_DATA, Tagged};
use crate::code::Fault;
use crate::device::Device;
use crate::text::{self, Bytes};
use crate::visits::{self, Spot};

/// Most items of one call.
pub const MAX_ITEMS: usize = 512;

const ALLERGIES: u16 = 58;
const VACCINATIONS: u16 = 60;
const FLAGS: u16 = 62;
const INPATIENT: u16 = 64;
const OUTPATIENT: u16 = 213;

/// Where an item lies.
#[derive(Clone, Copy)]
enum Item {
    Tagged(&'static str, u8, &'static Element),
    Entry(Cyclic, usize),
    Flag(VisitKind),
    Visit(VisitKind, Part),
}

#[derive(Clone, Copy)]
enum Part {
    Element(usize, &'static LayoutField),
    Signature,
    Certificate,
}

fn find(profile: &'static Profile, number: u16) -> Result<Item, Fault> {
    let tagged = u8::try_from(number).ok().and_then(|tag| {
        let (file, _, element) = profile.element(tag)?;
        Some(Item::Tagged(&file.path, tag, element))
    });
    let found = match number {
        ALLERGIES..VACCINATIONS => Some(Item::Entry(
            Cyclic::Allergies,
            usize::from(number - ALLERGIES),
        )),
        VACCINATIONS..FLAGS => {
            let at = usize::from(number - VACCINATIONS);
            Some(Item::Entry(Cyclic::Vaccinations, at))
        }
        FLAGS => Some(Item::Flag(VisitKind::Inpatient)),
        63 => Some(Item::Flag(VisitKind::Outpatient)),
        INPATIENT..OUTPATIENT => in_visit(profile, VisitKind::Inpatient, number - INPATIENT),
        OUTPATIENT.. => in_visit(profile, VisitKind::Outpatient, number - OUTPATIENT),
        _ => tagged,
    };
    found.ok_or_else(|| {
        Fault::parameter(
            format!("there is no item {number}"),
            format!("没有编号为 {number} 的数据项"),
        )
    })
}

fn in_visit(profile: &'static Profile, kind: VisitKind, number: u16) -> Option<Item> {
    let places = kind.layout(profile).map(Layout::places).ok()?;
    let number = usize::from(number);
    let part = match places.get(number) {
        Some((at, field)) => Part::Element(*at, field),
        None if number == places.len() => Part::Signature,
        None if number == places.len() + 1 => Part::Certificate,
        None => return None,
    };
    Some(Item::Visit(kind, part))
}

/// Reads items, each with its record number; an outcome for each.
///
/// # Errors
/// What stopped the whole: no card, no SAM, a card that is not genuine or not valid.
pub fn get(device: &mut Device, wanted: &[(u16, u16)]) -> Result<Vec<Result<Bytes, Fault>>, Fault> {
    let profile = device.profile;
    let found: Vec<_> = wanted
        .iter()
        .map(|(number, record)| (find(profile, *number), i32::from(*record)))
        .collect();
    let only_free = found
        .iter()
        .all(|(item, _)| matches!(item, Ok(Item::Tagged(ISSUER_DATA, ..)) | Err(_)));
    if only_free {
        return free(device, &found);
    }
    let spots: Vec<Option<Result<Spot, Fault>>> = found
        .iter()
        .map(|(item, record)| match item {
            Ok(Item::Visit(kind, _) | Item::Flag(kind)) => Some(Spot::new(device, *kind, *record)),
            _ => None,
        })
        .collect();
    device.serve(|session| {
        let mut read = Read::of(profile);
        let items = found.into_iter().zip(spots);
        items
            .map(|((item, record), spot)| match item {
                Ok(item) => read.item(session, item, record, spot),
                Err(fault) => Ok(Err(fault)),
            })
            .collect()
    })
}

type Found = (Result<Item, Fault>, i32);

/// EF05 is free to read: no SAM.
fn free(device: &mut Device, found: &[Found]) -> Result<Vec<Result<Bytes, Fault>>, Fault> {
    let facts = device.with_card(cardlib_terminal::flow::identify)?;
    let value = |(item, _): &Found| match item {
        Ok(Item::Tagged(_, tag, element)) => {
            let text = Zeroizing::new(areas::fact(&facts, *tag));
            shown(element, *tag, &text)
        }
        Ok(_) => Ok(Bytes::default()),
        Err(fault) => Err(fault.clone()),
    };
    Ok(found.iter().map(value).collect())
}

fn shown(element: &Element, tag: u8, text: &str) -> Result<Bytes, Fault> {
    let value = text::outward(element.kind, element.len, text);
    value.ok_or_else(|| areas::not_of_its_type(tag).into())
}

/// What one flow has read so far; a file that failed is not tried again.
struct Read<'p> {
    profile: &'static Profile,
    files: Vec<(&'static str, Result<Snapshot<'p>, Fault>)>,
    entries: Vec<(Cyclic, usize, Result<[Bytes; 2], Fault>)>,
    flags: Vec<(VisitKind, Result<Vec<u8>, Fault>)>,
    visits: Vec<(Spot, Result<SignedVisit, Fault>)>,
}

type Outcome = Result<Result<Bytes, Fault>, FlowError>;

impl<'p> Read<'p> {
    const fn of(profile: &'static Profile) -> Self {
        Self {
            profile,
            files: Vec::new(),
            entries: Vec::new(),
            flags: Vec::new(),
            visits: Vec::new(),
        }
    }

    fn records(&self, which: Cyclic) -> usize {
        let file = self.profile.file(which.path());
        file.map_or(0, |file| file.records)
    }

    fn item(
        &mut self,
        session: &mut Session<'p>,
        item: Item,
        record: i32,
        spot: Option<Result<Spot, Fault>>,
    ) -> Outcome {
        match (item, spot) {
            (Item::Tagged(path, tag, element), _) => self.tagged(session, path, tag, element),
            (Item::Entry(which, at), _) => self.entry(session, which, at, record),
            (_, Some(Err(fault))) => Ok(Err(fault)),
            (Item::Flag(kind), Some(Ok(spot))) => self.flag(session, kind, spot.number),
            (Item::Visit(_, part), Some(Ok(spot))) => self.visit(session, part, spot),
            // `get` gives each of these two a spot.
            (Item::Flag(_) | Item::Visit(..), None) => Ok(Ok(Bytes::default())),
        }
    }

    fn tagged(
        &mut self,
        session: &mut Session<'p>,
        path: &'static str,
        tag: u8,
        element: &Element,
    ) -> Outcome {
        if path == ISSUER_DATA {
            let text = Zeroizing::new(areas::fact(session.card(), tag));
            return Ok(shown(element, tag, &text));
        }
        if !self.files.iter().any(|(of, _)| *of == path) {
            let read = or_gone(session.flow().read(&[path]))?;
            self.files.push((path, read));
        }
        let snapshot = match self.files.iter().find(|(of, _)| *of == path) {
            Some((_, Err(fault))) => return Ok(Err(fault.clone())),
            Some((_, Ok(snapshot))) => snapshot,
            None => return Ok(Ok(Bytes::default())),
        };
        Ok(match snapshot.text(tag) {
            Some(text) => shown(element, tag, &Zeroizing::new(text)),
            None => Err(areas::not_of_its_type(tag).into()),
        })
    }

    fn entry(
        &mut self,
        session: &mut Session<'p>,
        which: Cyclic,
        at: usize,
        record: i32,
    ) -> Outcome {
        let number = match areas::place(record, self.records(which)) {
            Ok(number) => number,
            Err(fault) => return Ok(Err(fault)),
        };
        let is = |(of, n, _): &&(Cyclic, usize, _)| *of == which && *n == number;
        if !self.entries.iter().any(|entry| is(&entry)) {
            let read = or_gone(areas::newest(session, which, number))?;
            let read = read.and_then(|found| found.ok_or_else(|| areas::no_record(number)));
            self.entries.push((which, number, read));
        }
        Ok(match self.entries.iter().find(is) {
            Some((.., Ok(values))) => Ok(values.get(at).cloned().unwrap_or_default()),
            Some((.., Err(fault))) => Err(fault.clone()),
            None => Ok(Bytes::default()),
        })
    }

    fn flag(&mut self, session: &mut Session<'p>, kind: VisitKind, number: u8) -> Outcome {
        if !self.flags.iter().any(|(of, _)| *of == kind) {
            let read = or_gone(session.visits(kind))?;
            self.flags.push((kind, read));
        }
        Ok(match self.flags.iter().find(|(of, _)| *of == kind) {
            Some((_, Ok(used))) => Ok(shown_flag(used.contains(&number))),
            Some((_, Err(fault))) => Err(fault.clone()),
            None => Ok(Bytes::default()),
        })
    }

    fn visit(&mut self, session: &mut Session<'p>, part: Part, spot: Spot) -> Outcome {
        if !self.visits.iter().any(|(of, _)| *of == spot) {
            let read = match visits::stored(session, spot) {
                Err(gone @ FlowError::Reader { .. }) => return Err(gone),
                read => read.map_err(Fault::reading),
            };
            self.visits.push((spot, read));
        }
        let record = match self.visits.iter().find(|(of, _)| *of == spot) {
            Some((_, Ok(record))) => record,
            Some((_, Err(fault))) => return Ok(Err(fault.clone())),
            None => return Ok(Ok(Bytes::default())),
        };
        let hex = |bytes: &[u8]| Ok(Zeroizing::new(hex::encode_upper(bytes).into_bytes()));
        Ok(match part {
            Part::Element(at, field) => visits::field_text(&record.data, at, field),
            Part::Signature => hex(&record.signature),
            Part::Certificate => hex(&record.certificate),
        })
    }
}

/// A flag as the interface shows it.
#[must_use]
pub fn shown_flag(used: bool) -> Bytes {
    Zeroizing::new(if used { b"00" } else { b"FF" }.to_vec())
}

/// A lost reader ends the whole; everything else is this item's.
fn or_gone<T>(read: Result<T, FlowError>) -> Result<Result<T, Fault>, FlowError> {
    match read {
        Err(gone @ FlowError::Reader { .. }) => Err(gone),
        read => Ok(read.map_err(Fault::from)),
    }
}

/// Writes items: tagged elements and entries in one flow, elements of visits into drafts. An outcome for each.
///
/// # Errors
/// What stopped the whole.
pub fn put(
    device: &mut Device,
    wanted: &[(u16, u16, Given)],
) -> Result<Vec<Result<(), Fault>>, Fault> {
    let profile = device.profile;
    let mut outcomes = Vec::with_capacity(wanted.len());
    let mut work = Work::default();
    for (n, (number, record, given)) in wanted.iter().enumerate() {
        let bytes = given.as_ref().map_or(&[][..], |bytes| bytes.as_slice());
        let taken = find(profile, *number).and_then(|item| match item {
            Item::Tagged(path, tag, element) => work.tagged(n, path, (tag, element), bytes),
            Item::Entry(which, at) => work.entry(profile, n, (which, at), bytes),
            Item::Visit(kind, Part::Element(at, field)) => {
                let spot = Spot::new(device, kind, i32::from(*record))?;
                visits::write_element(device, spot, (at, field), bytes)
            }
            Item::Flag(_) | Item::Visit(..) => Err(Fault::parameter(
                format!("item {number} is not written by number"),
                format!("数据项 {number} 不能按编号写入"),
            )),
        });
        outcomes.push(taken);
    }
    if !work.is_empty() {
        let done = device.serve(|session| work.done(session))?;
        for (n, outcome) in done {
            outcomes[n] = outcome;
        }
    }
    Ok(outcomes)
}

/// Which item, and its outcome.
type Done = (usize, Result<(), Fault>);

/// What a flow is to write; each with the numbers of the items that asked for it.
#[derive(Default)]
struct Work {
    files: Vec<(&'static str, Vec<usize>, Vec<Tagged>)>,
    entries: Vec<(Cyclic, Vec<usize>, [Zeroizing<String>; 2])>,
}

impl Work {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.entries.is_empty()
    }

    fn tagged(
        &mut self,
        n: usize,
        path: &'static str,
        (tag, element): (u8, &Element),
        bytes: &[u8],
    ) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let text = text::inward(element, bytes)?;
        areas::require_writable(path)?;
        if !self.files.iter().any(|(of, ..)| *of == path) {
            self.files.push((path, Vec::new(), Vec::new()));
        }
        if let Some((_, items, texts)) = self.files.iter_mut().find(|(of, ..)| *of == path) {
            items.push(n);
            texts.push((tag, text));
        }
        Ok(())
    }

    fn entry(
        &mut self,
        profile: &'static Profile,
        n: usize,
        (which, at): (Cyclic, usize),
        bytes: &[u8],
    ) -> Result<(), Fault> {
        let element = profile
            .file(which.path())
            .and_then(|file| file.elements.get(at));
        let element = element.ok_or_else(|| Fault::parameter("no such item", "没有该数据项"))?;
        let text = text::inward(element, bytes)?;
        if !self.entries.iter().any(|(of, ..)| *of == which) {
            self.entries.push((which, Vec::new(), Default::default()));
        }
        if let Some((_, items, texts)) = self.entries.iter_mut().find(|(of, ..)| *of == which) {
            items.push(n);
            texts[at] = text;
        }
        Ok(())
    }

    fn done(self, session: &mut Session<'_>) -> Result<Vec<Done>, FlowError> {
        let mut outcomes = Vec::new();
        let mut note = |items: &[usize], outcome: Result<(), Fault>| {
            outcomes.extend(items.iter().map(|n| (*n, outcome.clone())));
        };
        for (path, items, texts) in &self.files {
            let written = areas::update(session, path, texts).map(drop);
            note(items, or_gone(written)?);
        }
        for (which, items, texts) in &self.entries {
            let written = areas::append_entry(session, *which, texts);
            note(items, or_gone(written)?);
        }
        Ok(outcomes)
    }
}
