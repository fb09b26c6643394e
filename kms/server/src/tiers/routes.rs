//! Hand-downs, leases and countersignatures on line, between the services of two tiers. What is said are the very documents
//! that otherwise travel as files.

use std::sync::Arc;

use axum::extract::State;
use kms_api::paths;
use kms_api::tiers::{
    Acknowledged, Checkpoints, Countersignature, HandDownOpened, HandDownRequest, Lease, Nothing,
    Package, Receipt,
};
use kms_core::handdown::Holder;
use kms_platform::name::Peer;
use kms_platform::problem::{Json, Path, Problem};
use utoipa_axum::router::OpenApiRouter;

use super::hand_down::spoken_fingerprint;
use crate::http::openapi::Refused;
use crate::records::peers;
use crate::refusal::{self, Refusal};
use crate::service::Service;

type Shared = State<Arc<Service>>;

/// The routes that lower tiers ask.
pub fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(utoipa_axum::routes!(lease))
        .routes(utoipa_axum::routes!(receipt))
        .routes(utoipa_axum::routes!(hand_down_request))
        .routes(utoipa_axum::routes!(hand_down_package))
        .routes(utoipa_axum::routes!(countersignature))
}

/// Whoever asks and may not is refused by name, and that is recorded.
async fn door(service: &Service, operation: &str, peer: &Peer) -> Result<peers::Peer, Refusal> {
    let admitted = match service.peer_may(operation, peer) {
        Ok(()) => service.lower_of(peer).await,
        Err(refusal) => Err(refusal),
    };
    match admitted {
        Ok(lower) => Ok(lower),
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
    let lease = service.issue_lease(&peer.to_string(), &lower.name).await?;
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
    let lower = door(&service, "receipt.take", &peer).await?;
    let hand_down = service
        .take_receipt(&peer.to_string(), &body.receipt, Some(&lower.name))
        .await?;
    Ok(Json(Acknowledged { hand_down }))
}

#[utoipa::path(
    post, path = paths::HAND_DOWN_REQUESTS, tag = "tiers", operation_id = "handDownRequest",
    request_body = HandDownRequest,
    responses((status = 200, body = HandDownOpened), (status = "default", response = Refused))
)]
/// The request for keys of the lower tier that asks. It waits here until two officers approve it.
async fn hand_down_request(
    State(service): Shared,
    peer: Peer,
    Json(body): Json<HandDownRequest>,
) -> Result<Json<HandDownOpened>, Problem> {
    let lower = door(&service, "grant.open", &peer).await?;
    let text = body.request.as_bytes();
    let grant = service
        .open_grant(text, &peer.to_string(), Some(&lower.name))
        .await?;
    Ok(Json(HandDownOpened {
        hand_down: grant.id,
        receiver: grant.receiver,
        fingerprint: spoken_fingerprint(text),
    }))
}

#[utoipa::path(
    get, path = paths::HAND_DOWN_PACKAGE, tag = "tiers", operation_id = "handDownPackage",
    params(("id" = String, Path, description = "Id of the request")),
    responses((status = 200, body = Package), (status = "default", response = Refused))
)]
/// The package that answers a request of the lower tier that asks, once two officers approved it.
async fn hand_down_package(
    State(service): Shared,
    peer: Peer,
    Path(id): Path<String>,
) -> Result<Json<Package>, Problem> {
    let lower = door(&service, "grant.fetch", &peer).await?;
    // Ids are UUIDs: nothing else reaches the record.
    let id = uuid::Uuid::parse_str(&id)
        .map_err(|_| Refusal::new(&refusal::UNKNOWN))?
        .to_string();
    let package = service
        .fetched_package(&peer.to_string(), &lower.name, &id)
        .await?;
    Ok(Json(Package { package }))
}

#[utoipa::path(
    post, path = paths::COUNTERSIGNATURES, tag = "tiers", operation_id = "countersignature",
    request_body = Checkpoints,
    responses((status = 200, body = Countersignature), (status = "default", response = Refused))
)]
/// The checkpoints of the lower tier that asks, countersigned if they continue those seen before.
async fn countersignature(
    State(service): Shared,
    peer: Peer,
    Json(body): Json<Checkpoints>,
) -> Result<Json<Countersignature>, Problem> {
    let lower = door(&service, "audit.countersign", &peer).await?;
    let tier = match &lower.file.holder {
        Holder::Tier(tier) => tier.to_string(),
        Holder::Maker(vendor) => vendor.clone(),
    };
    let countersignature = service
        .countersign_for(&peer.to_string(), &tier, &body.checkpoints)
        .await?;
    Ok(Json(Countersignature { countersignature }))
}
