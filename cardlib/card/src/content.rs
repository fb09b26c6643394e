//! What is to be written on one card: the input of personalisation and the thing that a data hash binds (D26).
//!
//! Holds a person's data: no `Debug`, wiped when dropped.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::element;
use crate::profile::{File, FileKind, Profile};
use crate::tlv;

/// Everything to be written, file by file.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct CardContent {
    pub files: Vec<FileContent>,
}

/// One file's content.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct FileContent {
    /// Such as `DDF1/EF05`.
    pub path: String,
    pub data: FileData,
}

/// Hexadecimal in JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "lowercase")]
pub enum FileData {
    /// Whole records: `tag ‖ len ‖ value` in variable files, raw in fixed and cyclic ones (oldest first).
    Records(#[serde(with = "hex_records")] Vec<Vec<u8>>),
    /// The file from offset 0; what is not given keeps the profile's fill.
    Binary(#[serde(with = "hex::serde")] Vec<u8>),
}

/// Why content does not fit the profile. Names places, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    #[error("{0}: the profile has no such file")]
    NoFile(String),
    #[error("{0}: named twice")]
    Twice(String),
    #[error("{path}: {what}")]
    Kind { path: String, what: &'static str },
    #[error("{path}, record {number}: {what}")]
    Record {
        path: String,
        number: usize,
        what: String,
    },
    #[error("{path}: {there} bytes or records, the file has room for {room}")]
    TooMuch {
        path: String,
        there: usize,
        room: usize,
    },
    #[error("the profile has no element with tag {0}")]
    NoTag(u8),
    #[error("tag {tag}: {cause}")]
    Value {
        tag: u8,
        cause: element::ElementError,
    },
}

impl CardContent {
    /// The value bytes of the element with this tag, where the content has it.
    #[must_use]
    pub fn value(&self, tag: u8) -> Option<&[u8]> {
        self.files
            .iter()
            .filter_map(FileContent::records)
            .flatten()
            .find_map(|bytes| match tlv::parse(bytes) {
                Ok(record) if record.tag == tag => Some(record.value),
                _ => None,
            })
    }

    /// Puts an element in its file, in the profile's order, replacing what was there.
    ///
    /// # Errors
    /// [`ContentError`] when the profile lacks the tag or the value has another length.
    pub fn set(&mut self, profile: &Profile, tag: u8, value: &[u8]) -> Result<(), ContentError> {
        let (file, _, element) = profile.element(tag).ok_or(ContentError::NoTag(tag))?;
        if value.len() != element.len {
            let cause = element::ElementError::Length {
                there: value.len(),
                len: element.len,
            };
            return Err(ContentError::Value { tag, cause });
        }
        let position = |bytes: &[u8]| {
            bytes
                .first()
                .and_then(|t| file.position(*t))
                .map_or(u8::MAX, |(at, _)| at)
        };
        let bytes = tlv::encode(tag, value).map_err(|e| ContentError::Record {
            path: file.path.clone(),
            number: 0,
            what: e.to_string(),
        })?;
        let records = self.records_mut(&file.path)?;
        records.retain(|record| record.first() != Some(&tag));
        let at = records.partition_point(|record| position(record) < position(&bytes));
        records.insert(at, bytes);
        Ok(())
    }

    /// Puts an element given as text ([`element::encode`]).
    ///
    /// # Errors
    /// [`ContentError`] when the profile lacks the tag or the text does not fit.
    pub fn set_text(&mut self, profile: &Profile, tag: u8, text: &str) -> Result<(), ContentError> {
        let (_, _, element) = profile.element(tag).ok_or(ContentError::NoTag(tag))?;
        let mut value = element::encode(element.kind, element.len, text)
            .map_err(|cause| ContentError::Value { tag, cause })?;
        let done = self.set(profile, tag, &value);
        value.zeroize();
        done
    }

    fn records_mut(&mut self, path: &str) -> Result<&mut Vec<Vec<u8>>, ContentError> {
        let at = match self.files.iter().position(|file| file.path == path) {
            Some(at) => at,
            None => {
                self.files.push(FileContent {
                    path: path.to_owned(),
                    data: FileData::Records(Vec::new()),
                });
                self.files.len() - 1
            }
        };
        match &mut self.files[at].data {
            FileData::Records(records) => Ok(records),
            FileData::Binary(_) => Err(ContentError::Kind {
                path: path.to_owned(),
                what: "holds records, not a run of bytes",
            }),
        }
    }

    /// Checks every file, record and length against the profile. Absent elements are allowed: the card fills them (R20).
    ///
    /// # Errors
    /// [`ContentError`] naming the place.
    pub fn check(&self, profile: &Profile) -> Result<(), ContentError> {
        for (at, content) in self.files.iter().enumerate() {
            let file = profile
                .file(&content.path)
                .ok_or_else(|| ContentError::NoFile(content.path.clone()))?;
            if self.files[..at]
                .iter()
                .any(|other| other.path == content.path)
            {
                return Err(ContentError::Twice(content.path.clone()));
            }
            content.check(file)?;
        }
        Ok(())
    }

    /// One byte string per content, whatever order the files were given in: what the data hash is taken over.
    ///
    /// `"RHC-CONTENT-1" ‖ files(4) ‖ per file, by path: len(2) path ‖ kind(1) ‖ parts(4) ‖ per part: len(4) bytes`,
    /// integers big-endian, kind 00 records, 01 binary.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut files: Vec<&FileContent> = self.files.iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut out = b"RHC-CONTENT-1".to_vec();
        put_len(&mut out, files.len());
        for file in files {
            // Paths come from profiles and are a few characters long; the cast cannot wrap for a checked content.
            out.extend_from_slice(&(file.path.len() as u16).to_be_bytes());
            out.extend_from_slice(file.path.as_bytes());
            let (kind, parts) = match &file.data {
                FileData::Records(records) => (0, records.as_slice()),
                FileData::Binary(bytes) => (1, std::slice::from_ref(bytes)),
            };
            out.push(kind);
            put_len(&mut out, parts.len());
            for part in parts {
                put_len(&mut out, part.len());
                out.extend_from_slice(part);
            }
        }
        out
    }
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as u32).to_be_bytes());
}

impl FileContent {
    #[must_use]
    pub fn records(&self) -> Option<&[Vec<u8>]> {
        match &self.data {
            FileData::Records(records) => Some(records),
            FileData::Binary(_) => None,
        }
    }

    fn check(&self, file: &File) -> Result<(), ContentError> {
        let kind = |what| ContentError::Kind {
            path: self.path.clone(),
            what,
        };
        let room = |there, room| ContentError::TooMuch {
            path: self.path.clone(),
            there,
            room,
        };
        match &self.data {
            FileData::Binary(_) if file.kind != FileKind::Binary => {
                Err(kind("holds records, not a run of bytes"))
            }
            FileData::Binary(bytes) if bytes.len() > file.size => Err(room(bytes.len(), file.size)),
            FileData::Binary(_) => Ok(()),
            FileData::Records(_) if file.kind == FileKind::Binary => {
                Err(kind("is one run of bytes, not records"))
            }
            FileData::Records(records) if records.len() > file.records => {
                Err(room(records.len(), file.records))
            }
            FileData::Records(records) => self.check_records(file, records),
        }
    }

    fn check_records(&self, file: &File, records: &[Vec<u8>]) -> Result<(), ContentError> {
        let wrong = |at: usize, what: String| ContentError::Record {
            path: self.path.clone(),
            number: at + 1,
            what,
        };
        let mut last = 0;
        for (at, bytes) in records.iter().enumerate() {
            if file.kind != FileKind::Variable {
                if bytes.len() != file.size {
                    return Err(wrong(
                        at,
                        format!("{} bytes where {} are", bytes.len(), file.size),
                    ));
                }
                continue;
            }
            let record = tlv::parse(bytes).map_err(|e| wrong(at, e.to_string()))?;
            let (position, element) = file
                .position(record.tag)
                .ok_or_else(|| wrong(at, format!("tag {} is not of this file", record.tag)))?;
            if record.value.len() != element.len {
                return Err(wrong(
                    at,
                    format!("{} bytes where {} are", record.value.len(), element.len),
                ));
            }
            if position <= last {
                return Err(wrong(
                    at,
                    format!("tag {} again, or not in the profile's order", record.tag),
                ));
            }
            last = position;
        }
        Ok(())
    }
}

mod hex_records {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(records: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(records.iter().map(hex::encode))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts
            .iter()
            .map(|text| hex::decode(text).map_err(D::Error::custom))
            .collect()
    }
}

#[cfg(test)]
mod tests;
