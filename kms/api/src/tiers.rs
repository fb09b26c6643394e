//! What the services of two tiers say to each other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An empty object.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A lease, as the upper HSM signed it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Its text.
    pub lease: String,
}

/// A receipt, as the lower HSM signed it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Its text.
    pub receipt: String,
}

/// The hand-down that a receipt ends.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    /// Id of its request.
    pub hand_down: String,
}
