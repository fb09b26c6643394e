//! The 52 bytes that both kinds of certificate begin with, and the mark they carry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::CertificateError;
use crate::gm::sm2;
use crate::profile::Signature;
use crate::suite;

/// Length of the common part.
pub(super) const COMMON_LEN: usize = 52;
/// Where the key's algorithm stands.
pub(super) const ALGORITHM_AT: usize = 30;
const FORMAT: u8 = 0x01;
const ALGORITHM_SM2: u8 = 0x04;
const ALGORITHM_P256: u8 = 0x05;

/// A public key that a certificate can hold: which algorithm bytes it goes with (D20, D46), and what it can verify.
pub trait CertificateKey: Sized {
    /// The algorithm byte of its certificates.
    fn algorithm(&self) -> u8;
    /// The key of X ‖ Y under an algorithm byte; `None` for bytes that this type does not take and for no point.
    fn from_parts(algorithm: u8, xy: &[u8]) -> Option<Self>;
    /// Whether this type takes the algorithm byte.
    fn takes(algorithm: u8) -> bool;
    /// X ‖ Y.
    fn xy(&self) -> [u8; 64];
    /// Whether a signature over a message is this key's.
    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool;
}

impl CertificateKey for sm2::VerifyingKey {
    fn algorithm(&self) -> u8 {
        ALGORITHM_SM2
    }
    fn from_parts(algorithm: u8, xy: &[u8]) -> Option<Self> {
        Self::from_bytes(xy).ok().filter(|_| Self::takes(algorithm))
    }
    fn takes(algorithm: u8) -> bool {
        algorithm == ALGORITHM_SM2
    }
    fn xy(&self) -> [u8; 64] {
        self.to_bytes()
    }
    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify_message(message, signature).is_ok()
    }
}

/// Whichever algorithm the certificate names.
impl CertificateKey for suite::VerifyingKey {
    fn algorithm(&self) -> u8 {
        match self {
            Self::Sm2(_) => ALGORITHM_SM2,
            Self::P256(_) => ALGORITHM_P256,
        }
    }
    fn from_parts(algorithm: u8, xy: &[u8]) -> Option<Self> {
        let algorithm = match algorithm {
            ALGORITHM_SM2 => Signature::Sm2,
            ALGORITHM_P256 => Signature::EcdsaP256,
            _ => return None,
        };
        Self::from_bytes(algorithm, xy).ok()
    }
    fn takes(algorithm: u8) -> bool {
        matches!(algorithm, ALGORITHM_SM2 | ALGORITHM_P256)
    }
    fn xy(&self) -> [u8; 64] {
        self.to_bytes()
    }
    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify_message(message, signature).is_ok()
    }
}

/// The world a key, certificate or list belongs to, from birth to destruction (D38).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mark {
    /// Public keys that anyone can compute.
    Test,
    /// Random keys, simulators, synthetic persons.
    Demo,
    /// The real thing.
    Production,
}

impl Mark {
    /// The root key index byte of D20.
    #[must_use]
    pub fn root_key_index(self) -> u8 {
        match self {
            Self::Production => 0x01,
            Self::Demo => 0xFE,
            Self::Test => 0xFF,
        }
    }

    /// The 20 free bytes of D20.
    fn free_bytes(self) -> [u8; 20] {
        let mut bytes = [0u8; 20];
        match self {
            Self::Production => {}
            Self::Demo => bytes[..4].copy_from_slice(b"DEMO"),
            Self::Test => bytes[..4].copy_from_slice(b"TEST"),
        }
        bytes
    }

    fn from_bytes(index: u8, free: &[u8]) -> Option<Self> {
        [Self::Test, Self::Demo, Self::Production]
            .into_iter()
            .find(|mark| {
                let wanted = mark.free_bytes();
                let head = if *mark == Self::Production { 20 } else { 4 };
                mark.root_key_index() == index && free.get(..head) == wanted.get(..head)
            })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Test => "TEST",
            Self::Demo => "DEMO",
            Self::Production => "PRODUCTION",
        })
    }
}

impl FromStr for Mark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "TEST" => Ok(Self::Test),
            "DEMO" => Ok(Self::Demo),
            "PRODUCTION" => Ok(Self::Production),
            _ => Err(format!("'{text}' is no mark: use test, demo or production")),
        }
    }
}

/// What both kinds say about themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateBody {
    /// 发卡机构代码 of the issuer (D24, R59), also in a SAM's certificate.
    pub issuer_code: [u8; 11],
    /// Serial number of the certificate, big-endian.
    pub serial: u64,
    /// First day, cn4 `YYYYMMDD`.
    pub valid_from: [u8; 4],
    /// Last day, cn4 `YYYYMMDD`.
    pub valid_to: [u8; 4],
    /// TEST, DEMO or PRODUCTION.
    pub mark: Mark,
}

impl CertificateBody {
    /// Whether a cn4 day lies within the two dates.
    #[must_use]
    pub fn is_valid_on(&self, day: [u8; 4]) -> bool {
        // BCD dates of equal length order as numbers do.
        self.valid_from <= day && day <= self.valid_to
    }

    pub(super) fn encode(&self, kind: u8, algorithm: u8) -> [u8; COMMON_LEN] {
        let mut out = [0u8; COMMON_LEN];
        out[0] = FORMAT;
        out[1] = kind;
        out[2..13].copy_from_slice(&self.issuer_code);
        out[13..21].copy_from_slice(&self.serial.to_be_bytes());
        out[21..25].copy_from_slice(&self.valid_from);
        out[25..29].copy_from_slice(&self.valid_to);
        out[29] = algorithm;
        out[30] = algorithm;
        out[31] = self.mark.root_key_index();
        out[32..52].copy_from_slice(&self.mark.free_bytes());
        out
    }

    /// The fields, for a certificate whose key is a `K`; the algorithm byte stands at [`ALGORITHM_AT`].
    pub(super) fn decode<K: CertificateKey>(
        bytes: &[u8; COMMON_LEN],
        kind: u8,
    ) -> Result<Self, CertificateError> {
        let field = |ok: bool, field| {
            if ok {
                Ok(())
            } else {
                Err(CertificateError::Field { field })
            }
        };
        field(bytes[0] == FORMAT, "format")?;
        field(bytes[1] == kind, "kind")?;
        field(K::takes(bytes[ALGORITHM_AT]), "key algorithm")?;
        field(bytes[29] == bytes[ALGORITHM_AT], "signature algorithm")?;
        field(is_bcd(&bytes[21..29]), "validity")?;
        let mark = Mark::from_bytes(bytes[31], &bytes[32..]).ok_or(CertificateError::Field {
            field: "root key index and mark",
        })?;
        let mut body = Self {
            issuer_code: [0; 11],
            serial: 0,
            valid_from: [0; 4],
            valid_to: [0; 4],
            mark,
        };
        body.issuer_code.copy_from_slice(&bytes[2..13]);
        let mut serial = [0; 8];
        serial.copy_from_slice(&bytes[13..21]);
        body.serial = u64::from_be_bytes(serial);
        body.valid_from.copy_from_slice(&bytes[21..25]);
        body.valid_to.copy_from_slice(&bytes[25..29]);
        Ok(body)
    }
}

fn is_bcd(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| b >> 4 < 10 && b & 15 < 10)
}

/// Refuses a certificate of another world.
pub(super) fn require_mark(expected: Mark, found: Mark) -> Result<(), CertificateError> {
    if expected == found {
        Ok(())
    } else {
        Err(CertificateError::Mark { expected, found })
    }
}
