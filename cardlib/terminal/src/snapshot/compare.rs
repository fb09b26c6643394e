//! Read-back: does the card hold what was to be written? Names places, never values.

use cardlib_card::content::{CardContent, FileContent, FileData};
use cardlib_card::element;
use cardlib_card::profile::{Element, File, FileKind};
use cardlib_card::tlv;

use super::Snapshot;

impl Snapshot<'_> {
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

#[cfg(test)]
mod tests {
    use cardlib_card::profile::Profile;

    use super::super::tests::content;
    use super::*;

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
