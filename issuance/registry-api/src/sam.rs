//! SAMs: a serial before the provincial stage, registration after it (D19, D43).

use std::fmt;
use std::str::FromStr;

use kms_platform::mark::Mark;
use serde::{Deserialize, Serialize};

use crate::serial::{Invalid, SamSerialNumber, checked_text, is_upper_hex};

checked_text!(
    /// The chip serial a SAM shows in its answer to reset (D7): 16 upper-case hexadecimal digits.
    ChipSerial,
    "chip serial",
    "16 upper-case hexadecimal digits",
    |text| is_upper_hex(text, 16)
);

/// Asks for the serial of a SAM; the same for the same chip, type and area, however often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamSerialRequest {
    pub chip_serial: ChipSerial,
    /// 1 to 5.
    pub sam_type: u8,
    /// Two digits (a province's SAM), four or six: province and prefecture go into the serial.
    pub area: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamSerial {
    pub serial: SamSerialNumber,
    pub state: SamState,
    pub mark: Mark,
}

/// Tells that a SAM is active; a repeat with the same certificate changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamRegistrationRequest {
    pub serial: SamSerialNumber,
    pub chip_serial: ChipSerial,
    /// The SAM certificate (D21, 190 bytes) in hexadecimal; its serial and its mark must be the right ones.
    pub certificate: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamState {
    Reserved,
    Active,
}

impl SamState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SamState::Reserved => "reserved",
            SamState::Active => "active",
        }
    }
}

/// A SAM as the registry knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamView {
    pub serial: SamSerialNumber,
    pub chip_serial: ChipSerial,
    pub sam_type: u8,
    pub area: String,
    pub state: SamState,
    pub since: String,
    pub mark: Mark,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}
