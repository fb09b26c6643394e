//! A lower tier fetches leases of the upper one: once by command, or again and again while it serves.

use std::sync::Arc;
use std::time::Duration;

use kms_api::Client;
use kms_platform::identity::Identity;

use crate::refusal::{self, Refusal, Result};
use crate::service::Service;

/// Soonest and latest next try.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(3600);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(5);

/// A client of the upper tier's service.
///
/// # Errors
/// The address or the identity cannot be used.
pub fn client(upper: &str, identity: &Identity) -> Result<Client> {
    Client::new(upper, identity).map_err(|e| Refusal::about(&refusal::UPPER_DOWN, e.to_string()))
}

/// Fetches a lease from the upper tier's service and takes it.
///
/// # Errors
/// The upper tier does not answer or refuses, or the HSM refuses the lease.
pub async fn once(service: &Service, client: Client) -> Result<()> {
    let asked = tokio::task::spawn_blocking(move || client.lease()).await;
    let lease = asked
        .map_err(|e| Refusal::about(&refusal::UPPER_DOWN, e.to_string()))?
        .map_err(|e| Refusal::about(&refusal::UPPER_DOWN, e.to_string()))?;
    service.take_lease("service", &lease.lease).await
}

/// Keeps the lease fresh until the service ends: a third of what is left is waited each time.
pub fn keep(service: Arc<Service>, client: Client) {
    tokio::spawn(async move {
        loop {
            let wait = match once(&service, client.clone()).await {
                Ok(()) => left(&service).await / 3,
                Err(error) => {
                    tracing::warn!(%error, "no fresh lease of the upper tier");
                    AGAIN
                }
            };
            tokio::time::sleep(wait.clamp(SOONEST, LATEST)).await;
        }
    });
}

/// What is left of the lease.
async fn left(service: &Service) -> Duration {
    let leases = service.in_hsm(|hsm| hsm.leases()).await.unwrap_or_default();
    let until = leases.iter().filter_map(|lease| lease.not_after).min();
    let now = service.seconds();
    Duration::from_secs(until.unwrap_or(now).saturating_sub(now))
}
