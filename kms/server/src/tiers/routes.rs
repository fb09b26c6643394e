//! Leases and receipts on line, between the services of two tiers.

use std::sync::Arc;

use axum::extract::State;
use kms_api::paths;
use kms_api::tiers::{Acknowledged, Lease, Nothing, Receipt};
use kms_platform::name::Peer;
use kms_platform::problem::{Json, Problem};
use utoipa_axum::router::OpenApiRouter;

use crate::http::openapi::Refused;
use crate::refusal::Refusal;
use crate::service::Service;

type Shared = State<Arc<Service>>;

/// The routes that lower tiers ask.
pub fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(utoipa_axum::routes!(lease))
        .routes(utoipa_axum::routes!(receipt))
}

/// Whoever asks and may not is refused by name, and that is recorded.
async fn door(service: &Service, operation: &str, peer: &Peer) -> Result<String, Refusal> {
    let admitted = match service.peer_may(operation, peer) {
        Ok(()) => service.lower_of(peer).await,
        Err(refusal) => Err(refusal),
    };
    match admitted {
        Ok(name) => Ok(name),
        Err(refusal) => Err(service
            .refused(&peer.to_string(), operation, "", refusal)
            .await),
    }
}

#[utoipa::path(
    post, path = paths::LEASES, tag = "tiers", operation_id = "lease", request_body = Nothing,
    responses((status = 200, body = Lease), (status = "default", response = Refused))
)]
/// A lease for the HSM of the lower tier that asks.
async fn lease(
    State(service): Shared,
    peer: Peer,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Json<Lease>, Problem> {
    let lower = door(&service, "lease.issue", &peer).await?;
    let lease = service.issue_lease(&peer.to_string(), &lower).await?;
    Ok(Json(Lease { lease }))
}

#[utoipa::path(
    post, path = paths::RECEIPTS, tag = "tiers", operation_id = "receipt", request_body = Receipt,
    responses((status = 200, body = Acknowledged), (status = "default", response = Refused))
)]
/// The receipt of a package, signed by the HSM of the lower tier that asks.
async fn receipt(
    State(service): Shared,
    peer: Peer,
    Json(body): Json<Receipt>,
) -> Result<Json<Acknowledged>, Problem> {
    door(&service, "receipt.take", &peer).await?;
    let hand_down = service
        .take_receipt(&peer.to_string(), &body.receipt)
        .await?;
    Ok(Json(Acknowledged { hand_down }))
}
