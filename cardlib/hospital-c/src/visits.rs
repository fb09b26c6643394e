//! Visit records. The interface writes a record in pieces or whole (`iW_DF03EE…`, `iW_DF03ED…`) and then sets its flag
//! (`iW_DF03EF05Info`, `iW_DF03EF06Info`). Here the pieces make a draft; setting the flag has the SAM sign it and writes data,
//! signature, certificate and flag in one transaction, so that no card ever carries half a record or an unsigned one.
//! A draft belongs to the card for which it was begun.

use cardlib_card::element;
use cardlib_card::profile::{Layout, LayoutField};
use cardlib_card::visit::{SignedVisit, Visit, VisitKind};
use cardlib_terminal::office::{BackOffice, OfficeError};
use cardlib_terminal::{FlowError, Office, Session};
use encoding_rs::GB18030;
use zeroize::Zeroizing;

use crate::areas::place;
use crate::code::{Code, Fault};
use crate::device::{Device, SlotNumber, today};
use crate::text::{self, Bytes};

const SEPARATOR: char = '|';
/// What a text that holds the separator shows instead.
const SEPARATOR_SHOWN: &str = "/";

/// How a piece of a record is written as characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Hexadecimal, filled up with 00 (NO and B).
    Hex,
    /// The bytes themselves up to the first 00, filled up with 00.
    Text,
    /// Digits, filled up with F.
    Digits,
}

impl Style {
    /// # Errors
    /// [`Code::Parameter`] for any other number than 00, 01, 0F, FF.
    pub fn new(number: i32) -> Result<Self, Fault> {
        match number {
            0x00 | 0xFF => Ok(Self::Hex),
            0x01 => Ok(Self::Text),
            0x0F => Ok(Self::Digits),
            _ => Err(Fault::parameter(
                "no such style: NO 0x00, AN 0x01, CN 0x0F, B 0xFF",
                "没有该编码方式：NO 0x00、AN 0x01、CN 0x0F、B 0xFF",
            )),
        }
    }

    /// Most characters that `len` bytes are.
    #[must_use]
    pub const fn characters(self, len: usize) -> usize {
        match self {
            Self::Text => len,
            Self::Hex | Self::Digits => 2 * len,
        }
    }

    fn show(self, bytes: &[u8]) -> Bytes {
        Zeroizing::new(match self {
            Self::Text => bytes.to_vec(),
            Self::Hex => hex::encode_upper(bytes).into_bytes(),
            Self::Digits => {
                let all = Zeroizing::new(hex::encode_upper(bytes).into_bytes());
                all.iter().copied().take_while(|b| *b != b'F').collect()
            }
        })
    }

    fn read(self, text: &[u8], len: usize) -> Result<Bytes, Fault> {
        let wrong = || {
            Fault::parameter(
                "the piece is longer than its length or not of its style",
                "数据超长或与编码方式不符",
            )
        };
        let (fill, accepted): (u8, fn(&u8) -> bool) = match self {
            Self::Text => (0, |_| true),
            Self::Hex => (b'0', u8::is_ascii_hexdigit),
            Self::Digits => (b'F', |b| b.is_ascii_digit() || matches!(b, b'F' | b'f')),
        };
        if text.len() > self.characters(len) || !text.iter().all(accepted) {
            return Err(wrong());
        }
        let mut full = Zeroizing::new(text.to_vec());
        full.resize(self.characters(len), fill);
        if self == Self::Text {
            return Ok(full);
        }
        hex::decode(&*full).map(Zeroizing::new).map_err(|_| wrong())
    }
}

/// A record under way.
pub struct Draft {
    kind: VisitKind,
    number: u8,
    data: Bytes,
    /// ATR of its card.
    card: Vec<u8>,
}

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

/// A draft of a whole record from elements separated by `|`; those not given stay empty.
///
/// # Errors
/// [`Code::Parameter`] naming the element; [`Code::WriteBinary`] when the place holds a record.
pub fn write_all(device: &mut Device, spot: Spot, given: &[u8]) -> Result<(), Fault> {
    let layout = layout(device, spot.kind)?;
    let places = layout.places();
    let text = GB18030.decode_without_bom_handling_and_without_replacement(given);
    let text = Zeroizing::new(text.map(|text| text.into_owned()).ok_or_else(|| {
        Fault::parameter("the record is no GB 18030 text", "记录不是 GB 18030 文本")
    })?);
    let parts: Vec<&str> = text.split(SEPARATOR).collect();
    if parts.len() > places.len() {
        return Err(Fault::parameter(
            format!("{} elements where {} are", parts.len(), places.len()),
            format!("数据项 {} 个，最多 {} 个", parts.len(), places.len()),
        ));
    }
    let mut data = blank(device, spot.kind)?;
    for ((at, field), part) in places.into_iter().zip(parts) {
        put_field(&mut data, at, field, &GB18030.encode(part).0)?;
    }
    decoded(device, spot.kind, &data)?;
    let card = require_free(device, spot)?;
    device.drafts.retain(|draft| !draft.is_at(spot));
    device.drafts.push(Draft::new(spot, data, card));
    Ok(())
}

/// Puts an element into a draft's data.
fn put_field(data: &mut [u8], at: usize, field: &LayoutField, given: &[u8]) -> Result<(), Fault> {
    let text = text::inward(&field.element(), given)?;
    // What `inward` let pass fits.
    let bytes = element::encode(field.kind, field.len, &text);
    let bytes = bytes.map_err(|cause| Fault::parameter(cause.to_string(), "值不符合要求"))?;
    if let Some(there) = data.get_mut(at..at + field.len) {
        there.copy_from_slice(&Zeroizing::new(bytes));
    }
    Ok(())
}

/// A piece of a draft, which is begun where there is none.
///
/// # Errors
/// [`Code::Parameter`] for a piece outside the data; [`Code::WriteBinary`] when the place holds a record.
pub fn write_piece(
    device: &mut Device,
    spot: Spot,
    (at, len): (i32, i32),
    (style, given): (Style, &[u8]),
) -> Result<(), Fault> {
    let range = piece(at, len, layout(device, spot.kind)?.data)?;
    let bytes = style.read(given, range.len())?;
    let data = begun(device, spot)?;
    if let Some(there) = data.get_mut(range) {
        there.copy_from_slice(&bytes);
    }
    Ok(())
}

/// One element of a draft, which is begun where there is none.
///
/// # Errors
/// As [`write_piece`].
pub(crate) fn write_element(
    device: &mut Device,
    spot: Spot,
    (at, field): (usize, &LayoutField),
    given: &[u8],
) -> Result<(), Fault> {
    text::inward(&field.element(), given)?;
    put_field(begun(device, spot)?, at, field, given)
}

/// The data of the draft in a place; a new one after a look at the card.
fn begun(device: &mut Device, spot: Spot) -> Result<&mut Bytes, Fault> {
    let at = match device.drafts.iter().position(|draft| draft.is_at(spot)) {
        Some(at) => at,
        None => {
            let data = blank(device, spot.kind)?;
            let card = require_free(device, spot)?;
            device.drafts.push(Draft::new(spot, data, card));
            device.drafts.len() - 1
        }
    };
    Ok(&mut device.drafts[at].data)
}

impl Draft {
    fn new(spot: Spot, data: Bytes, card: Vec<u8>) -> Self {
        let Spot { kind, number } = spot;
        Self {
            kind,
            number,
            data,
            card,
        }
    }

    fn is_at(&self, spot: Spot) -> bool {
        self.kind == spot.kind && self.number == spot.number
    }
}

/// A genuine, valid card lies there and the place is free; the card's ATR.
fn require_free(device: &mut Device, spot: Spot) -> Result<Vec<u8>, Fault> {
    let used = device.serve(|session| session.visits(spot.kind))?;
    if used.contains(&spot.number) {
        let Spot { kind, number } = spot;
        return Err(FlowError::Taken { kind, number }.into());
    }
    let atr = device.slot(SlotNumber::User)?.atr().unwrap_or_default();
    Ok(atr.to_vec())
}

/// A record in which nothing is filled in.
fn blank(device: &Device, kind: VisitKind) -> Result<Bytes, Fault> {
    let empty = match kind {
        VisitKind::Inpatient => Visit::Inpatient(Box::default()),
        VisitKind::Outpatient => Visit::Outpatient(Box::default()),
    };
    empty
        .encode(device.profile)
        .map_err(|cause| FlowError::Visit(cause).into())
}

fn decoded(device: &Device, kind: VisitKind, data: &[u8]) -> Result<Visit, Fault> {
    Visit::decode(device.profile, kind, data).map_err(|cause| FlowError::Visit(cause).into())
}

/// Sets the flag of a place: the SAM signs the draft, and all of it goes onto the card. A place whose flag is set already
/// stays as it is.
///
/// # Errors
/// [`Code::WriteIndex`] where no record was written before; [`Code::NoCard`] for another card than the draft's.
pub fn commit(device: &mut Device, spot: Spot) -> Result<(), Fault> {
    let Some(at) = device.drafts.iter().position(|draft| draft.is_at(spot)) else {
        return already_set(device, spot);
    };
    let visit = decoded(device, spot.kind, &device.drafts[at].data)?;
    device.draft_card(at)?;
    device.serve(|session| session.record_visit_at(&visit, spot.number))?;
    device.drafts.remove(at);
    Ok(())
}

impl Device {
    /// The draft's card must be the one in the reader: looks before anything is sent.
    fn draft_card(&mut self, at: usize) -> Result<(), Fault> {
        let wanted = self.drafts[at].card.clone();
        self.with_card(|_| Ok(()))?;
        if self.slot(SlotNumber::User)?.atr() == Some(wanted.as_slice()) {
            return Ok(());
        }
        Err(Fault::new(
            Code::NoCard,
            "the record was written for another card; put that one back",
            "该记录属于另一张卡；请插回原卡",
        ))
    }
}

fn already_set(device: &mut Device, spot: Spot) -> Result<(), Fault> {
    let used = device.serve(|session| session.visits(spot.kind))?;
    if used.contains(&spot.number) {
        return Ok(());
    }
    Err(Fault::new(
        Code::WriteIndex,
        "no record was written for this place; write it first, then set its flag",
        "该位置尚未写入记录；请先写记录，再置有效标志",
    ))
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
