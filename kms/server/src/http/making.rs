//! Scripts: one round trip each. What comes in names a person and is wiped when the answer goes out.

use axum::extract::State;
use kms_api::{
    BatchAnswer, BatchOutcome, MAX_BATCH, PersonalisationBatch, PersonalisationRequest,
    SamNationalRequest, SamProvincialFilesRequest, SamProvincialKeysRequest, Script, paths,
};
use kms_platform::name::Peer;
use kms_platform::problem::{Json, Problem};

use super::idempotency::Key;
use super::{Answer, Shared, answer};
use crate::refusal;
use crate::refuse;

#[utoipa::path(
    post, path = paths::PERSONALISATIONS, tag = "making", operation_id = "personalise",
    params(Key), request_body = PersonalisationRequest,
    responses((status = 200, body = Script), (status = "default", response = super::openapi::Refused))
)]
/// One user card's script. For stations. Repeating a request with its id brings the same script from the HSM.
pub(super) async fn personalise(
    State(service): Shared,
    peer: Peer,
    key: Key,
    Json(body): Json<PersonalisationRequest>,
) -> Answer<Script> {
    key.is(body.request_id)?;
    answer(service.personalise(&peer, &body).await)
}

#[utoipa::path(
    post, path = paths::PERSONALISATION_BATCH, tag = "making", operation_id = "personaliseBatch",
    request_body = PersonalisationBatch,
    responses((status = 200, body = BatchAnswer), (status = "default", response = super::openapi::Refused))
)]
/// The scripts of up to 32 user cards, each with its own request id and its own outcome. For stations.
pub(super) async fn personalise_batch(
    State(service): Shared,
    peer: Peer,
    Json(body): Json<PersonalisationBatch>,
) -> Answer<BatchAnswer> {
    let asked = body.requests.len();
    if asked == 0 || asked > MAX_BATCH {
        let refusal = refuse!(
            &refusal::INVALID,
            "a batch has 1 to {MAX_BATCH} requests, not {asked}",
            "一批须有 1 至 {MAX_BATCH} 个请求，而非 {asked} 个"
        );
        return Err(refusal.into());
    }
    let outcomes = service.personalise_many(&peer, &body.requests).await;
    let outcomes = outcomes.into_iter().map(|outcome| match outcome {
        Ok(script) => BatchOutcome::Script(script),
        Err(refusal) => BatchOutcome::Problem(Problem::from(refusal)),
    });
    Ok(Json(BatchAnswer {
        outcomes: outcomes.collect(),
    }))
}

#[utoipa::path(
    post, path = paths::SAM_NATIONAL, tag = "making", operation_id = "samNational",
    params(Key), request_body = SamNationalRequest,
    responses((status = 200, body = Script), (status = "default", response = super::openapi::Refused))
)]
/// National stage of a SAM (D43). For stations, at the ministry.
pub(super) async fn sam_national(
    State(service): Shared,
    peer: Peer,
    key: Key,
    Json(body): Json<SamNationalRequest>,
) -> Answer<Script> {
    key.is(body.request_id)?;
    answer(service.sam_national(&peer, &body).await)
}

#[utoipa::path(
    post, path = paths::SAM_PROVINCIAL_KEYS, tag = "making", operation_id = "samProvincialKeys",
    params(Key), request_body = SamProvincialKeysRequest,
    responses((status = 200, body = Script), (status = "default", response = super::openapi::Refused))
)]
/// Provincial stage a of a SAM: keys and key pair. For stations, at the province.
pub(super) async fn sam_provincial_keys(
    State(service): Shared,
    peer: Peer,
    key: Key,
    Json(body): Json<SamProvincialKeysRequest>,
) -> Answer<Script> {
    key.is(body.request_id)?;
    answer(service.sam_provincial_keys(&peer, &body).await)
}

#[utoipa::path(
    post, path = paths::SAM_PROVINCIAL_FILES, tag = "making", operation_id = "samProvincialFiles",
    params(Key), request_body = SamProvincialFilesRequest,
    responses((status = 200, body = Script), (status = "default", response = super::openapi::Refused))
)]
/// Provincial stage b of a SAM: files, PIN, activation. For stations, at the province.
pub(super) async fn sam_provincial_files(
    State(service): Shared,
    peer: Peer,
    key: Key,
    Json(body): Json<SamProvincialFilesRequest>,
) -> Answer<Script> {
    key.is(body.request_id)?;
    answer(service.sam_provincial_files(&peer, &body).await)
}
