//! Asking for the scripts of a SAM, stage by stage (D43).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{CardState, Secret};

/// National stage, at the ministry's service: SMK_N, SMK_P, national roots, state 03.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SamNationalRequest {
    /// Drawn by the station; repeating it with the same body returns the same script.
    pub request_id: Uuid,
    /// SAM ticket of the ministry's service.
    pub ticket: String,
    /// Chip serial from the ATR (D7).
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{16}$")]
    pub chip_serial: [u8; 8],
    /// COS vendor code from the ATR.
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{4}$")]
    pub vendor: [u8; 2],
    /// COS version from the ATR.
    pub cos_version: u8,
    /// SAM type 1–5 (`sam.md` §4.5).
    pub sam_type: u8,
    /// Two province digits: whose SMK_P the SAM is to obey (D40).
    pub province: String,
    /// The SAM's answer to the probe.
    pub sam: CardState,
}

/// Provincial stage a, at the province's service: provincial roots and the key pair. The steps whose
/// [`crate::AnswerKind`] is `public-key` and `key-proof` answer what stage b wants.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SamProvincialKeysRequest {
    /// Drawn by the station; repeating it with the same body returns the same script.
    pub request_id: Uuid,
    /// SAM ticket of the province's service; stages a and b of one SAM spend one count together.
    pub ticket: String,
    /// Chip serial from the ATR (D7).
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{16}$")]
    pub chip_serial: [u8; 8],
    /// COS vendor code from the ATR.
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{4}$")]
    pub vendor: [u8; 2],
    /// COS version from the ATR.
    pub cos_version: u8,
    /// SAM type 1–5.
    pub sam_type: u8,
    /// SAM serial (D19, 20 digits) that the registry assigned to this chip serial.
    pub serial: String,
    /// The SAM's answer to the probe.
    pub sam: CardState,
}

/// What file 0016 says about the terminal the SAM is for (R67).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TerminalInfo {
    /// Prefecture, two digits.
    pub city: String,
    /// Running number, at most six digits.
    pub number: u32,
}

/// Provincial stage b, at the province's service: files 0015, 0016, 001A–001C, PIN, ACTIVATE.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SamProvincialFilesRequest {
    /// Drawn by the station; repeating it with the same body returns the same script.
    pub request_id: Uuid,
    /// The same ticket as in stage a.
    pub ticket: String,
    /// Chip serial from the ATR (D7).
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{16}$")]
    pub chip_serial: [u8; 8],
    /// COS vendor code from the ATR.
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{4}$")]
    pub vendor: [u8; 2],
    /// COS version from the ATR.
    pub cos_version: u8,
    /// SAM type 1–5.
    pub sam_type: u8,
    /// SAM serial (D19), the same as in stage a.
    pub serial: String,
    /// X‖Y as the SAM answered in stage a; certified in 001C.
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{128}$")]
    pub public_key: [u8; 64],
    /// r‖s as the SAM answered in stage a: proof that it holds the private half (P20).
    #[serde(with = "hex")]
    #[schema(value_type = String, pattern = "^[0-9A-Fa-f]{128}$")]
    pub key_proof: [u8; 64],
    /// Six decimal digits (D18).
    #[schema(value_type = String)]
    pub pin: Secret,
    /// File 0016.
    pub terminal: TerminalInfo,
    /// The SAM's answer to the probe.
    pub sam: CardState,
}
