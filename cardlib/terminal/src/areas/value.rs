//! How a field is written as an element's text, and the macro that ties structs to tags.

use cardlib_card::visit::Day;

/// A field of an area; an empty text is an absent value.
pub(super) trait Value: Sized {
    fn to_text(&self) -> String;
    fn from_text(text: String) -> Option<Self>;
}

impl Value for String {
    fn to_text(&self) -> String {
        self.clone()
    }
    fn from_text(text: String) -> Option<Self> {
        Some(text)
    }
}

impl Value for Option<Day> {
    fn to_text(&self) -> String {
        self.map_or_else(String::new, |day| day.to_string())
    }
    fn from_text(text: String) -> Option<Self> {
        if text.is_empty() {
            return Some(None);
        }
        text.parse().ok().map(Some)
    }
}

/// A flag in one raw byte: 0 no, 1 yes (R22).
impl Value for bool {
    fn to_text(&self) -> String {
        u8::from(*self).to_string()
    }
    fn from_text(text: String) -> Option<Self> {
        match text.as_str() {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }
}

/// A code that is a number in one raw byte (R22).
impl Value for u8 {
    fn to_text(&self) -> String {
        self.to_string()
    }
    fn from_text(text: String) -> Option<Self> {
        text.parse().ok()
    }
}

/// The value of element `tag`.
pub(super) fn take<V: Value>(
    text: &mut dyn FnMut(u8) -> Result<String, crate::FlowError>,
    tag: u8,
) -> Result<V, crate::FlowError> {
    V::from_text(text(tag)?).ok_or_else(|| {
        let place = format!("element {tag}");
        crate::error::malformed(
            crate::Part::Card,
            place,
            "holds a value that is none of its type",
        )
    })
}

/// A struct whose fields are elements: `field: Type = tag`.
macro_rules! area {
    ($(#[$about:meta])* $name:ident in $file:literal {
        $($(#[$field_about:meta])* $field:ident: $kind:ty = $tag:literal,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
        pub struct $name {
            $($(#[$field_about])* pub $field: $kind,)*
        }

        impl Area for $name {
            const FILE: &'static str = $file;

            fn take(
                text: &mut dyn FnMut(u8) -> Result<String, FlowError>,
            ) -> Result<Self, FlowError> {
                Ok(Self { $($field: value::take(text, $tag)?,)* })
            }

            fn give(&self) -> Vec<(u8, Zeroizing<String>)> {
                vec![$(($tag, Zeroizing::new(value::Value::to_text(&self.$field))),)*]
            }
        }
    };
}

/// A struct that is a record of a cyclic file, fields in their order.
macro_rules! entry {
    ($(#[$about:meta])* $name:ident in $file:literal {
        $($(#[$field_about:meta])* $field:ident: $kind:ty,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
        pub struct $name {
            $($(#[$field_about])* pub $field: $kind,)*
        }

        impl Entry for $name {
            const FILE: &'static str = $file;

            fn take(texts: Vec<String>) -> Option<Self> {
                let mut texts = texts.into_iter();
                Some(Self { $($field: value::Value::from_text(texts.next()?)?,)* })
            }

            fn give(&self) -> Vec<Zeroizing<String>> {
                vec![$(Zeroizing::new(value::Value::to_text(&self.$field)),)*]
            }
        }
    };
}

pub(super) use {area, entry};
