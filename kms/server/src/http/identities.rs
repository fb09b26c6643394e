//! TLS certificates over HTTP: renewal over mutual TLS; enrolment by a one-time token on a listener of its own, where only
//! the server proves who it is.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use kms_api::{EnrolmentRequest, IdentityAnswer, RenewalRequest, paths};
use kms_platform::name::Peer;
use kms_platform::problem::Json;

use super::{Answer, Shared, answer};
use crate::service::Service;

#[utoipa::path(
    post, path = paths::RENEWALS, tag = "identities", operation_id = "renew",
    request_body = RenewalRequest,
    responses((status = 200, body = IdentityAnswer), (status = "default", response = super::openapi::Refused))
)]
/// The next certificate, for the name of the one that asks and a fresh key. One key gets one certificate: the same request
/// again brings the same answer.
pub(super) async fn renew(
    State(service): Shared,
    peer: Peer,
    Json(body): Json<RenewalRequest>,
) -> Answer<IdentityAnswer> {
    answer(service.renew(&peer, &body.csr).await)
}

/// The listener for whoever has no certificate yet.
pub fn enrolment_router(service: Arc<Service>) -> Router {
    Router::new()
        .route(paths::ENROLMENTS, post(enrol))
        .with_state(service)
}

#[utoipa::path(
    post, path = paths::ENROLMENTS, tag = "identities", operation_id = "enrol", security(()),
    request_body = EnrolmentRequest,
    responses((status = 200, body = IdentityAnswer), (status = "default", response = super::openapi::Refused))
)]
/// The first certificate, for a one-time token; only on the enrolment listener (`serve --enrol`), over TLS that the server
/// alone proves. The same request again brings the same answer while the token is good.
pub(super) async fn enrol(
    State(service): Shared,
    Json(body): Json<EnrolmentRequest>,
) -> Answer<IdentityAnswer> {
    answer(service.enrol(body.token.expose(), &body.csr).await)
}
