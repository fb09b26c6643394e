//! Codes of the personalisation dialect's descriptors and key headers (`docs/cos-dialect.md`).

use serde::Deserialize;

use super::file::FileKind;
use super::key::KeyClass;

/// Codes of the personalisation dialect's descriptors and key headers (`docs/cos-dialect.md`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialectCodes {
    pub name: String,
    pub file_types: FileTypeCodes,
    pub key_classes: KeyClassCodes,
    pub access: AccessCodes,
    pub flags: FlagCodes,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTypeCodes {
    pub df: u8,
    pub binary: u8,
    pub fixed: u8,
    pub variable: u8,
    pub cyclic: u8,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyClassCodes {
    pub internal: u8,
    pub read: u8,
    pub update: u8,
    pub erase: u8,
    pub lock: u8,
    pub maintenance: u8,
}

impl KeyClassCodes {
    #[must_use]
    pub fn code(&self, class: KeyClass) -> u8 {
        match class {
            KeyClass::Internal => self.internal,
            KeyClass::Read => self.read,
            KeyClass::Update => self.update,
            KeyClass::Erase => self.erase,
            KeyClass::Lock => self.lock,
            KeyClass::Maintenance => self.maintenance,
        }
    }
}

impl FileTypeCodes {
    #[must_use]
    pub fn code(&self, kind: FileKind) -> u8 {
        match kind {
            FileKind::Binary => self.binary,
            FileKind::Fixed => self.fixed,
            FileKind::Variable => self.variable,
            FileKind::Cyclic => self.cyclic,
        }
    }
}

/// Bytes that stand in a KID field where no key does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessCodes {
    pub free: u8,
    pub never: u8,
    /// In the maintenance field of a file whose updates carry neither cipher nor MAC.
    pub no_maintenance: u8,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagCodes {
    pub cipher_mac: u8,
    pub mac: u8,
    pub write_once: u8,
}
