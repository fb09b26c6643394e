//! Packages for SAMs in use (D12): what a key service makes for exactly one SAM and one opening of it, how it travels off line,
//! and what the SAM answers for a receipt.

use serde::{Deserialize, Serialize};

use crate::{CardState, Script};

/// Purpose under which packages are signed ([`kms_platform::notary`]).
pub const PURPOSE: &str = "rhc-sam-package-1";
/// Form of a receipt.
pub const RECEIPT: &str = "rhc-sam-receipt-1";

/// The text of a package; it travels signed. Its commands open under SMK_P of this one chip at this one counter.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamPackage {
    /// TEST, DEMO or PRODUCTION.
    pub mark: String,
    /// The rotation it belongs to.
    pub rotation: String,
    /// `add`, `retire`, `rekey`, `lock`, `unlock`, `destroy`.
    pub action: String,
    /// Chip serial, hexadecimal.
    pub chip_serial: String,
    /// SAM type.
    pub sam_type: u8,
    /// Counter that the SAM must stand at.
    pub counter: u32,
    /// The commands.
    pub script: Script,
    /// When it was made, UTC.
    pub at: String,
}

/// What the station brings back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamReceipt {
    /// [`RECEIPT`].
    pub format: String,
    /// The rotation.
    pub rotation: String,
    /// What was done.
    pub action: String,
    /// Chip serial, hexadecimal.
    pub chip_serial: String,
    /// Counter of the package.
    pub counter: u32,
    /// The SAM's answer to the opening after the work, 29 bytes in hexadecimal: its last eight nobody else can make. None from
    /// a SAM that was destroyed.
    pub opening: Option<String>,
}

/// What a SAM in a reader says of itself, for whoever makes packages: `rhc-station sam probe`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamProbe {
    /// Chip serial, hexadecimal.
    pub chip_serial: String,
    /// SAM serial (D19), from its public file.
    pub serial: String,
    /// SAM type, from its public file.
    pub sam_type: u8,
    /// Base key, counter, state.
    pub sam: CardState,
}
