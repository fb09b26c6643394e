//! Elements by number (`wsc_GetCardInfo`, `wsc_PutCardInfo`): many of them in one flow, each file read once.
//!
//! | numbers | elements |
//! |---|---|
//! | 1–57 | those with this tag |
//! | 58, 59 · 60, 61 | of an allergy · a vaccination; the record number says which, 1 is the newest |
//! | 62 · 63 | flag of an inpatient · outpatient place, to be read only |
//! | 64–210, 211, 212 | the elements of an inpatient record, its signature, its certificate |
//! | 213–382, 383, 384 | the same of an outpatient record |

mod get;
mod put;

use cardlib_card::profile::{Element, Layout, LayoutField, Profile};
use cardlib_card::visit::VisitKind;
use cardlib_terminal::FlowError;
use zeroize::Zeroizing;

use crate::areas::Cyclic;
use crate::code::Fault;
use crate::text::Bytes;

pub use get::get;
pub use put::put;

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
