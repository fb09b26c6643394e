//! Getting a TLS certificate: the first by a one-time token, the next by the one that is held.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;

/// `POST /v1/identities/enrolments`, over TLS that only the server proves. No `Debug`: it carries the token.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// As `rhc-kms identity token` printed it.
    #[schema(value_type = String)]
    pub token: Secret,
    /// Certificate request (PKCS #10, PEM) for a P-256 key and the name that the token was made for.
    #[schema(max_length = 8192)]
    pub csr: String,
}

/// `POST /v1/identities/renewals`, over mutual TLS: for the name of the certificate that asks, and a fresh key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewalRequest {
    /// Certificate request (PKCS #10, PEM).
    #[schema(max_length = 8192)]
    pub csr: String,
}

/// A certificate made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityAnswer {
    /// Own certificate first, PEM, without the root.
    pub chain: String,
    /// The roots to be trusted, PEM.
    pub anchors: String,
    /// Until when it is good, UTC.
    pub expires: String,
}
