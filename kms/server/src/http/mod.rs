//! The routes (`kms_api::paths`), each registered from its entry in the API description, so that neither drifts. Who asks is
//! known from the certificate; every refusal is a problem (RFC 9457) with a stable slug.
//!
//! | module | routes |
//! |---|---|
//! | [`approving`] | requests that wait for signatures |
//! | [`making`] | scripts for cards and SAMs |
//! | [`reading`] | status, and every list, in pages |
//! | [`health`] | is it up, is it ready |
//! | [`identities`] | TLS certificates |
//! | [`numbers`] | what monitoring reads |
//! | [`openapi`] | the description |
//! | [`idempotency`] | what a repeated request means |

mod approving;
mod health;
mod idempotency;
mod identities;
mod making;
pub(crate) mod numbers;
pub(crate) mod openapi;
mod pages;
mod reading;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use kms_platform::audit;
use kms_platform::problem::{Json, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::refusal::Refusal;
use crate::service::Service;

pub use identities::enrolment_router;

type Answer<T> = Result<Json<T>, Problem>;
type Shared = State<Arc<Service>>;

/// All routes with their description.
fn described() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(making::personalise))
        .routes(routes!(making::personalise_batch))
        .routes(routes!(making::sam_national))
        .routes(routes!(making::sam_provincial_keys))
        .routes(routes!(making::sam_provincial_files))
        .routes(routes!(reading::status))
        .routes(routes!(reading::keys))
        .routes(routes!(reading::tickets))
        .routes(routes!(reading::hand_downs))
        .routes(routes!(reading::peers))
        .routes(routes!(reading::identities))
        .routes(routes!(reading::audit_head))
        .routes(routes!(approving::approvals))
        .routes(routes!(approving::approval))
        .routes(routes!(approving::approve))
        .routes(routes!(identities::renew))
        .routes(routes!(health::up))
        .routes(routes!(health::ready))
        .routes(routes!(openapi::serve))
        .merge(crate::tiers::routes::routes())
}

/// All routes over one service.
pub fn router(service: Arc<Service>) -> Router {
    described().with_state(service).split_for_parts().0
}

/// What this machine's monitoring may read without a certificate: numbers and health.
pub fn plain_router(service: Arc<Service>, numbers: Arc<numbers::Numbers>) -> Router {
    Router::new()
        .route(
            "/metrics",
            get(move |State(service): Shared| async move { numbers.text(&service).await }),
        )
        .route(kms_api::paths::HEALTH, get(health::up))
        .route(kms_api::paths::READY, get(health::ready))
        .with_state(service)
}

fn answer<T>(result: Result<T, Refusal>) -> Answer<T> {
    Ok(Json(result?))
}

/// Rows of the audit log, for the status.
///
/// # Errors
/// The store failed.
pub(crate) async fn audit_rows(service: &Service) -> Result<u64, Refusal> {
    let mut conn = service.store.pool().acquire().await?;
    Ok(u64::try_from(audit::head(&mut conn).await?.seq).unwrap_or(0))
}
