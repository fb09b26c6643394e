//! What a key service tells about itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/status`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ServiceStatus {
    /// `ministry`, `province` or `prefecture`.
    pub tier: String,
    /// Area digits (`""`, `41`, `4101`).
    pub area: String,
    /// `test`, `demo` or `production` (D38).
    pub mark: String,
    /// Whether the HSM answered just now and with the same mark.
    pub hsm_ready: bool,
    /// Keys in state active.
    pub active_keys: u64,
    /// Rows of the audit log.
    pub audit_rows: u64,
    /// Version of the program.
    pub version: String,
}

/// `GET /v1/keys`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyTable {
    /// Mark of the store (D38).
    pub mark: String,
    /// One row per key version held, by name and version.
    pub keys: Vec<KeyRow>,
    /// Cursor of the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One key version; never key bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyRow {
    /// Id in service and HSM, `RK1_DDF1/1`.
    pub id: String,
    /// Key name.
    pub name: String,
    /// Version.
    pub version: u8,
    /// Tier whose key this is: `ministry` for a root, `province` once derived by province factor.
    pub tier: String,
    /// Factor applied so far in hex (D3), empty for a root.
    pub factor: String,
    /// Check value (D8), three bytes in hex; empty for a key pair.
    pub check_value: String,
    /// `active`, …
    pub state: String,
}
