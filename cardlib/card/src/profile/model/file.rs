//! Directories, files, elements and visit layouts of the user card.

use serde::Deserialize;

use super::{HexBytes, directory};
use crate::element::ElementType;

/// A directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Df {
    pub name: String,
    pub fid: u16,
    /// Name of the directory above; none for the MF.
    pub parent: Option<String>,
    /// DF name or AID for SELECT by name.
    pub df_name: Option<HexBytes>,
    pub title_zh: String,
    pub title_en: String,
    pub block: BlockRule,
}

/// How a directory's application can become blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockRule {
    /// MF: CARD BLOCK only; wrong MACs are not counted (R40).
    Card,
    /// By wrong MACs only (R39).
    MacErrors,
    /// By wrong MACs and by APPLICATION BLOCK.
    Command,
    /// Another application's directory: it can be selected, and every command of the health application is refused
    /// there (P6).
    Foreign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    Binary,
    Fixed,
    Variable,
    Cyclic,
}

/// Who may do something to a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Access {
    Free,
    Never,
    /// After external authentication with this key.
    Key(String),
}

impl From<String> for Access {
    fn from(text: String) -> Self {
        match text.as_str() {
            "free" => Self::Free,
            "never" => Self::Never,
            _ => Self::Key(text),
        }
    }
}

impl Access {
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Key(name) => Some(name),
            _ => None,
        }
    }

    const fn never() -> Self {
        Self::Never
    }
}

/// What an update of a file must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecureMessaging {
    #[default]
    None,
    /// WRITE and ERASE RECORD with a MAC.
    Mac,
    /// UPDATE RECORD with cipher text and MAC.
    CipherMac,
}

/// How READ RECORD finds a record (R17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordAddress {
    /// P2 = 04: the position, from 1.
    #[default]
    Position,
    /// P2 = 00: the tag; P2 = 04: the position.
    TagOrPosition,
}

/// An elementary file of the user card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Directory and file, such as `DDF1/EF05`.
    pub path: String,
    pub fid: u16,
    pub kind: FileKind,
    /// Bytes of a binary file, or of one record in fixed and cyclic files; 0 in variable files.
    #[serde(default)]
    pub size: usize,
    /// Number of records; 0 in binary files.
    #[serde(default)]
    pub records: usize,
    pub title_zh: String,
    pub title_en: String,
    pub read: Access,
    pub update: Access,
    #[serde(default = "Access::never")]
    pub erase: Access,
    /// Key of cipher and MAC.
    pub maintenance: Option<String>,
    #[serde(default)]
    pub secure_messaging: SecureMessaging,
    #[serde(default)]
    pub write_once: bool,
    #[serde(default)]
    pub address: RecordAddress,
    /// What never written bytes hold, where elements do not say (R25).
    pub fill: Option<u8>,
    /// The visit record layout that it holds.
    pub layout: Option<String>,
    #[serde(default)]
    pub elements: Vec<Element>,
}

/// A data element.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// The number in the specification's tables; none inside cyclic records and SAM files.
    pub tag: Option<u8>,
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

/// What the digits of an element mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    #[default]
    Plain,
    /// YYYYMMDD (R24).
    Date,
    /// YYYYMMDDhhmmss (R24).
    DateTime,
    /// A whole number without leading zeros (R77).
    Count,
    /// An amount in fen without leading zeros (R24).
    Money,
}

impl File {
    #[must_use]
    pub fn df(&self) -> &str {
        directory(&self.path)
    }

    /// Whether it is read and written by record.
    #[must_use]
    pub fn has_records(&self) -> bool {
        self.kind != FileKind::Binary
    }
}
