//! What a key service lists: pages of rows, never a key byte, never a person.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// `next` of the page before; none for the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Rows at most (default 100).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u16>,
}

/// One page.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// Rows in order.
    pub items: Vec<T>,
    /// Cursor of the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A ticket. What it has left is as the HSM said with its latest script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketRow {
    /// Id, as requests name it.
    pub id: String,
    /// `card`, `sam-national`, `sam-provincial`.
    pub kind: String,
    /// How many.
    pub quantity: u64,
    /// How many are left; none before the first script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
    /// Who asked.
    pub requester: String,
    /// End of validity, UTC.
    pub valid_until: String,
    /// Where it stands.
    pub state: String,
}

/// A hand-down to a lower tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandDownRow {
    /// Id: that of the request.
    pub id: String,
    /// HSM that receives.
    pub receiver: String,
    /// Who brought the request here.
    pub requester: String,
    /// Where it stands.
    pub state: String,
}

/// Another HSM that is known here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerRow {
    /// Name here, `province-41`.
    pub name: String,
    /// `upper`, `lower`, `maker`.
    pub kind: String,
    /// What two people compared by voice, hexadecimal.
    pub fingerprint: String,
    /// Whether two officers confirmed it.
    pub confirmed: bool,
}

/// A certificate that this tier's authority issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityRow {
    /// Serial number, hexadecimal.
    pub serial: String,
    /// `rhc://4101/station/st1`.
    pub name: String,
    /// When it was issued, UTC.
    pub issued: String,
    /// Until when it is good, UTC; empty where it was issued before this was kept.
    pub expires: String,
    /// Since when it is not believed any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The last row of the audit chain: what a witness keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// Number of the row, and of rows.
    pub rows: u64,
    /// Its hash, hexadecimal.
    pub hash: String,
}

/// Whether the service can do its work now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// The store answers.
    pub store: bool,
    /// The HSM answers and carries the mark of the store.
    pub hsm: bool,
}
