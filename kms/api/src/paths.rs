//! The routes, in one place for server and client. What each takes and answers stands in the service's OpenAPI description.

/// POST, station: one user card's script.
pub const PERSONALISATIONS: &str = "/v1/cards/personalisations";
/// POST, station: the scripts of up to 32 user cards.
pub const PERSONALISATION_BATCH: &str = "/v1/cards/personalisation-batches";
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
/// POST, a lower tier's service: its request for keys.
pub const HAND_DOWN_REQUESTS: &str = "/v1/hand-downs/requests";
/// GET, a lower tier's service: the package that answers its request.
pub const HAND_DOWN_PACKAGE: &str = "/v1/hand-downs/{id}/package";
/// POST, a lower tier's service: its checkpoints, to be countersigned.
pub const COUNTERSIGNATURES: &str = "/v1/audit/countersignatures";
/// GET, officer, clerk or operator: requests that wait for signatures, and those carried out.
pub const APPROVALS: &str = "/v1/approvals";
/// GET, officer, clerk or operator: one that waits, as it is signed.
pub const APPROVAL: &str = "/v1/approvals/{id}";
/// POST, officer: the own signature for one that waits.
pub const APPROVAL_SIGNATURES: &str = "/v1/approvals/{id}/signatures";
/// GET, any enrolled peer: tier, mark, HSM reachable, audit length.
pub const STATUS: &str = "/v1/status";
/// GET, officer or clerk: the key table, never key bytes.
pub const KEYS: &str = "/v1/keys";
/// GET, officer, clerk or operator: tickets.
pub const TICKETS: &str = "/v1/tickets";
/// GET, officer, clerk or operator: hand-downs to lower tiers.
pub const HAND_DOWNS: &str = "/v1/hand-downs";
/// GET, officer, clerk or operator: other HSMs known here.
pub const PEERS: &str = "/v1/peers";
/// GET, officer, clerk or operator: certificates issued here.
pub const IDENTITIES: &str = "/v1/identities";
/// GET, any enrolled peer: the last row of the audit chain.
pub const AUDIT_HEAD: &str = "/v1/audit/head";
/// POST, the holder of a certificate that is good: the next one.
pub const RENEWALS: &str = "/v1/identities/renewals";
/// POST, whoever holds a one-time token, without a certificate, on the enrolment listener: the first certificate.
pub const ENROLMENTS: &str = "/v1/identities/enrolments";
/// GET, any enrolled peer: this description.
pub const OPENAPI: &str = "/v1/openapi.json";
/// GET, any enrolled peer: 200 while the service is up.
pub const HEALTH: &str = "/healthz";
/// GET, any enrolled peer: 200 when store and HSM answer, else 503.
pub const READY: &str = "/readyz";
