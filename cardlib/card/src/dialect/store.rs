//! Content cut into STORE DATA commands: several small records to a command, nothing that is all padding.

use zeroize::Zeroizing;

use super::builder::Builder;
use super::check::{self, TAG_SECURITY_CODE};
use super::template::Value;
use super::{DialectError, Segment};
use crate::content::{CardContent, FileContent, FileData};
use crate::element::ElementType;
use crate::profile::{File, FileKind, Profile};

/// Digits of the security code (D22).
pub(super) const SECURITY_CODE_DIGITS: u8 = 3;

/// Cuts content into commands of at most `max` bytes each.
pub(super) struct Store<'a> {
    pub(super) profile: &'a Profile,
    pub(super) max: usize,
    /// Which MAC text is the security code.
    pub(super) security_code: usize,
}

impl Store<'_> {
    /// Appends the commands for all of `content`, files in the profile's order.
    pub(super) fn append(
        &self,
        content: &CardContent,
        out: &mut Builder<'_>,
    ) -> Result<(), DialectError> {
        for file in &self.profile.files {
            if let Some(part) = content.files.iter().find(|part| part.path == file.path) {
                self.file(file, part, out)?;
            }
        }
        Ok(())
    }

    fn file(
        &self,
        file: &File,
        part: &FileContent,
        out: &mut Builder<'_>,
    ) -> Result<(), DialectError> {
        let fill = file.fill.unwrap_or(0);
        match (&part.data, file.kind) {
            (FileData::Binary(bytes), _) => self.binary(file, bytes, fill, out),
            (FileData::Records(_), FileKind::Variable) => self.variable(file, part, out),
            (FileData::Records(records), kind) => {
                for (number, record) in (1u16..)
                    .zip(records)
                    .filter(|(_, record)| !all(record, fill))
                {
                    let offset = if kind == FileKind::Fixed { number } else { 0 };
                    self.command(file, usize::from(offset), vec![literal(record)], out)?;
                }
                Ok(())
            }
        }
    }

    fn binary(
        &self,
        file: &File,
        bytes: &[u8],
        fill: u8,
        out: &mut Builder<'_>,
    ) -> Result<(), DialectError> {
        for (index, chunk) in bytes
            .chunks(self.max)
            .enumerate()
            .filter(|(_, chunk)| !all(chunk, fill))
        {
            self.command(file, index * self.max, vec![literal(chunk)], out)?;
        }
        Ok(())
    }

    fn variable(
        &self,
        file: &File,
        part: &FileContent,
        out: &mut Builder<'_>,
    ) -> Result<(), DialectError> {
        let mut pieces = Vec::new();
        let mut used = 0;
        for element in &file.elements {
            let Some(tag) = element.tag else { continue };
            let record = match check::value(part, tag) {
                _ if tag == TAG_SECURITY_CODE => {
                    vec![
                        literal(&[tag, SECURITY_CODE_DIGITS]),
                        Segment::MacText(self.security_code),
                    ]
                }
                Some(value) if !all(value, padding(element.kind)) => {
                    vec![literal(&[tag, length(file, value.len())?]), literal(value)]
                }
                _ => continue,
            };
            let len = element.len + 2;
            if used + len > self.max {
                self.command(file, 0, std::mem::take(&mut pieces), out)?;
                used = 0;
            }
            pieces.extend(record);
            used += len;
        }
        if pieces.is_empty() {
            Ok(())
        } else {
            self.command(file, 0, pieces, out)
        }
    }

    fn command(
        &self,
        file: &File,
        offset: usize,
        content: Vec<Segment>,
        out: &mut Builder<'_>,
    ) -> Result<(), DialectError> {
        let df = self
            .profile
            .df(file.df())
            .ok_or_else(|| DialectError::NoFile(file.path.clone()))?;
        let offset = u32::try_from(offset)
            .map_err(|_| DialectError::Mismatch(format!("{}: offset", file.path)))?;
        let values = vec![
            ("df", Value::Number(u32::from(df.fid))),
            ("fid", Value::Number(u32::from(file.fid))),
            ("offset", Value::Number(offset)),
            ("content", Value::Pieces(content)),
        ];
        out.command("store-data", values)
    }
}

/// What an element without value holds (R20).
fn padding(kind: ElementType) -> u8 {
    match kind {
        ElementType::Ans | ElementType::B => 0x00,
        ElementType::Cn => 0xFF,
    }
}

fn all(bytes: &[u8], byte: u8) -> bool {
    bytes.iter().all(|b| *b == byte)
}

fn literal(bytes: &[u8]) -> Segment {
    Segment::Literal(Zeroizing::new(bytes.to_vec()))
}

fn length(file: &File, len: usize) -> Result<u8, DialectError> {
    u8::try_from(len).map_err(|_| {
        DialectError::Mismatch(format!("{}: an element is longer than 255", file.path))
    })
}
