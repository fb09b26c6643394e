//! Visit records. The interface writes a record in pieces or whole (`iW_DF03EE…`, `iW_DF03ED…`) and then sets its flag
//! (`iW_DF03EF05Info`, `iW_DF03EF06Info`). Here the pieces make a draft; setting the flag has the SAM sign it and writes data,
//! signature, certificate and flag in one transaction, so that no card ever carries half a record or an unsigned one.
//! A draft belongs to the card for which it was begun.

mod draft;
mod style;

use cardlib_card::element;
use cardlib_card::profile::{Layout, LayoutField};
use cardlib_card::visit::{SignedVisit, VisitKind};
use cardlib_terminal::office::{BackOffice, OfficeError};
use cardlib_terminal::{FlowError, Office, Session};
use zeroize::Zeroizing;

use crate::areas::place;
use crate::code::{Code, Fault};
use crate::device::{Device, today};
use crate::text::{self, Bytes};

pub(crate) use draft::write_element;
pub use draft::{Draft, commit, write_all, write_piece};
pub use style::Style;

const SEPARATOR: char = '|';
/// What a text that holds the separator shows instead.
const SEPARATOR_SHOWN: &str = "/";

/// A place: which kind, and its number from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    pub kind: VisitKind,
    pub number: u8,
}

impl Spot {
    /// # Errors
    /// [`Code::Parameter`] for a number that the card lacks.
    pub fn new(device: &Device, kind: VisitKind, number: i32) -> Result<Self, Fault> {
        let index = kind.index(device.profile);
        let most = index.map_or(0, |file| file.records);
        let number = place(number, most)?;
        // At most 254 records (profile validation).
        let number = number as u8;
        Ok(Self { kind, number })
    }
}

fn layout(device: &Device, kind: VisitKind) -> Result<&'static Layout, Fault> {
    kind.layout(device.profile)
        .map_err(|cause| FlowError::Visit(cause).into())
}

/// Whether each place of a kind holds a record.
///
/// # Errors
/// What stopped the reading.
pub fn flags(device: &mut Device, kind: VisitKind) -> Result<Vec<bool>, Fault> {
    let most = kind.index(device.profile).map_or(0, |file| file.records);
    let used = device.serve(|session| session.visits(kind))?;
    Ok((1..=most)
        .map(|n| used.iter().any(|number| usize::from(*number) == n))
        .collect())
}

/// # Errors
/// [`Code::Invalid`] when the flag is FF.
pub fn require_used(device: &mut Device, spot: Spot) -> Result<(), Fault> {
    let used = device.serve(|session| session.visits(spot.kind))?;
    if used.contains(&spot.number) {
        return Ok(());
    }
    let Spot { kind, number } = spot;
    Err(FlowError::NoVisit { kind, number }.into())
}

/// Data, signature and certificate of a record: what a back office verifies.
///
/// # Errors
/// [`Code::Invalid`] when the flag is FF.
pub fn signed(device: &mut Device, spot: Spot) -> Result<SignedVisit, Fault> {
    device.serve_reading(|session| stored(session, spot))
}

pub(crate) fn stored(session: &mut Session<'_>, spot: Spot) -> Result<SignedVisit, FlowError> {
    let read = session.read_visit(spot.kind, spot.number);
    read.map(|stored| stored.record)
}

/// The whole file: data ‖ signature ‖ certificate.
///
/// # Errors
/// As [`signed`].
pub fn verify_data(device: &mut Device, spot: Spot) -> Result<Bytes, Fault> {
    let record = signed(device, spot)?;
    joined(device, spot.kind, &record)
}

fn joined(device: &Device, kind: VisitKind, record: &SignedVisit) -> Result<Bytes, Fault> {
    let bytes = record.join(device.profile, kind);
    bytes
        .map(Zeroizing::new)
        .map_err(|cause| Fault::reading(cause.into()))
}

/// Bytes of a whole file.
///
/// # Errors
/// [`Code::Parameter`] where the profile has no such record.
pub fn file_size(device: &Device, kind: VisitKind) -> Result<usize, Fault> {
    layout(device, kind).map(Layout::size)
}

/// A piece of a record.
///
/// # Errors
/// [`Code::Parameter`] for a piece outside the file; [`Code::Invalid`] when the flag is FF.
pub fn read_piece(
    device: &mut Device,
    spot: Spot,
    (at, len): (i32, i32),
    style: Style,
) -> Result<Bytes, Fault> {
    let range = piece(at, len, file_size(device, spot.kind)?)?;
    let file = verify_data(device, spot)?;
    let bytes = file.get(range).unwrap_or_default();
    Ok(style.show(bytes))
}

fn piece(at: i32, len: i32, size: usize) -> Result<std::ops::Range<usize>, Fault> {
    let ends = usize::try_from(at).ok().zip(usize::try_from(len).ok());
    let range = ends.and_then(|(at, len)| Some(at..at.checked_add(len)?));
    range
        .filter(|range| !range.is_empty() && range.end <= size)
        .ok_or_else(|| {
            Fault::parameter(
                format!("position and length must lie within {size} bytes"),
                format!("位置与长度须在 {size} 字节之内"),
            )
        })
}

/// All elements of a record, separated by `|`.
///
/// # Errors
/// [`Code::Invalid`] when the flag is FF.
pub fn read_all(device: &mut Device, spot: Spot) -> Result<Bytes, Fault> {
    let layout = layout(device, spot.kind)?;
    let record = signed(device, spot)?;
    let mut out = Zeroizing::new(Vec::with_capacity(2 * layout.data));
    for (n, (at, field)) in layout.places().into_iter().enumerate() {
        if n > 0 {
            out.push(SEPARATOR as u8);
        }
        out.extend_from_slice(&field_text(&record.data, at, field)?);
    }
    Ok(out)
}

/// One element of a record's data.
pub(crate) fn field_text(data: &[u8], at: usize, field: &LayoutField) -> Result<Bytes, Fault> {
    let bytes = data.get(at..at + field.len).unwrap_or_default();
    let wrong = || {
        Fault::new(
            Code::Card,
            format!("the card's {} is not of its type", field.name_en),
            format!("卡上的{}形式不符", field.name_zh),
        )
    };
    let text = element::decode(field.kind, bytes).map_err(|_| wrong())?;
    let text = Zeroizing::new(text.replace(SEPARATOR, SEPARATOR_SHOWN));
    text::outward(field.kind, field.len, &text).ok_or_else(wrong)
}

/// Frees a place whose record the back office accepted. Where the configuration names issuers' certificates the record's
/// signature is verified here once more.
///
/// # Errors
/// [`Code::Invalid`] when the flag is FF; [`Code::EraseIndex`] for a record that does not hold; [`Code::Psam`] without
/// the right SAM.
pub fn erase(device: &mut Device, spot: Spot) -> Result<(), Fault> {
    let mut own;
    let office: &mut dyn BackOffice = if device.config.issuers.is_empty() {
        &mut Elsewhere
    } else {
        own = Office::new(device.profile, device.anchors.clone(), today()?);
        for certificate in &device.config.issuers {
            own.keep(certificate)
                .map_err(|cause| Fault::from(FlowError::Office(cause)))?;
        }
        &mut own
    };
    device.serve_reading(|session| session.settle(spot.kind, spot.number, office).map(drop))
}

/// The program that calls has asked its back office.
struct Elsewhere;

impl BackOffice for Elsewhere {
    fn accept(&mut self, _: VisitKind, _: &SignedVisit) -> Result<(), OfficeError> {
        Ok(())
    }
}
