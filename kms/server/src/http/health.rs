//! Is it up, is it ready.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kms_api::{Readiness, paths};
use kms_platform::audit;
use kms_platform::problem::Json;

use super::{Answer, Shared};
use crate::refusal;
use crate::refuse;
use crate::service::Service;

#[utoipa::path(
    get, path = paths::HEALTH, tag = "health", operation_id = "healthz",
    responses((status = 200, body = String, content_type = "text/plain; charset=utf-8"))
)]
/// 200 while the process answers.
pub(super) async fn up() -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        "ok\n",
    )
        .into_response()
}

#[utoipa::path(
    get, path = paths::READY, tag = "health", operation_id = "readyz",
    responses((status = 200, body = Readiness), (status = "default", response = super::openapi::Refused))
)]
/// 200 when store and HSM answer; else 503, whose detail says which does not.
pub(super) async fn ready(State(service): Shared) -> Answer<Readiness> {
    let readiness = look(&service).await;
    match (readiness.store, readiness.hsm) {
        (true, true) => Ok(Json(readiness)),
        (false, _) => Err(refuse!(&refusal::STORE, "not ready: the store", "未就绪：存储").into()),
        (true, false) => {
            Err(refuse!(&refusal::HSM_DOWN, "not ready: the HSM", "未就绪：密码机").into())
        }
    }
}

/// Asks store and HSM.
pub(super) async fn look(service: &Service) -> Readiness {
    let store = match service.store.pool().acquire().await {
        Ok(mut conn) => audit::head(&mut conn).await.is_ok(),
        Err(_) => false,
    };
    let identity = service.in_hsm(|hsm| hsm.identity()).await;
    Readiness {
        store,
        hsm: identity.is_ok_and(|hsm| hsm.mark == service.mark),
    }
}
