//! What was read from a card: decoded for people, compared with what was written. No `Debug`: it is a person's.

use cardlib_card::content::{CardContent, FileData};
use cardlib_card::element::{self, ElementError};
use cardlib_card::profile::{Element, File, FileKind, Format, Profile, codes};
use cardlib_card::tlv;

mod compare;

/// The language of shown values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    Chinese,
    English,
}

/// Files as they were read, whole.
pub struct Snapshot<'p> {
    profile: &'p Profile,
    content: CardContent,
}

/// One element's bytes and where they came from.
pub struct Item<'p, 's> {
    pub file: &'p File,
    /// From 1; in cyclic files 1 is the oldest.
    pub record: usize,
    pub element: &'p Element,
    pub bytes: &'s [u8],
}

impl<'p> Snapshot<'p> {
    pub(crate) const fn new(profile: &'p Profile, content: CardContent) -> Self {
        Self { profile, content }
    }

    /// The raw files.
    #[must_use]
    pub const fn content(&self) -> &CardContent {
        &self.content
    }

    /// Adds another reading of other files.
    pub fn join(&mut self, mut other: Snapshot<'p>) {
        self.content.files.append(&mut other.content.files);
    }

    /// The text of the element with this tag, where it was read; empty for an absent value.
    #[must_use]
    pub fn text(&self, tag: u8) -> Option<String> {
        let (_, _, element) = self.profile.element(tag)?;
        element::decode(element.kind, self.content.value(tag)?).ok()
    }

    /// The photo's bytes (DDF1/EF07 without its length); empty when there is none.
    #[must_use]
    pub fn photo(&self) -> Option<&[u8]> {
        self.content.files.iter().find_map(|file| match &file.data {
            FileData::Binary(bytes) if file.path == "DDF1/EF07" => bytes.get(2..),
            _ => None,
        })
    }

    /// Every element that was read, in the order of reading.
    pub fn items(&self) -> impl Iterator<Item = Item<'p, '_>> {
        self.content.files.iter().flat_map(|content| {
            let file = self.profile.file(&content.path);
            let records = content.records().unwrap_or_default();
            file.into_iter().flat_map(move |file| {
                records
                    .iter()
                    .enumerate()
                    .flat_map(move |(at, bytes)| items_of(file, at + 1, bytes))
            })
        })
    }
}

fn items_of<'p, 's>(file: &'p File, record: usize, bytes: &'s [u8]) -> Vec<Item<'p, 's>> {
    let item = |element, bytes| Item {
        file,
        record,
        element,
        bytes,
    };
    if file.kind == FileKind::Variable {
        let parsed = tlv::parse(bytes).ok();
        let found = parsed.and_then(|record| {
            file.position(record.tag)
                .map(|(_, element)| item(element, record.value))
        });
        return found.into_iter().collect();
    }
    let mut rest = bytes;
    let split = file.elements.iter().map_while(|element| {
        let (value, behind) = rest.split_at_checked(element.len)?;
        rest = behind;
        Some(item(element, value))
    });
    split.collect()
}

impl Item<'_, '_> {
    /// The value as text or digits, as an application form would carry it.
    ///
    /// # Errors
    /// [`ElementError`] when the bytes are not of the element's type.
    pub fn text(&self) -> Result<String, ElementError> {
        element::decode(self.element.kind, self.bytes)
    }

    /// The value for a person to read: dates with dashes, codes with their meaning.
    ///
    /// # Errors
    /// As [`Item::text`].
    pub fn shown(&self, tongue: Tongue) -> Result<String, ElementError> {
        let text = self.text()?;
        if let Some(meaning) = self
            .element
            .codes
            .as_deref()
            .and_then(|name| codes::text(name, &text))
        {
            let meaning = if tongue == Tongue::Chinese {
                &meaning.zh
            } else {
                &meaning.en
            };
            return Ok(format!("{text} {meaning}"));
        }
        Ok(match (self.element.format, text.len()) {
            (Format::Date, 8) => date(&text),
            (Format::DateTime, 14) => {
                format!(
                    "{} {}:{}:{}",
                    date(&text[..8]),
                    &text[8..10],
                    &text[10..12],
                    &text[12..]
                )
            }
            _ => text,
        })
    }
}

fn date(digits: &str) -> String {
    format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..])
}

#[cfg(test)]
mod tests {
    use cardlib_card::content::FileContent;

    use super::*;

    pub(super) fn content() -> CardContent {
        let profile = Profile::rhc_2012();
        let mut content = CardContent::default();
        for (tag, text) in [
            (11, "张三"),
            (12, "1"),
            (13, "05"),
            (14, "19850712"),
            (15, "410101198507120012"),
        ] {
            content.set_text(profile, tag, text).expect("fits");
        }
        content
    }

    #[test]
    fn values_are_shown_with_dates_and_meanings() {
        let snapshot = Snapshot::new(Profile::rhc_2012(), content());
        let shown: Vec<String> = snapshot
            .items()
            .filter_map(|item| item.shown(Tongue::Chinese).ok())
            .collect();
        assert_eq!(
            shown,
            [
                "张三",
                "1 男",
                "05 维吾尔族",
                "1985-07-12",
                "410101198507120012"
            ]
        );
        let english = snapshot
            .items()
            .nth(1)
            .and_then(|item| item.shown(Tongue::English).ok());
        assert_eq!(english.as_deref(), Some("1 male"));
        assert_eq!(snapshot.text(14).as_deref(), Some("19850712"));
    }

    #[test]
    fn cyclic_records_are_taken_apart() {
        let profile = Profile::rhc_2012();
        let mut record = element::encode(element::ElementType::Ans, 20, "乙肝疫苗").expect("fits");
        record.extend([0x20, 0x26, 0x01, 0x31]);
        let data = FileData::Records(vec![record]);
        let content = CardContent {
            files: vec![FileContent {
                path: "DF02/EF08".into(),
                data,
            }],
        };
        let snapshot = Snapshot::new(profile, content);
        let shown: Vec<String> = snapshot
            .items()
            .filter_map(|item| item.shown(Tongue::Chinese).ok())
            .collect();
        assert_eq!(shown, ["乙肝疫苗", "2026-01-31"]);
    }
}
