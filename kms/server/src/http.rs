//! The routes (`kms_api::paths`). Who asks is known from the certificate; every refusal is a problem with a stable slug.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use kms_api::{
    KeyTable, PersonalisationRequest, SamNationalRequest, SamProvincialFilesRequest,
    SamProvincialKeysRequest, Script, ServiceStatus, paths,
};
use kms_platform::audit;
use kms_platform::name::{Peer, Role};
use kms_platform::problem::{Json, Problem};

use crate::cli::tables::{key_table, status};
use crate::refusal::Refusal;
use crate::service::Service;

type Answer<T> = Result<Json<T>, Problem>;
type Shared = State<Arc<Service>>;

/// All routes over one service.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(paths::PERSONALISATIONS, post(personalise))
        .route(paths::SAM_NATIONAL, post(sam_national))
        .route(paths::SAM_PROVINCIAL_KEYS, post(sam_provincial_keys))
        .route(paths::SAM_PROVINCIAL_FILES, post(sam_provincial_files))
        .route(paths::STATUS, get(get_status))
        .route(paths::KEYS, get(get_keys))
        .route(paths::HEALTH, get(|| async { "ok\n" }))
        .merge(crate::tiers::routes::routes())
        .with_state(service)
}

async fn personalise(
    State(service): Shared,
    peer: Peer,
    Json(body): Json<PersonalisationRequest>,
) -> Answer<Script> {
    answer(service.personalise(&peer, &body).await)
}

async fn sam_national(
    State(service): Shared,
    peer: Peer,
    Json(body): Json<SamNationalRequest>,
) -> Answer<Script> {
    answer(service.sam_national(&peer, &body).await)
}

async fn sam_provincial_keys(
    State(service): Shared,
    peer: Peer,
    Json(body): Json<SamProvincialKeysRequest>,
) -> Answer<Script> {
    answer(service.sam_provincial_keys(&peer, &body).await)
}

async fn sam_provincial_files(
    State(service): Shared,
    peer: Peer,
    Json(body): Json<SamProvincialFilesRequest>,
) -> Answer<Script> {
    answer(service.sam_provincial_files(&peer, &body).await)
}

async fn get_status(State(service): Shared, _peer: Peer) -> Answer<ServiceStatus> {
    answer(status(&service).await)
}

async fn get_keys(State(service): Shared, peer: Peer) -> Answer<KeyTable> {
    peer.require(&[Role::Officer, Role::Clerk])?;
    answer(key_table(&service).await)
}

fn answer<T>(result: Result<T, Refusal>) -> Answer<T> {
    result.map(Json).map_err(|refusal| {
        tracing::info!(slug = refusal.slug(), "refused");
        refusal.into()
    })
}

/// Rows of the audit log, for the status.
///
/// # Errors
/// The store failed.
pub(crate) async fn audit_rows(service: &Service) -> Result<u64, Refusal> {
    let mut conn = service.store.pool().acquire().await?;
    Ok(u64::try_from(audit::head(&mut conn).await?.seq).unwrap_or(0))
}
