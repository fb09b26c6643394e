//! What monitoring reads besides the counts of requests: tickets, audit, HSM, certificates.
//!
//! Looked up at each scrape; a number that cannot be had is left out by setting `rhc_up_store` or `rhc_up_hsm` to 0.

use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use kms_platform::metrics::{Metrics, Numbers as Labelled, Of};
use kms_platform::prometheus_client::metrics::gauge::Gauge;

use super::{audit_rows, health, reading};
use crate::service::Service;

/// The key service's own numbers.
pub struct Numbers {
    metrics: Arc<Metrics>,
    left: Labelled,
    audit_rows: Gauge,
    alarms: Gauge,
    up: Labelled,
    certificate_days: Gauge,
}

impl Numbers {
    /// Takes its numbers into `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, service: &Service) -> Arc<Self> {
        let numbers = Self {
            left: Labelled::default(),
            audit_rows: Gauge::default(),
            alarms: Gauge::default(),
            up: Labelled::default(),
            certificate_days: Gauge::default(),
            metrics,
        };
        let add = &numbers.metrics;
        add.add(
            "ticket_left",
            "Count left on a ticket, as its latest script told",
            numbers.left.clone(),
        );
        add.add(
            "audit_rows",
            "Rows of the audit chain",
            numbers.audit_rows.clone(),
        );
        add.add(
            "kms_alarms_open",
            "Alarms that no security administrator has looked into",
            numbers.alarms.clone(),
        );
        add.add("up", "1 while store and hsm answer", numbers.up.clone());
        add.add(
            "certificate_days",
            "Days for which the service's certificate is good",
            numbers.certificate_days.clone(),
        );
        add.add(
            "hsm_errors",
            "Calls that the HSM did not answer or refused",
            service.counts.hsm_errors.clone(),
        );
        add.add(
            "commit_groups",
            "Transactions that requests shared",
            service.counts.groups.clone(),
        );
        add.add(
            "scripts",
            "Scripts that went out",
            service.counts.scripts.clone(),
        );
        Arc::new(numbers)
    }

    /// All numbers now.
    pub(super) async fn text(&self, service: &Service) -> Response {
        let readiness = health::look(service).await;
        for (what, up) in [("store", readiness.store), ("hsm", readiness.hsm)] {
            self.up
                .get_or_create(&Of { of: what.into() })
                .set(i64::from(up));
        }
        if let Ok(rows) = audit_rows(service).await {
            self.audit_rows.set(i64::try_from(rows).unwrap_or(i64::MAX));
        }
        if let Ok(open) = reading::alarms_open(service).await {
            self.alarms.set(open);
        }
        if let Ok(rows) = reading::ticket_rows(service).await {
            // A ticket that nothing was made with has all of its count.
            for row in rows.into_iter().filter(|row| row.state == "approved") {
                let left = row.left.unwrap_or(row.quantity);
                let left = i64::try_from(left).unwrap_or(i64::MAX);
                self.left.get_or_create(&Of { of: row.id }).set(left);
            }
        }
        if let Some(until) = service.counts.certificate_until() {
            let seconds = until.as_second() - service.store.clock().now().as_second();
            self.certificate_days.set(seconds / 86_400);
        }
        let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, form)], self.metrics.text()).into_response()
    }
}
