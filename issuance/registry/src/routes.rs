//! HTTP: which role may ask what. Areas are checked in [`Registry`].

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use issuance_registry_api::{
    CardEvent, CardNumber, CardSerial, Cards, EventRequest, Factor, Invalid, Registered,
    RegistrationRequest, Reservation, ReservationRequest, SamRegistrationRequest, SamSerial,
    SamSerialNumber, SamSerialRequest, SamView, Verification,
};
use kms_platform::mark::Mark;
use kms_platform::name::{Area, Peer, Role};
use kms_platform::problem::{INVALID, Json, Path, Problem, Query};
use serde::{Deserialize, Serialize};

use crate::deed::Actor;
use crate::registry::{Registry, SERVICE};

type Answer<T> = Result<Json<T>, Problem>;

/// The registry's whole interface.
pub fn router(registry: Registry) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/reservations", post(reserve))
        .route("/v1/cards", post(register))
        .route("/v1/cards/{key}", get(cards))
        .route("/v1/cards/{key}/events", post(event))
        .route("/v1/verifications", get(verify))
        .route("/v1/sams/serials", post(sam_serial))
        .route("/v1/sams", post(register_sam))
        .route("/v1/sams/{serial}", get(sam))
        .with_state(registry)
}

#[derive(Serialize)]
struct Status {
    service: &'static str,
    version: &'static str,
    area: Area,
    mark: Mark,
}

async fn status(State(registry): State<Registry>, _peer: Peer) -> Json<Status> {
    Json(Status {
        service: SERVICE,
        version: env!("CARGO_PKG_VERSION"),
        area: registry.area().clone(),
        mark: registry.store().mark(),
    })
}

async fn reserve(
    State(registry): State<Registry>,
    peer: Peer,
    Json(request): Json<ReservationRequest>,
) -> Answer<Reservation> {
    peer.require(&[Role::Station])?;
    registry
        .reserve(&Actor::Peer(peer), request)
        .await
        .map(Json)
}

async fn register(
    State(registry): State<Registry>,
    peer: Peer,
    Json(request): Json<RegistrationRequest>,
) -> Answer<Registered> {
    peer.require(&[Role::Station])?;
    registry
        .register(&Actor::Peer(peer), request)
        .await
        .map(Json)
}

async fn cards(
    State(registry): State<Registry>,
    peer: Peer,
    Path(key): Path<String>,
) -> Answer<Cards> {
    peer.require(&[Role::Clerk, Role::Station])?;
    registry.cards(&Actor::Peer(peer), &key).await.map(Json)
}

async fn event(
    State(registry): State<Registry>,
    peer: Peer,
    Path(serial): Path<String>,
    Json(request): Json<EventRequest>,
) -> Answer<Registered> {
    // A station gives up only what it is making; the card's state sees to that.
    match request.event {
        CardEvent::Voided => peer.require(&[Role::Clerk, Role::Station])?,
        _ => peer.require(&[Role::Clerk])?,
    }
    let serial = parse::<CardSerial>(&serial)?;
    registry
        .set_state(&Actor::Peer(peer), serial, request)
        .await
        .map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerificationQuery {
    number: String,
    serial: String,
    /// What the card proved; a clerk at the telephone has none.
    factor: Option<String>,
}

async fn verify(
    State(registry): State<Registry>,
    peer: Peer,
    Query(query): Query<VerificationQuery>,
) -> Answer<Verification> {
    peer.require(&[Role::Hospital, Role::Clerk])?;
    let (number, serial) = (
        parse::<CardNumber>(&query.number)?,
        parse::<CardSerial>(&query.serial)?,
    );
    let chip = query.factor.as_deref().map(parse::<Factor>).transpose()?;
    registry
        .verify(&number, &serial, chip.as_ref())
        .await
        .map(Json)
}

async fn sam_serial(
    State(registry): State<Registry>,
    peer: Peer,
    Json(request): Json<SamSerialRequest>,
) -> Answer<SamSerial> {
    peer.require(&[Role::Station])?;
    registry
        .sam_serial(&Actor::Peer(peer), request)
        .await
        .map(Json)
}

async fn register_sam(
    State(registry): State<Registry>,
    peer: Peer,
    Json(request): Json<SamRegistrationRequest>,
) -> Answer<SamView> {
    peer.require(&[Role::Station])?;
    registry
        .register_sam(&Actor::Peer(peer), request)
        .await
        .map(Json)
}

async fn sam(
    State(registry): State<Registry>,
    peer: Peer,
    Path(serial): Path<String>,
) -> Answer<SamView> {
    peer.require(&[Role::Station, Role::Clerk, Role::Hospital])?;
    registry
        .sam(&parse::<SamSerialNumber>(&serial)?)
        .await
        .map(Json)
}

/// A value from the address line; which form it should have is told, the value is not.
fn parse<T: std::str::FromStr<Err = Invalid>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|invalid: Invalid| {
        Problem::new(&INVALID).detail(invalid.to_string(), invalid.to_string())
    })
}
