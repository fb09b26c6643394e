//! A limit on refused requests per peer, so that nobody fills the audit with refusals.
//!
//! Every refusal is recorded, and a record never goes away. So each peer has [`BURST`] refusals and gets one back every
//! [`REFILL`]; with none left its requests are answered 429 with `Retry-After` before any handler sees them, and nothing is
//! recorded. Requests that succeed cost nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::name::Peer;
use crate::problem::{Problem, TOO_MANY_REFUSALS};

/// Refusals in a row.
pub const BURST: u32 = 200;
/// One more after this time: at most 8640 recorded refusals per peer and day.
pub const REFILL: Duration = Duration::from_secs(10);

/// What each peer has left.
#[derive(Clone)]
pub(crate) struct RefusalLimit {
    burst: u32,
    peers: Arc<Mutex<HashMap<String, Bucket>>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: u32,
    since: Instant,
}

impl Bucket {
    /// What is left at this time; a peer that is full again is forgotten.
    fn refilled(self, burst: u32, now: Instant) -> Option<Self> {
        let elapsed = now.saturating_duration_since(self.since);
        let back = u32::try_from(elapsed.as_secs() / REFILL.as_secs()).unwrap_or(u32::MAX);
        let left = self.left.saturating_add(back);
        (left < burst).then(|| Self {
            left,
            since: self.since + REFILL * back,
        })
    }
}

impl RefusalLimit {
    pub(crate) fn new(burst: u32) -> Self {
        Self {
            burst,
            peers: Arc::default(),
        }
    }

    /// How long the peer has to wait, if it has to.
    fn wait(&self, peer: &str, now: Instant) -> Option<Duration> {
        let mut buckets = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = buckets.get(peer);
        let Some(bucket) = known.and_then(|bucket| bucket.refilled(self.burst, now)) else {
            buckets.remove(peer);
            return None;
        };
        buckets.insert(peer.to_owned(), bucket);
        let waited = now.saturating_duration_since(bucket.since);
        (bucket.left == 0).then(|| REFILL.saturating_sub(waited))
    }

    fn spend(&self, peer: String, now: Instant) {
        let mut buckets = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Bucket {
            left: self.burst,
            since: now,
        };
        let bucket = buckets.entry(peer).or_insert(full);
        bucket.left = bucket.left.saturating_sub(1);
    }
}

/// The layer around every route of a service.
pub(crate) async fn limit_refusals(
    State(limit): State<RefusalLimit>,
    request: Request,
    next: Next,
) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().map(Peer::to_string) else {
        return next.run(request).await;
    };
    if let Some(wait) = limit.wait(&peer, Instant::now()) {
        let mut response = Problem::new(&TOO_MANY_REFUSALS).into_response();
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
        return response;
    }
    let response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        limit.spend(peer, Instant::now());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_run_out_and_come_back_one_by_one() {
        let (limit, start) = (RefusalLimit::new(BURST), Instant::now());
        for _ in 0..BURST {
            assert_eq!(limit.wait("a", start), None);
            limit.spend("a".into(), start);
        }
        assert_eq!(limit.wait("a", start), Some(REFILL));
        assert_eq!(limit.wait("b", start), None, "another peer");
        let half = start + REFILL / 2;
        assert_eq!(limit.wait("a", half), Some(REFILL / 2));
        let later = start + REFILL;
        assert_eq!(limit.wait("a", later), None);
        limit.spend("a".into(), later);
        assert_eq!(limit.wait("a", later), Some(REFILL));
        let next_day = start + REFILL * (BURST + 2);
        assert_eq!(limit.wait("a", next_day), None);
        let known = limit.peers.lock().unwrap();
        assert!(known.is_empty(), "full again, forgotten");
    }
}
