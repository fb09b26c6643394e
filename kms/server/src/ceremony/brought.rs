//! What people bring into the room. A custodian's entry is made on the custodian's own machine (`rhc-kms ceremony enter`)
//! and is closed to everybody but the HSM; packages and back-ups are files whose digest the reviewed file names.

use std::path::PathBuf;

use kms_core::ceremony::plan::is_file;
use kms_core::ceremony::{Ceremony, CeremonyError};
use kms_core::port::{Entry, GivenShare};
use serde::{Deserialize, Serialize};

use crate::refusal::{self, Refusal, Result};
use crate::refuse;

const FORMAT: &str = "rhc-ceremony-entry-1";

/// A custodian's entry as a file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryFile {
    format: String,
    /// Of which ceremony.
    #[serde(with = "hex")]
    pub ceremony: [u8; 32],
    /// For the HSM.
    pub entry: Entry,
    /// The custodian's share of a back-up that is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
}

impl EntryFile {
    /// A new one.
    #[must_use]
    pub fn new(ceremony: [u8; 32], entry: Entry, share: Option<String>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            ceremony,
            entry,
            share,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is no entry.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let file: Option<Self> = serde_json::from_slice(text).ok();
        file.filter(|file| file.format == FORMAT).ok_or_else(|| {
            refuse!(
                &refusal::ENTRY,
                "not a file of rhc-kms ceremony enter",
                "不是 rhc-kms ceremony enter 生成的文件"
            )
        })
    }
}

/// Everything that was brought, and where results go.
#[derive(Default)]
pub struct Brought {
    /// Custodians' entries.
    pub entries: Vec<EntryFile>,
    /// Packages and back-ups, by their text.
    pub files: Vec<String>,
    /// Folder for shares, back-up and transcript.
    pub out: PathBuf,
}

impl Brought {
    /// Entries are of this ceremony, of different people, and of its custodians only.
    pub(crate) fn check(&self, name: &[u8; 32], ceremony: &Ceremony) -> Result<()> {
        let people = ceremony.custodians();
        for (at, file) in self.entries.iter().enumerate() {
            let custodian = &file.entry.custodian;
            let refused = |en: &str, zh: &str| {
                Err(Refusal::both(
                    &refusal::ENTRY,
                    format!("{custodian}: {en}"),
                    format!("{custodian}：{zh}"),
                ))
            };
            if file.ceremony != *name {
                return refused("made for another ceremony", "属于另一次仪式");
            }
            if !people.contains(&custodian.as_str()) {
                return refused("no custodian of this ceremony", "不是本仪式的保管人");
            }
            let earlier = self.entries.iter().take(at);
            if earlier
                .into_iter()
                .any(|other| other.entry.custodian == *custodian)
            {
                return refused("given twice", "重复给出");
            }
        }
        Ok(())
    }

    /// The entry of a custodian.
    pub(crate) fn entry(&self, custodian: &str) -> Result<Entry> {
        self.file_of(custodian).map(|file| file.entry.clone())
    }

    /// The share of a custodian, with the entry that opens it.
    pub(crate) fn share(&self, custodian: &str) -> Result<GivenShare> {
        let file = self.file_of(custodian)?;
        let share = file.share.clone().ok_or_else(|| {
            refuse!(
                &refusal::ENTRY,
                "{custodian} brought no share (ceremony enter --share)",
                "{custodian} 未带份额（ceremony enter --share）"
            )
        })?;
        Ok(GivenShare {
            share,
            entry: file.entry.clone(),
        })
    }

    fn file_of(&self, custodian: &str) -> Result<&EntryFile> {
        let mut files = self.entries.iter();
        files
            .find(|file| file.entry.custodian == custodian)
            .ok_or_else(|| {
                refuse!(
                    &refusal::ENTRY,
                    "{custodian} has entered nothing yet (rhc-kms ceremony enter)",
                    "{custodian} 尚未录入（rhc-kms ceremony enter）"
                )
            })
    }

    /// The file of this digest.
    pub(crate) fn file(&self, digest: &[u8; 32]) -> Result<&str> {
        let mut files = self.files.iter();
        let found = files.find(|text| is_file(text.as_bytes(), digest));
        let name = hex::encode_upper(digest);
        found.map(String::as_str).ok_or_else(|| {
            CeremonyError::Sense(format!("the file with SM3 {name} was not brought (--file)"))
                .into()
        })
    }
}
