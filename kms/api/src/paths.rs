//! The routes, in one place for server and client.

/// POST, station: one user card's script.
pub const PERSONALISATIONS: &str = "/v1/cards/personalisations";
/// POST, station, ministry's service: national stage of a SAM.
pub const SAM_NATIONAL: &str = "/v1/sams/national";
/// POST, station, province's service: provincial keys and key pair of a SAM.
pub const SAM_PROVINCIAL_KEYS: &str = "/v1/sams/provincial-keys";
/// POST, station, province's service: files, PIN and activation of a SAM.
pub const SAM_PROVINCIAL_FILES: &str = "/v1/sams/provincial-files";
/// POST, a lower tier's service: a lease for its HSM.
pub const LEASES: &str = "/v1/leases";
/// POST, a lower tier's service: its HSM's receipt of a package.
pub const RECEIPTS: &str = "/v1/receipts";
/// GET, any enrolled peer: tier, mark, HSM reachable, audit length.
pub const STATUS: &str = "/v1/status";
/// GET, officer or clerk: the key table, never key bytes.
pub const KEYS: &str = "/v1/keys";
/// GET, any enrolled peer: 200 while the service is up.
pub const HEALTH: &str = "/health";
