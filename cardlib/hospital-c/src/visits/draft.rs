//! A record under way: written whole or in pieces into memory, signed and put on its card when its flag is set.

use cardlib_card::element;
use cardlib_card::profile::LayoutField;
use cardlib_card::visit::{Visit, VisitKind};
use cardlib_terminal::FlowError;
use encoding_rs::GB18030;
use zeroize::Zeroizing;

use super::{SEPARATOR, Spot, Style, layout, piece};
use crate::code::{Code, Fault};
use crate::device::{Device, SlotNumber};
use crate::text::{self, Bytes};

/// A record under way.
pub struct Draft {
    kind: VisitKind,
    number: u8,
    data: Bytes,
    /// ATR of its card.
    card: Vec<u8>,
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
