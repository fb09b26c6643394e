//! Requests that wait for officers' signatures.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalRow {
    /// Its id.
    pub id: String,
    /// Row of the policy table.
    pub operation: String,
    /// Who asks.
    pub asked_by: String,
    /// `pending` or `done`.
    pub state: String,
    /// When it was made, UTC.
    pub created: String,
    /// Until when signatures count, UTC.
    pub expires: String,
    /// Who has signed.
    pub signed: Vec<String>,
}

/// A request as an approver reads and signs it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// The canonical text: what is approved, and nothing else.
    pub text: String,
    /// SM3 of the text, hexadecimal; what is signed is `rhc-kms approves ` and this.
    pub sm3: String,
    /// The whole request with its orders and the signatures so far, exactly as the order file.
    pub order: String,
}

/// One person's signatures for a request, made on their own device.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedApproval {
    /// The request's id.
    pub request: String,
    /// Who signs: the holder of the certificate that speaks.
    pub officer: String,
    /// SM2 r‖s over `rhc-kms approves ` and the SM3 of the text.
    #[schema(pattern = "^[0-9A-Fa-f]{128}$")]
    pub signature: String,
    /// SM2 r‖s over each order's text, in their order.
    pub orders: Vec<String>,
}

/// Where a request stands after a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalStanding {
    /// It has all the signatures it needs.
    pub enough: bool,
}
