//! Numbers for operations, in Prometheus' text form.
//!
//! Counted here, for every service: requests by route and status, how long they took, refusals by slug. A service adds its
//! own. Labels are routes, statuses and slugs of the house's own making, never anything that a request carried.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::Arc;

use crate::name::Peer;
use crate::problem::Slug;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: String,
    method: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Refused {
    slug: String,
}

/// A label of a service's own gauge, such as the id of a ticket.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Of {
    /// What the number is of.
    pub of: String,
}

/// A number with a label, set anew at each look.
pub type Numbers = Family<Of, Gauge>;

/// A number that may be a fraction.
pub type Fraction = Gauge<f64, AtomicU64>;

/// All numbers of one service.
pub struct Metrics {
    registry: Mutex<Registry>,
    answered: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    refused: Family<Refused, Counter>,
}

/// 0.5 ms to 16 s, doubling.
fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

impl Metrics {
    /// With what every service counts.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("rhc")),
            answered: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            refused: Family::default(),
        };
        metrics.add("requests", "Requests answered", metrics.answered.clone());
        metrics.add(
            "request_seconds",
            "Time from head of request to head of answer",
            metrics.seconds.clone(),
        );
        metrics.add(
            "refusals",
            "Requests refused, by slug",
            metrics.refused.clone(),
        );
        Arc::new(metrics)
    }

    /// Takes a further number in; keep a clone to set it.
    pub fn add(&self, name: &str, help: &str, metric: impl prometheus_client::registry::Metric) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register(name, help, metric);
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }

    /// Counts a refusal inside an answer that is none as a whole: one item of a batch.
    pub fn refusal(&self, slug: &str) {
        let refused = Refused {
            slug: slug.to_owned(),
        };
        self.refused.get_or_create(&refused).inc();
    }

    fn count(&self, answered: Answered, slug: Option<&Slug>, begun: Instant) {
        let route = Route {
            route: answered.route.clone(),
        };
        self.seconds
            .get_or_create(&route)
            .observe(begun.elapsed().as_secs_f64());
        if let Some(Slug(slug)) = slug {
            self.refusal(slug);
        }
        self.answered.get_or_create(&answered).inc();
    }
}

/// The layer around every route: counts, and writes one line of log for each answer. Route, not path: a path may name
/// somebody.
pub(crate) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let method = request.method().as_str();
    // A method is text of the asker's choice: unknown ones share a label.
    let method = match method {
        "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS" => method,
        _ => "other",
    }
    .to_owned();
    let peer = request.extensions().get::<Peer>().map(Peer::to_string);
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let slug = response.extensions().get::<Slug>();
    let (peer, ms) = (peer.unwrap_or_default(), begun.elapsed().as_millis());
    match slug {
        Some(Slug(slug)) => tracing::info!(peer, method, route, status, slug, ms, "refused"),
        None => tracing::debug!(peer, method, route, status, ms, "answered"),
    }
    let answered = Answered {
        route,
        method,
        status,
    };
    metrics.count(answered, slug, begun);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new();
        let left = Numbers::default();
        metrics.add("tickets_left", "Left on a ticket", left.clone());
        left.get_or_create(&Of { of: "t-1".into() }).set(7);
        let answered = Answered {
            route: "/v1/keys".into(),
            method: "GET".into(),
            status: 403,
        };
        metrics.count(answered, Some(&Slug("role-refused".into())), Instant::now());
        let text = metrics.text();
        for line in [
            r#"rhc_requests_total{route="/v1/keys",method="GET",status="403"} 1"#,
            r#"rhc_refusals_total{slug="role-refused"} 1"#,
            r#"rhc_request_seconds_count{route="/v1/keys"} 1"#,
            r#"rhc_tickets_left{of="t-1"} 7"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
