//! Visit records: where every byte of an EE or ED file belongs (R64, R76, R81).

use serde::Deserialize;

use super::file::{Element, Format};
use crate::element::ElementType;

/// A visit record: data ‖ SAM signature ‖ SAM certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    pub name: String,
    pub title_zh: String,
    pub title_en: String,
    pub data: usize,
    pub signature: usize,
    pub certificate: usize,
    /// The index file whose record n tells whether file n holds a visit.
    pub index: String,
    /// What stands once in the data.
    pub fields: Vec<LayoutField>,
    /// What stands several times, one after another.
    #[serde(rename = "block", default)]
    pub blocks: Vec<LayoutBlock>,
}

/// An element at a fixed place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayoutField {
    /// Offset from the start of the data, or of one repetition of its block.
    pub at: usize,
    /// Short name, unique in its layout or block.
    pub id: String,
    pub name_zh: String,
    pub name_en: String,
    #[serde(rename = "type")]
    pub kind: ElementType,
    pub len: usize,
    #[serde(default)]
    pub format: Format,
    /// Dictionary in [`crate::profile::codes`].
    pub codes: Option<String>,
}

/// A group of elements that is repeated.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayoutBlock {
    pub id: String,
    pub name_zh: String,
    pub name_en: String,
    /// Offset of the first repetition.
    pub at: usize,
    pub times: usize,
    /// Bytes of one repetition.
    pub len: usize,
    pub fields: Vec<LayoutField>,
}

impl Layout {
    /// Bytes of the whole file.
    #[must_use]
    pub fn size(&self) -> usize {
        self.data + self.signature + self.certificate
    }

    #[must_use]
    pub fn block(&self, id: &str) -> Option<&LayoutBlock> {
        self.blocks.iter().find(|block| block.id == id)
    }

    /// Every element of the data with its absolute offset, blocks repeated, in the order of the bytes.
    #[must_use]
    pub fn places(&self) -> Vec<(usize, &LayoutField)> {
        let repeated = self.blocks.iter().flat_map(|block| {
            (0..block.times).flat_map(move |n| {
                let start = block.at + n * block.len;
                block.fields.iter().map(move |f| (start + f.at, f))
            })
        });
        let mut places: Vec<_> = self
            .fields
            .iter()
            .map(|f| (f.at, f))
            .chain(repeated)
            .collect();
        places.sort_by_key(|(at, _)| *at);
        places
    }
}

impl LayoutField {
    /// The same as an element of a record.
    #[must_use]
    pub fn element(&self) -> Element {
        Element {
            tag: None,
            name_zh: self.name_zh.clone(),
            name_en: self.name_en.clone(),
            kind: self.kind,
            len: self.len,
            format: self.format,
            codes: self.codes.clone(),
        }
    }
}
