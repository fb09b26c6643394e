//! The SAM's files and types.

use serde::Deserialize;

use super::directory;
use super::file::Element;

/// The SAM's files and types.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sam {
    pub df: SamDf,
    #[serde(rename = "file")]
    pub files: Vec<SamFile>,
    #[serde(rename = "type")]
    pub types: Vec<SamType>,
}

/// The SAM's one application directory, without name (R1).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamDf {
    pub name: String,
    pub fid: u16,
}

/// A transparent file of the SAM: free to read, never writable (R55).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamFile {
    pub path: String,
    pub fid: u16,
    pub size: usize,
    pub title_zh: String,
    pub title_en: String,
    #[serde(default)]
    pub elements: Vec<Element>,
}

/// Which keys a SAM of this type holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamType {
    pub number: u8,
    pub title_zh: String,
    pub title_en: String,
    pub keys: Vec<String>,
}

impl SamFile {
    #[must_use]
    pub fn df(&self) -> &str {
        directory(&self.path)
    }
}
