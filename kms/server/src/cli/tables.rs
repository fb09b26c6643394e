//! Key table and status, for command line and HTTP.

use kms_api::{KeyRow, KeyTable, ServiceStatus};
use kms_core::catalogue::provenance;

use crate::http::audit_rows;
use crate::records::keys;
use crate::refusal::Result;
use crate::service::{Service, platform_mark};

/// Every key held here, never bytes.
///
/// # Errors
/// The store failed.
pub async fn key_table(service: &Service) -> Result<KeyTable> {
    let mut conn = service.store.pool().acquire().await?;
    let rows = keys::all(&mut conn).await?.into_iter().map(|record| {
        let depth = u8::try_from(record.depth).unwrap_or(u8::MAX);
        let (tier, factor) = provenance(service.profile, &record.name, depth, &service.tier);
        KeyRow {
            id: record.id,
            name: record.name,
            version: u8::try_from(record.version).unwrap_or(u8::MAX),
            tier: tier.to_owned(),
            factor: factor.map(hex::encode_upper).unwrap_or_default(),
            check_value: record.check_value,
            state: record.state,
        }
    });
    Ok(KeyTable {
        mark: platform_mark(service.mark).to_string(),
        keys: rows.collect(),
        next: None,
    })
}

/// Tier, mark, HSM, numbers.
///
/// # Errors
/// The store failed; an HSM that does not answer is part of the status.
pub async fn status(service: &Service) -> Result<ServiceStatus> {
    let hsm = std::sync::Arc::clone(&service.hsm);
    let identity = tokio::task::spawn_blocking(move || hsm.identity()).await;
    let mut conn = service.store.pool().acquire().await?;
    Ok(ServiceStatus {
        tier: service.tier.name().to_owned(),
        area: service.tier.area().to_owned(),
        mark: platform_mark(service.mark).to_string(),
        hsm_ready: matches!(identity, Ok(Ok(hsm)) if hsm.mark == service.mark),
        active_keys: keys::count(&mut conn).await?,
        audit_rows: audit_rows(service).await?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
