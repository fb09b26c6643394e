//! Shapes of the profile's tables; field names are those of the TOML file.

use std::fmt;
use std::ops::Deref;

use serde::Deserialize;

pub use super::factor::FactorKind;
pub use crate::element::ElementType;

/// Bytes written as a hexadecimal string.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HexBytes(pub Vec<u8>);

impl TryFrom<String> for HexBytes {
    type Error = hex::FromHexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        hex::decode(text).map(Self)
    }
}

impl Deref for HexBytes {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(&self.0))
    }
}

/// What the loader counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    pub keys: usize,
    pub key_instances: usize,
    /// Most records of a record file.
    pub max_records: usize,
}

/// Algorithms and lengths in bytes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crypto {
    pub cipher: Cipher,
    pub hash: Hash,
    pub signature: Signature,
    /// Algorithm byte of key headers and certificates.
    pub algorithm: u8,
    pub block: usize,
    pub key: usize,
    pub challenge: usize,
    pub mac: usize,
    pub check_value: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cipher {
    Sm4,
    Aes128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hash {
    Sm3,
    Sha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    Sm2,
    EcdsaP256,
}

/// Sizes of the two certificates (D20, D21): fields ‖ public key ‖ signature.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    pub issuer: CertificateSize,
    pub sam: CertificateSize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateSize {
    pub kind: u8,
    pub fields: usize,
    pub key: usize,
    pub signature: usize,
    pub size: usize,
}

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
    /// Dictionary in [`super::codes`].
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
}

/// A visit record: data ‖ SAM signature ‖ SAM certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    pub name: String,
    pub title_zh: String,
    pub title_en: String,
    pub data: usize,
    pub signature: usize,
    pub certificate: usize,
    /// The index file whose record n tells whether file n holds a visit.
    pub index: String,
    #[serde(default)]
    pub elements: Vec<Element>,
}

/// Classes of table 10-2; also the kinds of right (R34).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyClass {
    Internal,
    Read,
    Update,
    Erase,
    Lock,
    Maintenance,
}

impl KeyClass {
    /// Whether EXTERNAL AUTHENTICATE takes keys of this class, and so whether they have an error counter.
    #[must_use]
    pub const fn authenticates(self) -> bool {
        matches!(self, Self::Read | Self::Update | Self::Erase | Self::Lock)
    }
}

/// Whose root a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The ministry's: any SAM of the country that has it opens any card.
    National,
    /// One province's.
    Provincial,
}

/// A key of the user card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub name: String,
    pub df: String,
    pub class: KeyClass,
    pub kid: u8,
    /// Number of versions, 0 upwards.
    pub groups: u8,
    pub scope: Scope,
    /// Derivation steps from the root downwards; their number is the SAM's level count.
    pub factors: Vec<FactorKind>,
    pub sam_usage: u8,
    pub sam_index: u8,
    /// Wrong authentications until a version blocks; 0 = no counter.
    pub error_limit: u8,
}

impl Key {
    /// Diversification levels from the key that a SAM holds to the card's.
    #[must_use]
    pub fn levels(&self) -> u8 {
        u8::try_from(self.factors.len()).unwrap_or(u8::MAX)
    }
}

/// A key beside the card's 21.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceKey {
    pub name: String,
    #[serde(rename = "use")]
    pub purpose: ServiceUse,
    pub scope: Scope,
    pub factors: Vec<FactorKind>,
    /// Key version in INITIALIZE UPDATE once this key is the base key of sessions.
    pub base_version: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceUse {
    SecurityCode,
    CardMaster,
    SamMaster,
}

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

/// A path's directory: `DDF1` of `DDF1/EF05`.
pub(super) fn directory(path: &str) -> &str {
    path.split_once('/').map_or("", |(directory, _)| directory)
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

impl SamFile {
    #[must_use]
    pub fn df(&self) -> &str {
        directory(&self.path)
    }
}
