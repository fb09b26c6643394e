//! From a struct and the profile's table to bytes and back: each field by its id, blocks by theirs.

use zeroize::Zeroizing;

use super::VisitError;
use super::values::{Day, Fen, Moment, ValueError};
use crate::element;
use crate::profile::{Layout, LayoutBlock, LayoutField};

/// How a field's value is written as an element's text; an empty text is an absent value.
pub(super) trait Field: Sized {
    fn to_text(&self) -> Zeroizing<String>;
    fn from_text(text: Zeroizing<String>) -> Result<Self, ValueError>;
}

impl Field for String {
    fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.clone())
    }
    fn from_text(text: Zeroizing<String>) -> Result<Self, ValueError> {
        Ok(text.to_string())
    }
}

/// A code that is a number in one raw byte (R22); it has no absent form.
impl Field for u8 {
    fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.to_string())
    }
    fn from_text(text: Zeroizing<String>) -> Result<Self, ValueError> {
        text.parse().map_err(|_| ValueError::Number)
    }
}

macro_rules! optional {
    ($($kind:ty: $show:expr, $read:expr;)*) => {$(
        impl Field for Option<$kind> {
            fn to_text(&self) -> Zeroizing<String> {
                Zeroizing::new(self.as_ref().map_or_else(String::new, $show))
            }
            fn from_text(text: Zeroizing<String>) -> Result<Self, ValueError> {
                if text.is_empty() {
                    return Ok(None);
                }
                let read: fn(&str) -> Result<$kind, ValueError> = $read;
                read(&text).map(Some)
            }
        }
    )*};
}

optional! {
    Day: ToString::to_string, |text| text.parse();
    Moment: ToString::to_string, |text| text.parse();
    u64: ToString::to_string, |text| text.parse().map_err(|_| ValueError::Number);
    Fen: |fen| fen.0.to_string(), |text| text.parse().map(Fen).map_err(|_| ValueError::Number);
}

/// Something that stands several times: how one of them is written and read.
pub(super) trait Group: Default + PartialEq {
    /// Ids of its elements.
    #[cfg(test)]
    const IDS: &'static [&'static str];
    fn write(&self, writer: &mut Part<'_>) -> Result<(), VisitError>;
    fn read(reader: &Source<'_>) -> Result<Self, VisitError>;
}

/// The bytes under way.
pub(super) struct Writer<'a> {
    layout: &'a Layout,
    bytes: Zeroizing<Vec<u8>>,
}

impl<'a> Writer<'a> {
    /// All elements absent (R81).
    pub(super) fn new(layout: &'a Layout) -> Self {
        let mut bytes = Zeroizing::new(vec![0; layout.data]);
        for (at, field) in layout.places() {
            bytes[at..at + field.len].copy_from_slice(&element::blank(field.kind, field.len));
        }
        Self { layout, bytes }
    }

    pub(super) fn field(&mut self, id: &str, value: &impl Field) -> Result<(), VisitError> {
        Part {
            fields: &self.layout.fields,
            place: "",
            bytes: &mut self.bytes,
        }
        .field(id, value)
    }

    pub(super) fn block<G: Group>(&mut self, id: &str, groups: &[G]) -> Result<(), VisitError> {
        let block = block(self.layout, id)?;
        if groups.len() > block.times {
            return Err(VisitError::TooMany {
                block: id.to_owned(),
                there: groups.len(),
                room: block.times,
            });
        }
        for (n, group) in groups.iter().enumerate() {
            let start = block.at + n * block.len;
            let mut part = Part {
                fields: &block.fields,
                place: &format!("{id}[{n}]."),
                bytes: &mut self.bytes[start..start + block.len],
            };
            group.write(&mut part)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }
}

/// The record's own fields, or those of one repetition of a block.
pub(super) struct Part<'a> {
    fields: &'a [LayoutField],
    place: &'a str,
    bytes: &'a mut [u8],
}

impl Part<'_> {
    pub(super) fn field(&mut self, id: &str, value: &impl Field) -> Result<(), VisitError> {
        let field = find(self.fields, self.place, id)?;
        let encoded =
            element::encode(field.kind, field.len, &value.to_text()).map_err(|cause| {
                VisitError::Value {
                    place: format!("{}{id}", self.place),
                    cause,
                }
            })?;
        self.bytes[field.at..field.at + field.len].copy_from_slice(&Zeroizing::new(encoded));
        Ok(())
    }
}

/// The bytes of a record's data.
pub(super) struct Reader<'a> {
    layout: &'a Layout,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(layout: &'a Layout, bytes: &'a [u8]) -> Result<Self, VisitError> {
        if bytes.len() != layout.data {
            return Err(VisitError::Length {
                part: "data",
                there: bytes.len(),
                wanted: layout.data,
            });
        }
        Ok(Self { layout, bytes })
    }

    pub(super) fn field<T: Field>(&self, id: &str) -> Result<T, VisitError> {
        Source {
            fields: &self.layout.fields,
            place: "",
            bytes: self.bytes,
        }
        .field(id)
    }

    /// The groups up to the last one that holds anything.
    pub(super) fn block<G: Group>(&self, id: &str) -> Result<Vec<G>, VisitError> {
        let block = block(self.layout, id)?;
        let mut groups = Vec::with_capacity(block.times);
        for n in 0..block.times {
            let start = block.at + n * block.len;
            groups.push(G::read(&Source {
                fields: &block.fields,
                place: &format!("{id}[{n}]."),
                bytes: &self.bytes[start..start + block.len],
            })?);
        }
        let used = groups.iter().rposition(|group| *group != G::default());
        groups.truncate(used.map_or(0, |last| last + 1));
        Ok(groups)
    }
}

/// As [`Part`], to read from.
pub(super) struct Source<'a> {
    fields: &'a [LayoutField],
    place: &'a str,
    bytes: &'a [u8],
}

impl Source<'_> {
    pub(super) fn field<T: Field>(&self, id: &str) -> Result<T, VisitError> {
        let field = find(self.fields, self.place, id)?;
        let place = || format!("{}{id}", self.place);
        let text = element::decode(field.kind, &self.bytes[field.at..field.at + field.len])
            .map_err(|cause| VisitError::Value {
                place: place(),
                cause,
            })?;
        T::from_text(Zeroizing::new(text)).map_err(|cause| VisitError::Form {
            place: place(),
            cause,
        })
    }
}

fn find<'a>(
    fields: &'a [LayoutField],
    place: &str,
    id: &str,
) -> Result<&'a LayoutField, VisitError> {
    fields
        .iter()
        .find(|field| field.id == id)
        .ok_or_else(|| VisitError::Element(format!("{place}{id}")))
}

fn block<'a>(layout: &'a Layout, id: &str) -> Result<&'a LayoutBlock, VisitError> {
    layout
        .block(id)
        .ok_or_else(|| VisitError::Element(id.to_owned()))
}

/// A struct whose fields are elements of the table; the text beside each is the element's id.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $kind:ty = $id:literal,)* }
     $(blocks { $($(#[$bdoc:meta])* $block:ident: $group:ty = $bid:literal,)* })?) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct $name {
            $($(#[$fdoc])* #[serde(default)] pub $field: $kind,)*
            $($($(#[$bdoc])* #[serde(default)] pub $block: Vec<$group>,)*)?
        }
        record!(@impl $name { $($field = $id,)* } $({ $($block = $bid,)* })?);
    };
    (@impl $name:ident { $($field:ident = $id:literal,)* } { $($block:ident = $bid:literal,)* }) => {
        impl $name {
            /// Ids of the elements and blocks that this struct holds.
            #[cfg(test)]
            pub(super) const IDS: &'static [&'static str] = &[$($id,)* $($bid,)*];

            pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), VisitError> {
                $(writer.field($id, &self.$field)?;)*
                $(writer.block($bid, &self.$block)?;)*
                Ok(())
            }

            pub(super) fn read(reader: &Reader<'_>) -> Result<Self, VisitError> {
                Ok(Self { $($field: reader.field($id)?,)* $($block: reader.block($bid)?,)* })
            }
        }
    };
    (@impl $name:ident { $($field:ident = $id:literal,)* }) => {
        impl Group for $name {
            #[cfg(test)]
            const IDS: &'static [&'static str] = &[$($id,)*];

            fn write(&self, writer: &mut Part<'_>) -> Result<(), VisitError> {
                $(writer.field($id, &self.$field)?;)*
                Ok(())
            }

            fn read(reader: &Source<'_>) -> Result<Self, VisitError> {
                Ok(Self { $($field: reader.field($id)?,)* })
            }
        }
    };
}

pub(super) use record;
