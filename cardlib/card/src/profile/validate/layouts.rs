//! Visit layouts: every byte of the data belongs to exactly one element, and the parts add up to the file (R64).

use super::{Checked, ensure, files, unique};
use crate::profile::{FileKind, Layout, LayoutBlock, LayoutField, Profile};

pub(super) fn check(profile: &Profile) -> Checked {
    let all = || profile.layouts.iter();
    unique(
        all().map(|l| (l.name.as_str(), l.name.clone())),
        "R64",
        "the name",
    )?;
    all().try_for_each(|l| layout(profile, l))
}

fn layout(profile: &Profile, layout: &Layout) -> Checked {
    let item = layout.name.as_str();
    let fields = layout.fields.iter().map(|f| f.id.as_str());
    let ids = fields.chain(layout.blocks.iter().map(|b| b.id.as_str()));
    unique(ids.map(|id| (id, format!("{item}/{id}"))), "R64", "the id")?;
    layout
        .fields
        .iter()
        .try_for_each(|f| field(&format!("{item}/{}", f.id), f))?;
    layout.blocks.iter().try_for_each(|b| block(item, b))?;

    let fields = layout.fields.iter().map(|f| (f.at, f.len, f.id.as_str()));
    let blocks = layout
        .blocks
        .iter()
        .map(|b| (b.at, b.times * b.len, b.id.as_str()));
    gapless(item, fields.chain(blocks).collect(), layout.data)?;
    ensure(layout.signature == 64, item, "D17", || {
        "a visit's signature has 64 bytes".into()
    })?;
    ensure(
        layout.certificate == profile.certificates.sam.size,
        item,
        "D21",
        || "its certificate does not have the SAM certificate's size".into(),
    )?;
    let holders = profile
        .files
        .iter()
        .filter(|f| f.layout.as_deref() == Some(item))
        .count();
    let index = profile.file(&layout.index).map(|f| (f.kind, f.records));
    ensure(
        index == Some((FileKind::Fixed, holders)),
        item,
        "user card 2.2",
        || format!("its index must be a file of {holders} fixed records, one per visit file"),
    )
}

fn block(layout: &str, block: &LayoutBlock) -> Checked {
    let item = format!("{layout}/{}", block.id);
    ensure(block.times > 0, &item, "R64", || {
        "a block stands at least once".into()
    })?;
    let ids = block.fields.iter().map(|f| f.id.as_str());
    unique(ids.map(|id| (id, format!("{item}/{id}"))), "R64", "the id")?;
    block
        .fields
        .iter()
        .try_for_each(|f| field(&format!("{item}/{}", f.id), f))?;
    let places = block.fields.iter().map(|f| (f.at, f.len, f.id.as_str()));
    gapless(&item, places.collect(), block.len)
}

fn field(item: &str, field: &LayoutField) -> Checked {
    files::element(item, &field.element(), false)
}

/// Sorted by offset, each part begins where the one before ends, and the last ends with the whole.
fn gapless(item: &str, mut parts: Vec<(usize, usize, &str)>, whole: usize) -> Checked {
    parts.sort_unstable();
    let mut end = 0;
    for (at, len, id) in parts {
        ensure(at == end, &format!("{item}/{id}"), "R64", || {
            format!("begins at {at}, what stands before it ends at {end}")
        })?;
        end = at + len;
    }
    ensure(end == whole, item, "R64", || {
        format!("its elements make {end} bytes, {whole} are announced")
    })
}
