//! What was read from a card: decoded for people, compared with what was written. No `Debug`: it is a person's.

use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::element::{self, ElementError};
use cardlib_card::profile::{Element, File, FileKind, Format, Profile, codes};
use cardlib_card::tlv;

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

    /// What the card holds at the places that `shape` names, in its form: what a digest of the read-back is taken over.
    /// Equal to `shape` exactly where the card holds what `shape` says; a place that was not read is left out.
    #[must_use]
    pub fn project(&self, shape: &CardContent) -> CardContent {
        let files = shape.files.iter().filter_map(|wanted| {
            let read = self
                .content
                .files
                .iter()
                .find(|file| file.path == wanted.path)?;
            let data = match (&wanted.data, &read.data) {
                (FileData::Binary(like), FileData::Binary(bytes)) => {
                    let fill = self
                        .profile
                        .file(&read.path)
                        .and_then(|file| file.fill)
                        .unwrap_or_default();
                    let mut bytes = bytes.clone();
                    bytes.resize(like.len().max(bytes.len()), fill);
                    FileData::Binary(bytes)
                }
                (FileData::Records(like), FileData::Records(records)) => {
                    let variable = self
                        .profile
                        .file(&read.path)
                        .is_some_and(|file| file.kind == FileKind::Variable);
                    let named = |record: &&Vec<u8>| {
                        !variable || like.iter().any(|l| l.first() == record.first())
                    };
                    FileData::Records(records.iter().filter(named).cloned().collect())
                }
                _ => return None,
            };
            Some(FileContent {
                path: wanted.path.clone(),
                data,
            })
        });
        CardContent {
            files: files.collect(),
        }
    }

    /// Places where the card differs from what was to be written: absent elements must be all padding (R20).
    #[must_use]
    pub fn differences(&self, written: &CardContent) -> Vec<String> {
        let unread = written
            .files
            .iter()
            .filter(|file| !self.content.files.iter().any(|read| read.path == file.path));
        let mut places: Vec<String> = unread
            .map(|file| format!("{} (not read)", file.path))
            .collect();
        for read in &self.content.files {
            let wanted = written.files.iter().find(|file| file.path == read.path);
            let Some(file) = self.profile.file(&read.path) else {
                continue;
            };
            match (&read.data, file.kind) {
                (FileData::Binary(bytes), _) => {
                    places.extend(binary_difference(file, bytes, wanted))
                }
                (FileData::Records(records), FileKind::Variable) => {
                    places.extend(value_differences(file, records, written));
                }
                (FileData::Records(records), _) => {
                    let wanted = wanted.and_then(FileContent::records).unwrap_or_default();
                    places.extend((records.as_slice() != wanted).then(|| file.path.clone()));
                }
            }
        }
        places
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

fn value_differences(file: &File, read: &[Vec<u8>], written: &CardContent) -> Vec<String> {
    let differs = |element: &&Element| {
        let tag = element.tag.unwrap_or_default();
        let there = read
            .iter()
            .filter_map(|r| tlv::parse(r).ok())
            .find(|r| r.tag == tag)
            .map(|r| r.value);
        let blank = element::blank(element.kind, element.len);
        there != Some(written.value(tag).unwrap_or(&blank))
    };
    let place =
        |element: &Element| format!("{} tag {}", file.path, element.tag.unwrap_or_default());
    file.elements.iter().filter(differs).map(place).collect()
}

fn binary_difference(file: &File, read: &[u8], wanted: Option<&FileContent>) -> Option<String> {
    let wanted = match wanted.map(|file| &file.data) {
        Some(FileData::Binary(bytes)) => bytes.as_slice(),
        _ => &[],
    };
    let fill = file.fill.unwrap_or_default();
    let at = |bytes: &[u8], n: usize| bytes.get(n).copied().unwrap_or(fill);
    let same = (0..read.len().max(wanted.len())).all(|n| at(read, n) == at(wanted, n));
    (!same).then(|| file.path.clone())
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
    use super::*;

    fn content() -> CardContent {
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

    #[test]
    fn a_difference_names_its_place_and_absent_values_must_be_padding() {
        let written = content();
        let read = Snapshot::new(Profile::rhc_2012(), written.clone());
        assert!(read.differences(&written).is_empty());

        let mut other = written.clone();
        other.set_text(Profile::rhc_2012(), 12, "2").expect("fits");
        assert_eq!(read.differences(&other), ["DDF1/EF06 tag 12"]);

        let mut more = written.clone();
        more.set_text(Profile::rhc_2012(), 16, "13800000000")
            .expect("fits");
        assert_eq!(read.differences(&more), ["DDF1/EF08 (not read)"]);

        let left_over = Snapshot::new(Profile::rhc_2012(), more);
        let places = left_over.differences(&written);
        assert!(
            places.contains(&"DDF1/EF08 tag 16".to_owned()),
            "{places:?}"
        );
    }

    #[test]
    fn a_projection_has_the_form_of_what_was_written_and_the_values_of_the_card() {
        let profile = Profile::rhc_2012();
        let written = content();
        let mut on_card = written.clone();
        on_card
            .set_text(profile, 16, "")
            .expect("a blank that reading gives");
        let photo = |bytes: &[u8]| FileContent {
            path: "DDF1/EF07".into(),
            data: FileData::Binary(bytes.to_vec()),
        };
        on_card.files.push(photo(&[0, 0]));
        let read = Snapshot::new(profile, on_card);
        assert!(
            read.project(&written) == written,
            "absent elements and files do not change the digest"
        );

        let mut other = written.clone();
        other.set_text(profile, 12, "2").expect("fits");
        assert!(
            read.project(&other) == written,
            "the card's values, not the shape's"
        );
        let mut padded = written.clone();
        padded.files.push(photo(&[0, 0, 0, 0]));
        assert!(read.project(&padded) == padded);
    }

    #[test]
    fn a_photo_is_compared_with_its_fill() {
        let photo = |bytes: &[u8]| FileContent {
            path: "DDF1/EF07".into(),
            data: FileData::Binary(bytes.to_vec()),
        };
        let one = |file| CardContent { files: vec![file] };
        let read = Snapshot::new(Profile::rhc_2012(), one(photo(&[0, 2, 0xFF, 0xD8])));
        assert_eq!(read.photo(), Some(&[0xFF, 0xD8][..]));
        assert!(
            read.differences(&one(photo(&[0, 2, 0xFF, 0xD8, 0, 0])))
                .is_empty()
        );
        assert_eq!(
            read.differences(&one(photo(&[0, 2, 0xFF, 0xD9]))),
            ["DDF1/EF07"]
        );
        let none = Snapshot::new(Profile::rhc_2012(), one(photo(&[0, 0])));
        assert!(none.differences(&CardContent::default()).is_empty());
    }
}
