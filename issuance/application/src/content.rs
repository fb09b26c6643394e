//! Applicant and issuer become everything that is written on one card (application specification §4, R20–R26, R75).
//!
//! Every element of every record file is there, absent values as padding, except 安全码 (tag 09), which only an HSM can
//! compute (D22); the key service adds it.

use cardlib_card::content::{CardContent, ContentError, FileContent, FileData};
use cardlib_card::element;
use cardlib_card::profile::{File, FileKind, Profile};
use jiff::civil::Date;

use crate::applicant::Applicant;
use crate::date;
use crate::layout::{ALLERGIES, VACCINATIONS};

/// What a card says about its issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// 发卡机构名称, at most 30 bytes.
    pub issuer_name: String,
    /// 发卡机构代码 (D24), 16 digits.
    pub issuer_code: String,
    /// 发卡机构证书 (D20).
    pub issuer_certificate: Vec<u8>,
    /// 发卡时间.
    pub issued: Date,
    /// 应用城市代码, six digits.
    pub area: String,
    /// 发卡序列号 (D23), from the registry.
    pub serial: String,
}

/// 卡的类别 of a formal card (R23).
const FORMAL: &str = "1";
const SECURITY_CODE: u8 = 9;
const CERTIFICATE: u8 = 5;
const PHOTO: &str = "DDF1/EF07";
const INDEXES: [&str; 2] = ["DF03/EF05", "DF03/EF06"];

/// Prepares the content of one card.
///
/// # Errors
/// What does not fit the profile, by tag or file.
pub fn prepare(
    applicant: &Applicant,
    issue: &Issue,
    profile: &Profile,
) -> Result<CardContent, ContentError> {
    let mut content = CardContent::default();
    let issued = date::compact(issue.issued);
    for file in &profile.files {
        match file.kind {
            FileKind::Variable => {
                for tag in file.elements.iter().filter_map(|element| element.tag) {
                    match tag {
                        SECURITY_CODE => {}
                        CERTIFICATE => content.set(profile, tag, &issue.issuer_certificate)?,
                        _ => content.set_text(
                            profile,
                            tag,
                            value(tag, applicant, issue, &issued, profile),
                        )?,
                    }
                }
            }
            FileKind::Cyclic => content.files.push(records(file, cyclic(file, applicant)?)),
            FileKind::Fixed if INDEXES.contains(&file.path.as_str()) => {
                let empty = vec![file.fill.unwrap_or(0xFF); file.size];
                content.files.push(records(file, vec![empty; file.records]));
            }
            FileKind::Binary if file.path == PHOTO => {
                content.files.push(FileContent {
                    path: file.path.clone(),
                    data: FileData::Binary(photo(applicant)),
                });
            }
            FileKind::Fixed | FileKind::Binary => {}
        }
    }
    content.check(profile)?;
    Ok(content)
}

/// The text of an element; empty for an absent one.
fn value<'a>(
    tag: u8,
    applicant: &'a Applicant,
    issue: &'a Issue,
    issued: &'a str,
    profile: &'a Profile,
) -> &'a str {
    match tag {
        1 => FORMAL,
        2 => &profile.assumed.spec_version.value,
        3 => &issue.issuer_name,
        4 => &issue.issuer_code,
        6 => issued,
        8 => applicant.number().as_str(),
        10 => &issue.serial,
        57 => &issue.area,
        _ => applicant.elements.get(&tag).map_or("", String::as_str),
    }
}

fn records(file: &File, records: Vec<Vec<u8>>) -> FileContent {
    FileContent {
        path: file.path.clone(),
        data: FileData::Records(records),
    }
}

/// Records of a cyclic file, oldest first: the form's first allergy and the latest vaccination become record 1 (R19).
fn cyclic(file: &File, applicant: &Applicant) -> Result<Vec<Vec<u8>>, ContentError> {
    match file.path.as_str() {
        ALLERGIES => applicant
            .allergies
            .iter()
            .rev()
            .map(|(substance, reaction)| record(file, [substance, reaction]))
            .collect(),
        VACCINATIONS => {
            let mut list: Vec<_> = applicant.vaccinations.iter().collect();
            list.sort_by_key(|(_, day)| *day);
            list.into_iter()
                .map(|(name, day)| record(file, [name, &date::compact(*day)]))
                .collect()
        }
        _ => Ok(Vec::new()),
    }
}

fn record(file: &File, values: [&str; 2]) -> Result<Vec<u8>, ContentError> {
    let mut bytes = Vec::with_capacity(file.size);
    for (element, value) in file.elements.iter().zip(values) {
        let what = |cause: element::ElementError| ContentError::Record {
            path: file.path.clone(),
            number: 0,
            what: cause.to_string(),
        };
        bytes.extend(element::encode(element.kind, element.len, value).map_err(what)?);
    }
    Ok(bytes)
}

/// Two bytes of length and the JPEG (R75); 0000 without one.
fn photo(applicant: &Applicant) -> Vec<u8> {
    // A photograph is at most 3,072 bytes (photo::check), so its length fits two bytes.
    let length = u16::try_from(applicant.photo.len()).unwrap_or(0);
    [&length.to_be_bytes()[..], &applicant.photo].concat()
}
