//! Writing: elements of a file together, the parts of an entry together, elements of visits into drafts.

use cardlib_card::profile::{Element, Profile};
use cardlib_terminal::{FlowError, Session};
use zeroize::Zeroizing;

use super::{Item, Part, find, or_gone};
use crate::areas::{self, Cyclic, Given, Tagged};
use crate::code::Fault;
use crate::device::Device;
use crate::text;
use crate::visits::{self, Spot};

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
