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

/// A lower tier's request for keys, exactly as its file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandDownRequest {
    /// Its text.
    pub request: String,
}

/// A request that waits for its officers now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandDownOpened {
    /// Id of the request.
    pub hand_down: String,
    /// Name of the receiving HSM at the upper tier.
    pub receiver: String,
    /// SM3 of the request as two people compare it by voice.
    pub fingerprint: String,
}

/// A package, as the upper HSM signed it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its text.
    pub package: String,
}

/// All checkpoints of a record, exactly as the file of `rhc-kms audit checkpoint --out`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Checkpoints {
    /// Its text.
    pub checkpoints: String,
}

/// What a witness says of them, exactly as the file of `rhc-kms audit countersign --out`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Countersignature {
    /// Its text.
    pub countersignature: String,
}
