//! Reading: each file once, whatever number of its elements is asked for.

use cardlib_card::profile::{Element, Profile};
use cardlib_card::visit::{SignedVisit, VisitKind};
use cardlib_terminal::{FlowError, Session, Snapshot};
use zeroize::Zeroizing;

use super::{Item, Part, find, or_gone, shown_flag};
use crate::areas::{self, Cyclic, ISSUER_DATA};
use crate::code::Fault;
use crate::device::Device;
use crate::text::{self, Bytes};
use crate::visits::{self, Spot};

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
