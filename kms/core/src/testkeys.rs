//! Labels of the public test hierarchy (D31–D42), for `--test-keys` in a TEST store only.
//!
//! The HSM computes keys from labels; their bytes never pass through the key service.

/// D31: national root of key `name`, version `version`.
#[must_use]
pub fn national_root(name: &str, version: u8) -> String {
    format!("RHC-TEST-{name}-v{version}")
}

/// D32: provincial root of a one-level key; also CVK (R60) and CMK (D39).
#[must_use]
pub fn provincial_root(province: &str, name: &str, version: u8) -> String {
    format!("RHC-TEST-{province}-{name}-v{version}")
}

/// D34, D41: what the test maker's transport keys are diversified from.
pub const TRANSPORT: &str = "RHC-TEST-TRANSPORT";

/// D33: the ministry's SM2 root key pair.
pub const SM2_ROOT: &str = "RHC-TEST-SM2-ROOT";

/// D36: a province's SM2 issuer key pair.
#[must_use]
pub fn sm2_issuer(province: &str) -> String {
    format!("RHC-TEST-SM2-ISSUER-{province}")
}

/// D37: a SAM's SM2 key pair, from its 20 serial digits.
#[must_use]
pub fn sm2_sam(serial: &str) -> String {
    format!("RHC-TEST-SM2-SAM-{serial}")
}
